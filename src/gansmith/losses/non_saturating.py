"""The non-saturating game (Goodfellow et al. 2014, section 3): G maximises log s(D(G(z))) instead.

The "BCE from logits" of most tutorials: both players minimise binary cross-entropy, G with the labels turned round.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus

from gansmith.contracts import Loss


@dataclass(frozen=True)
class NonSaturating(Loss):
    """Binary cross-entropy from logits. `smoothing` in [0, 0.5): the reals' target is 1 - smoothing (one-sided)."""

    smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing < 0.5:
            raise ValueError(f"smoothing must be in [0, 0.5), not {self.smoothing}; 0.1 is usual")

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        # BCE with target t from a logit x is softplus(-x) + (1 - t) x
        return (softplus(-real) + self.smoothing * real).mean() + softplus(fake).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-fake).mean()
