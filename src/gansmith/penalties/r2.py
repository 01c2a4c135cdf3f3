"""R2: a zero-centred gradient penalty on the fakes (Mescheder et al. 2018, arXiv 1801.04406, equation 10).

Together with R1 it keeps the relativistic game from collapsing (Huang et al. 2024, arXiv 2501.05441, section 2.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from gansmith.contracts import Penalty, Schedule, Step


@dataclass(frozen=True)
class R2(Penalty):
    """1/2 E |grad_x D(x)|^2 over the fakes, summed over C, H, W; `weight` is the papers' gamma."""

    needs: ClassVar[frozenset[str]] = frozenset({"fake"})
    weight: Schedule = Schedule(1.0)
    every: int = 1

    def __call__(self, step: Step) -> Tensor:
        return step.gradient("fake").square().flatten(1).sum(1).mean() / 2
