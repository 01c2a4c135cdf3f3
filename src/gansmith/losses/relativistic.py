"""Relativistic pairing (Jolicoeur-Martineau 2018, arXiv 1807.00734; Huang et al. 2024, R3GAN, arXiv 2501.05441, eq. 2).

Each real is compared with one fake, so D cannot ignore a mode without paying for it. With R1 and R2 the game converges
locally, which is what the default recipe rests on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import softplus

from gansmith.contracts import Loss


@dataclass(frozen=True)
class Relativistic(Loss):
    """D: softplus(D(fake) - D(real)); G: softplus(D(real) - D(fake)); real and fake paired by their place."""

    compares: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(fake - real).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(real - fake).mean()
