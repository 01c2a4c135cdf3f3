"""The non-saturating game (Goodfellow et al. 2014, section 3): G maximises log s(D(G(z))) instead.

The "BCE from logits" of most tutorials: both players minimise binary cross-entropy, G with the labels turned round.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus

from gansmith.contracts import Loss
from gansmith.layers.cross_entropy import real_or_fake, require_smoothing


@dataclass(frozen=True)
class NonSaturating(Loss):
    """Binary cross-entropy from logits. `smoothing` in [0, 0.5): the reals' target is 1 - smoothing (one-sided)."""

    smoothing: float = 0.0

    def __post_init__(self) -> None:
        require_smoothing(self.smoothing)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return real_or_fake(real, fake, self.smoothing)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-fake).mean()
