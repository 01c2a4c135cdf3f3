"""R1 and R2 by finite differences: two passes instead of a double backward.

For n standard normal, E_n ((D(x + eps n) - D(x)) / eps)^2 tends to |grad_x D(x)|^2 as eps tends to 0 (a directional
derivative's mean square, as in Hutchinson's estimator of a trace); R1 and R2 are halves of it (Mescheder et al. 2018,
arXiv 1801.04406, equations 9 and 10). What it needs is a first derivative, which every compiler and precision can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gansmith.contracts import Penalty, Schedule, Step


@dataclass(frozen=True)
class FiniteDifference(Penalty):
    """1/2 E ((D(x + eps n) - D(x)) / eps)^2 over a `share` of the reals, the fakes, or both (added).

    `weight` is gamma, as for `r1` and `r2`. `eps` is in the samples' units (pictures span [-1, 1]); below about .03 the
    difference drowns in bfloat16's rounding. Both passes see the same augmentation and dropout.
    """

    weight: Schedule = Schedule(1.0)
    every: int = 1
    of: Literal["real", "fake", "both"] = "both"
    eps: float = 0.03
    share: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.eps > 0:
            raise ValueError(f"eps must be above 0, not {self.eps}; 0.03 is usual")
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be above 0 and at most 1 (the whole batch), not {self.share}")

    def __call__(self, step: Step) -> Tensor:
        count = len(step.real)
        if self.share < 1:  # in fours, because packing and minibatch stddev look at several samples together
            count = min(count, max(4, round(count * self.share / 4) * 4))
        given = None if step.given is None else step.given[:count]
        wanted = [x for name, x in (("real", step.real), ("fake", step.fake)) if self.of in (name, "both")]
        return torch.stack([self._slope(step, x.detach()[:count], given) for x in wanted]).sum() / 2

    def _slope(self, step: Step, x: Tensor, given: Tensor | None) -> Tensor:
        """E of the squared difference over eps, summed over heads and over what a head says of one sample."""
        moved = x + self.eps * torch.randn_like(x)
        with torch.random.fork_rng([x.device] if x.device.type == "cuda" else []):
            here = step.judge(x, given).scores
        there = step.judge(moved, given).scores  # the same random numbers, which are used up now
        slopes = [((t - h).reshape(len(t), -1).sum(1) / self.eps) for t, h in zip(there, here, strict=True)]
        return torch.stack(slopes).sum(0).square().sum() / len(x)
