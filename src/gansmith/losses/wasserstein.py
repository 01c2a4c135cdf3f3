"""Wasserstein (Arjovsky et al. 2017, WGAN, arXiv 1701.07875, equation 2).

The critic must be kept Lipschitz by something else: `gradient_penalty`, `weight_clip`, or spectral normalisation.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gansmith.contracts import Loss


@dataclass(frozen=True)
class Wasserstein(Loss):
    """The critic estimates the distance between reals and fakes; G lowers it."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -fake.mean()
