"""R1: a zero-centred gradient penalty on the reals (Mescheder et al. 2018, arXiv 1801.04406, equation 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from gansmith.contracts import Penalty, Schedule, Step


@dataclass(frozen=True)
class R1(Penalty):
    """1/2 E |grad_x D(x)|^2 over the reals, summed over C, H, W; `weight` is the papers' gamma."""

    needs: ClassVar[frozenset[str]] = frozenset({"real"})
    weight: Schedule = Schedule(1.0)
    every: int = 1

    def __call__(self, step: Step) -> Tensor:
        return step.gradient("real").square().flatten(1).sum(1).mean() / 2
