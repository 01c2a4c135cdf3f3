"""Time in a training, and numbers that change with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple


@dataclass(frozen=True)
class Schedule:
    """A number that changes over training: `start` to `end` while progress goes from 0 to `until`.

    In a recipe: a plain number, or `{start = 1.0, end = 0.1, shape = "cosine"}`.
    """

    start: float
    end: float | None = None  # None: constant
    shape: Literal["linear", "cosine"] = "cosine"
    until: float = 1.0  # share of the training after which the value stays at `end`, in (0, 1]

    def __call__(self, progress: float) -> float:
        """The value at `progress` in [0, 1] (larger is read as 1)."""
        if self.end is None:
            return self.start
        t = min(max(progress / self.until, 0.0), 1.0)
        share = t if self.shape == "linear" else (1 - math.cos(math.pi * t)) / 2
        return self.start + (self.end - self.start) * share


class Clock(NamedTuple):
    """Where training is. Time is samples seen, never iterations."""

    samples_seen: int = 0  # real samples that the discriminator has been shown, over all processes
    progress: float = 0.0  # share of the planned training that is done, in [0, 1]
    step: int = 0  # discriminator updates done; samples_seen / (batch x processes)
