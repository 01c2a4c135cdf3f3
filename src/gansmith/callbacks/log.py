"""The numbers of a run: metrics.jsonl, tfevents and the progress line, averaged over each interval."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from gansmith.callbacks.averages import Averages
from gansmith.callbacks.base import Callback
from gansmith.callbacks.preview import Preview
from gansmith.callbacks.progress import Progress
from gansmith.contracts import Report
from gansmith.folder.metrics_log import MetricsLog
from gansmith.folder.tfevents import EventsWriter

if TYPE_CHECKING:
    from gansmith.run import Run


class Log(Callback):
    """A row a second at first, then ever more rarely (every 1/1000 of the time so far), so that files stay small."""

    def __init__(self, progress: Progress, preview: Preview) -> None:
        self.progress, self.preview = progress, preview
        self._averages = Averages()

    def start(self, run: Run) -> None:
        self._averages.clear()
        self._file = MetricsLog(run.folder / "metrics.jsonl")
        self._events = EventsWriter(run.folder)
        self._mark(run)

    def after_step(self, run: Run, report: Report) -> None:
        self._averages.add(report.values)
        if time.monotonic() >= self._next:
            self._write(run)

    def finish(self, run: Run) -> None:
        if self._averages:
            self._write(run)
        self._events.close()
        self.progress.close()

    def scores(self, run: Run, values: dict[str, float]) -> None:
        """A row of its own for an evaluation."""
        self.row(run, {f"score/{name}": value for name, value in values.items()})

    def _write(self, run: Run) -> None:
        values = self._averages.take()
        seconds = max(run.watch.seconds - self._seconds, 1e-9)
        values["rate/samples_per_second"] = (run.clock.samples_seen - self._samples) / seconds
        values["rate/data_wait_share"] = (run.seconds_waiting - self._waiting) / seconds
        values["rate/lr_generator"] = run.game.generator.lr(run.clock)
        values["rate/lr_discriminator"] = run.game.discriminator.lr(run.clock)
        resident = resident_megabytes()
        if resident is not None:
            values["memory/resident_mb"] = resident
        self.row(run, values)
        rate, newest = values["rate/samples_per_second"], self.preview.newest
        self.progress.show(run.clock.samples_seen, run.watch.seconds, rate, values, newest)
        self._mark(run)

    def row(self, run: Run, values: dict[str, float]) -> None:
        """A row by tag, as it is now."""
        self._file.append(run.clock.samples_seen, run.watch.seconds, values)
        for tag, value in values.items():
            self._events.scalar(tag, value, run.clock.samples_seen, time.time())

    def _mark(self, run: Run) -> None:
        self._samples, self._seconds, self._waiting = run.clock.samples_seen, run.watch.seconds, run.seconds_waiting
        self._next = time.monotonic() + max(1.0, run.watch.seconds / 1000)


def resident_megabytes() -> float | None:
    """This process' resident memory in MB; None where the system does not tell without further packages."""
    if sys.platform == "linux":
        with open("/proc/self/statm") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * 4096 / 2**20
    return None
