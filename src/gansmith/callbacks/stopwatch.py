"""How long a run has trained, over all processes that went on with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Runs from its making on; evaluations and previews count, what happens in `stopped` does not."""

    def __init__(self) -> None:
        self.set(0.0)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begin

    def set(self, seconds: float) -> None:
        """Go on from `seconds`."""
        self._begin = time.monotonic() - seconds

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """What happens inside is not training time (making a feature extractor, the final scores)."""
        seconds = self.seconds
        yield
        self.set(seconds)
