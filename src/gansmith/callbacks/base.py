"""A callback watches a run: it reads what it likes and writes files, and never changes the training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gansmith.contracts import Report

if TYPE_CHECKING:
    from gansmith.run import Run


class Callback:
    """Does nothing; override what is needed. Called in the order in which the run lists its callbacks."""

    @property
    def name(self) -> str:
        """Under which its state lies in a checkpoint."""
        return type(self).__name__.lower()

    def start(self, run: Run) -> None:
        """Once, before the first step of this process; the run's state is loaded."""

    def after_step(self, run: Run, report: Report) -> None:
        """After every step; `run.clock` already counts it."""

    def snapshot(self, run: Run) -> None:
        """Between two steps, where somebody wants the folder to tell of this moment."""

    def finish(self, run: Run) -> None:
        """Once, after the last step: training is complete, or was asked to stop."""

    def state_dict(self) -> dict[str, Any]:
        """What must survive a restart; kept in the checkpoints."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The counterpart of `state_dict`."""
