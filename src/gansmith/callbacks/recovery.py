"""Non-finite numbers: back to the last good checkpoint with half the learning rate, said aloud, three times at most."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from gansmith.callbacks.checkpoint import restore
from gansmith.contracts import Report
from gansmith.errors import Diverged
from gansmith.folder.alerts import Alert, append

if TYPE_CHECKING:
    from gansmith.run import Run

TRIES = 3
LATE = 8  # steps
ADVICE = "lower the learning rate, raise the gradient penalty, or use float32 (--set train.precision=float32)"


class _Question:
    """Are all numbers of a report finite? Put to the device that has them."""

    def __init__(self, report: Report) -> None:
        self.report = report
        values = report.values.values()
        device = next((v.device for v in values if v.is_cuda), None)
        self.at_once = device is None
        if device is None:
            return
        found = torch.stack([v.to(device, non_blocking=True).isfinite() for v in values]).all()
        self._answer = torch.empty((), dtype=torch.bool, pin_memory=True).copy_(found, non_blocking=True)
        self._event: Any = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._event.record()

    @property
    def answered(self) -> bool:
        return self.at_once or bool(self._event.query())

    def fine(self) -> bool:
        if self.at_once:
            return self.report.finite
        self._event.synchronize()
        return bool(self._answer)


class Recovery:
    """Counts how often a run had to go back in this process."""

    def __init__(self) -> None:
        self.tries = 0
        self._asked: deque[_Question] = deque()
        self._bad = Report({})

    def fine(self, report: Report) -> bool:
        """Whether all numbers are finite, as far as is known. A GPU answers up to LATE steps later: nobody waits."""
        self._asked.append(_Question(report))
        while self._asked and (len(self._asked) > LATE or self._asked[0].answered):
            question = self._asked.popleft()
            if not question.fine():
                self._asked.clear()
                self._bad = question.report
                return False
        return True

    def go_back(self, run: Run, say: Callable[[str], None]) -> None:
        """Restore `run` to its last checkpoint, more cautious. Raises Diverged when it has been tried enough."""
        bad = ", ".join(tag for tag, value in self._bad.values.items() if not torch.isfinite(value))
        at, seconds, caution = run.clock.samples_seen, run.watch.seconds, run.game.generator.caution / 2
        evidence = f"{bad} at {at:,} samples seen"
        self.tries += 1
        if self.tries > TRIES or not restore(run, say):
            append(run.folder, Alert(at, "non-finite", f"{evidence}, given up.", ADVICE, seconds=seconds))
            raise Diverged(
                f"Training became non-finite ({bad}) {self.tries} times, the last at {at:,} samples seen.\n"
                f"The last good checkpoint is intact in {run.folder}. What to do: {ADVICE}."
            )
        run.watch.set(seconds)
        slow_down(run, caution)
        back = run.clock.samples_seen
        answer = f"back to {back:,}, learning rates x {caution:g}."
        numbers = {"back_to": float(back), "caution": caution}
        append(
            run.folder, Alert(at, "non-finite", f"{evidence}: {answer}", ADVICE, "recovered", "warn", seconds, numbers)
        )
        say(f"Non-finite {evidence}: {answer}")


def slow_down(run: Run, caution: float) -> None:
    """From now on both players' learning rates are multiplied by `caution`."""
    for player in (run.game.generator, run.game.discriminator):
        player.caution = caution
