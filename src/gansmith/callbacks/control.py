"""Whether a training goes on: signals and the run folder's control file may end it, and the file may pause it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gansmith.callbacks.checkpoint import keep_generator
from gansmith.callbacks.stop import Stop
from gansmith.folder import control_file
from gansmith.folder.run_json import update_run

if TYPE_CHECKING:
    from gansmith.run import Run

LOOKS = 0.5  # seconds between looks at the folder


class Control(Stop):
    """A context for the loop of `run`. What was asked before it began is not obeyed."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run
        self._next = 0.0

    def __enter__(self) -> Control:
        super().__enter__()
        control_file.take(self._run.folder)
        return self

    def goes_on(self) -> bool:
        """False when the training is to end. Returns only after a pause that was asked for; that is not training time,
        and a run that is killed in it has lost nothing."""
        if time.monotonic() >= self._next:
            self._heed(control_file.take(self._run.folder))
            self._next = time.monotonic() + LOOKS
        return not self.asked

    def _heed(self, wish: control_file.Wish | None) -> None:
        if wish == "stop":
            self.asked = True
        elif wish == "snapshot":
            self._bring_up_to_date()
            keep_generator(self._run)
        elif wish == "pause":
            self._pause()

    def _bring_up_to_date(self) -> None:
        for callback in self._run.callbacks:
            callback.snapshot(self._run)

    def _pause(self) -> None:
        with self._run.watch.stopped():
            self._bring_up_to_date()
            update_run(self._run.folder, state="paused")
            wish: control_file.Wish | None = None
            while wish != "continue" and not self.asked:
                time.sleep(LOOKS)
                wish = control_file.take(self._run.folder)
                if wish != "pause":
                    self._heed(wish)
            update_run(self._run.folder, state="running")
