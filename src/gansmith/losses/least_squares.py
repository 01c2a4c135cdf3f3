"""Least squares (Mao et al. 2017, LSGAN, arXiv 1611.04076, equation 9 with a=0, b=c=1)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gansmith.contracts import Loss


@dataclass(frozen=True)
class LeastSquares(Loss):
    """D pulls reals to 1 and fakes to 0, G pulls fakes to 1; scores are used as they are, without a sigmoid."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return ((real - 1).square().mean() + fake.square().mean()) / 2

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (fake - 1).square().mean() / 2
