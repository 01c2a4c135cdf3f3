"""LeCam regularisation: scores held near where the other side's were (Tseng et al. 2021, arXiv 2104.03310, eq. 4).

For training on few pictures, where the discriminator's scores of reals and fakes drift apart without end.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gansmith.contracts import Penalty, Schedule, Step

ANCHORS = "lecam/anchors"


@dataclass(frozen=True)
class LeCam(Penalty):
    """E (D(real) - a_fake)^2 + E (D(fake) - a_real)^2, a the running averages of both sides' mean scores.

    Weight .3 and `decay` .99 a step in the paper. With a relativistic loss only differences of scores count; so here:
    the averages follow the scores, and a constant added to all scores is added to them too and changes nothing. What
    is held is the gap between reals and fakes and the spread of each. Averages are kept with the game's checkpoint.
    """

    remembers = True

    weight: Schedule = Schedule(0.3)
    every: int = 1
    decay: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must be at least 0 and below 1, not {self.decay}; 0.99 is usual")

    def __call__(self, step: Step) -> Tensor:
        real, fake = step.real_verdict.scores, step.fake_verdict.scores
        means = torch.stack([torch.stack([s.detach().mean() for s in scores]) for scores in (real, fake)])  # [2, heads]
        anchors = torch.lerp(means, step.memory.get(ANCHORS, means).to(means), self.decay)
        step.memory[ANCHORS] = anchors
        terms = [
            (r - a_fake).square().mean() + (f - a_real).square().mean()
            for r, f, a_real, a_fake in zip(real, fake, *anchors, strict=True)
        ]
        return torch.stack(terms).mean()
