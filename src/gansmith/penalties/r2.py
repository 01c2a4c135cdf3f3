"""R2: a zero-centred gradient penalty on the fakes (Mescheder et al. 2018, arXiv 1801.04406, equation 10).

Together with R1 it keeps the relativistic game from collapsing (Huang et al. 2024, arXiv 2501.05441, section 2.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from gansmith.contracts import Penalty, Schedule, Step
from gansmith.layers.frequencies import require_finest, weigh_frequencies


@dataclass(frozen=True)
class R2(Penalty):
    """1/2 E |S grad_x D(x)|^2 over the fakes, summed over C, H, W; `weight` is the papers' gamma.

    S weighs the gradient's frequencies by `finest`, as in R1 (r1.py).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"fake"})
    weight: Schedule = Schedule(1.0)
    every: int = 1
    finest: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_finest(self.finest)

    def __call__(self, step: Step) -> Tensor:
        gradient = weigh_frequencies(step.gradient("fake"), self.finest)
        return gradient.square().flatten(1).sum(1).mean() / 2
