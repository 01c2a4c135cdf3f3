"""Relativistic average (Jolicoeur-Martineau 2018, arXiv 1807.00734, section 4.2, RaSGAN).

Each sample is compared with the mean score of the other side, where `relativistic` compares pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import softplus

from gansmith.contracts import Loss


@dataclass(frozen=True)
class RelativisticAverage(Loss):
    """D: softplus(E D(fake) - D(real)) + softplus(D(fake) - E D(real)); G the same with the sides exchanged."""

    compares: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(fake.mean(0) - real).mean() + softplus(fake - real.mean(0)).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return self.discriminator(fake, real)
