"""Feature matching: fakes are on average as reals are, in the discriminator's eyes.

Salimans et al. 2016, arXiv 1606.03498, section 3.1, with the sum of distances instead of squares, as is usual since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from gansmith.contracts import Penalty, PlayerName, Schedule, Step


@dataclass(frozen=True)
class FeatureMatching(Penalty):
    """Mean over a layer's features of |E f(real) - E f(fake)|, averaged over the layers; the generator pays."""

    player: ClassVar[PlayerName | Literal["both"]] = "generator"
    weight: Schedule = Schedule(1.0)
    every: int = 1

    def __call__(self, step: Step) -> Tensor:
        real, fake = step.real_verdict.features, step.fake_verdict.features
        if not fake:
            raise ValueError(
                "feature_matching needs a discriminator with hidden layers, and this one shows none: give it some, or "
                "leave the penalty out"
            )
        gaps = [(r.float().mean(0) - f.float().mean(0)).abs().mean() for r, f in zip(real, fake, strict=True)]
        return torch.stack(gaps).mean()
