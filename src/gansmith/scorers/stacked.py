"""Modes of stacked digits, beside what as many real stacks have by the same classifier."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gansmith.contracts import Dataset, Scorer
from gansmith.features.stacked import fit_stacked
from gansmith.metrics.stacked import PUBLISHED, stacked_modes

CHUNK = 500


class StackedScorer(Scorer):
    """`modes` and `kl` of samples, and `modes_real` and `kl_real` of as many held-out ones."""

    name = "stacked"
    samples = PUBLISHED

    def __init__(
        self, dataset: Dataset, test: Dataset | None, say: Callable[[str], None], made: tuple[str, int]
    ) -> None:
        self._extractor = fit_stacked(dataset, test, say, architecture=made[0], seed=made[1])
        self._classes = len(self._extractor.single.labels)
        self._real = dataset if test is None else test
        self._answers = torch.empty(0, dataset.spec.shape[0], dtype=torch.int64)  # of the reals, as far as needed
        self.protocol = {
            "hash": self._extractor.hash,
            "details": self._extractor.details,
            "kl": "KL(generated || uniform), nats",
            "real": "train split" if test is None else "test split",
        }

    def see(self, x: Tensor) -> Tensor:
        """Every channel's class, int64 [B, C]."""
        return self._extractor.classify(x)

    def score(self, seen: Tensor) -> dict[str, float]:
        """Of classes int64 [N, C]."""
        made, real = stacked_modes(seen, self._classes), stacked_modes(self._first(len(seen)), self._classes)
        return {
            "modes": float(made.modes),
            "kl": made.kl,
            "modes_real": float(real.modes),
            "kl_real": real.kl,
        }

    def _first(self, count: int) -> Tensor:
        """The classes of the first `count` real stacks, or of all: their order is random anyway."""
        wanted = min(count, len(self._real))
        for start in range(len(self._answers), wanted, CHUNK):
            x = self._real.fetch(range(start, min(start + CHUNK, wanted))).real
            self._answers = torch.cat([self._answers, self.see(x)])
        return self._answers[:wanted]
