"""R1: a zero-centred gradient penalty on the reals (Mescheder et al. 2018, arXiv 1801.04406, equation 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from gansmith.contracts import Penalty, Schedule, Step
from gansmith.layers.frequencies import require_finest, weigh_frequencies


@dataclass(frozen=True)
class R1(Penalty):
    """1/2 E |S grad_x D(x)|^2 over the reals, summed over C, H, W; `weight` is the papers' gamma.

    S weighs the gradient's frequencies (`layers/frequencies.py`): 1 for its mean, `finest` for one cycle in two pixels.
    With 1, the papers', a discriminator spends the little slope that it may have where real and made pictures differ
    most, which is their broad shapes, and detail a hundredth as strong is left as it comes. Less lets it look there
    too (a Sobolev norm: Adler & Lunz 2018, Banach Wasserstein GAN, arXiv 1806.06621, section 3.2).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"real"})
    weight: Schedule = Schedule(1.0)
    every: int = 1
    finest: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_finest(self.finest)

    def __call__(self, step: Step) -> Tensor:
        gradient = weigh_frequencies(step.gradient("real"), self.finest)
        return gradient.square().flatten(1).sum(1).mean() / 2
