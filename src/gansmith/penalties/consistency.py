"""Consistency: a moved or mirrored picture gets the same score.

CR-GAN for the reals (Zhang et al. 2020, arXiv 1910.12027, equation 3), bCR for the fakes too (Zhao et al. 2020, arXiv
2002.04724, section 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gansmith.contracts import Penalty, Schedule, Step
from gansmith.layers.transforms import flip, reach, require_pictures, shift, uniform, whole


@dataclass(frozen=True)
class Consistency(Penalty):
    """E (D(x) - D(T(x)))^2 over the reals and, where `of` is "both", the fakes (added); weight 10 in the papers.

    T moves each picture by up to `move` of its sides (an eighth: the papers' 4 of 32 pixels), mirrored at the edges,
    and, with `mirror`, exchanges left and right in half of them; switch that off for digits and letters. Augmentation
    is drawn apart for x and T(x) and thereby becomes part of T.
    """

    weight: Schedule = Schedule(10.0)
    every: int = 1
    of: Literal["real", "both"] = "both"
    move: float = 0.125
    mirror: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.move <= 0.5:
            raise ValueError(f"move must be a share of the sides from 0 to 0.5, not {self.move}; 0.125 is usual")

    def __call__(self, step: Step) -> Tensor:
        pairs = [(step.real, step.real_verdict)]
        if self.of == "both":
            pairs.append((step.fake, step.fake_verdict))
        terms = []
        for x, verdict in pairs:
            moved = step.judge(self._moved(x.detach()), step.given).scores
            terms += [(a - b).square().mean() for a, b in zip(verdict.scores, moved, strict=True)]
        return torch.stack(terms).sum() / len(step.real_verdict.scores)

    def _moved(self, x: Tensor) -> Tensor:
        require_pictures(x, "consistency")
        down, right = (min(reach(side, self.move), side - 1) for side in x.shape[2:])
        x = shift(x, whole(-down, down, x), whole(-right, right, x), "reflect")
        return flip(x, uniform(0, 1, x) < 0.5) if self.mirror else x
