"""Reconstruction: the discriminator must be able to read a picture back from its features (Liu et al. 2021, FastGAN,
arXiv 2101.04775, section 3.2, eq. 4).

What that asks of the features keeps the discriminator from learning a few samples by heart.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gansmith.contracts import Penalty, Schedule, Step


@dataclass(frozen=True)
class Reconstruction(Penalty):
    """E |decode(features of x) - x| over the reals, as the discriminator saw them (augmented); absolute, not squared.

    For a discriminator with decoders: `fastgan` with `reconstruct = true`; ValueError for another.
    """

    weight: Schedule = Schedule(1.0)
    every: int = 1

    def __call__(self, step: Step) -> Tensor:
        error = step.real_verdict.reconstruction
        if error is None:
            raise ValueError(
                "the penalty 'reconstruction' wants a discriminator that reconstructs, and this one does not: "
                "set architecture.name = fastgan and architecture.reconstruct = true, or leave the penalty out"
            )
        return error.mean()
