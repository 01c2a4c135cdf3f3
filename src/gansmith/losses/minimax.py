"""The original game, saturating for the generator (Goodfellow et al. 2014, arXiv 1406.2661, equation 1).

D maximises log s(D(x)) + log(1 - s(D(G(z)))), s the sigmoid; G minimises log(1 - s(D(G(z)))), whose gradient fades
where D is sure that the sample is fake. Kept for teaching and comparison: `non_saturating` is the one to train with.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus

from gansmith.contracts import Loss
from gansmith.layers.cross_entropy import real_or_fake, require_smoothing


@dataclass(frozen=True)
class Minimax(Loss):
    """Binary cross-entropy from logits. `smoothing` in [0, 0.5): the reals' target is 1 - smoothing (one-sided)."""

    smoothing: float = 0.0

    def __post_init__(self) -> None:
        require_smoothing(self.smoothing)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return real_or_fake(real, fake, self.smoothing)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -softplus(fake).mean()
