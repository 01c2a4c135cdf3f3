"""Modes of a known mixture of Gaussians."""

from __future__ import annotations

import torch
from torch import Tensor

from gansmith.contracts import Mixture, Scorer
from gansmith.metrics.modes import modes

PUBLISHED = 2500  # samples in the papers that counted modes first (VEEGAN, PacGAN)


class ModesScorer(Scorer):
    """`hit`, `high_quality` and `kl` of the first samples drawn."""

    name = "modes"
    samples = PUBLISHED

    def __init__(self, mixture: Mixture) -> None:
        self.mixture = mixture
        self.protocol = {"modes": len(mixture.centres), "kl": "KL(high-quality samples' modes || uniform), nats"}

    def see(self, x: Tensor) -> Tensor:
        """The samples themselves, flat [B, D]."""
        return torch.flatten(x, 1)

    def score(self, seen: Tensor) -> dict[str, float]:
        """Of samples [N, D]."""
        found = modes(seen, *self.mixture)
        return {"hit": found.hit, "high_quality": found.high_quality, "kl": found.kl}
