"""WGAN-GP: unit gradient norm between reals and fakes (Gulrajani et al. 2017, arXiv 1704.00028, equation 3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gansmith.contracts import Penalty, Schedule, Step


@dataclass(frozen=True)
class GradientPenalty(Penalty):
    """E (|grad_x D(x)| - 1)^2 at points drawn evenly on the line from each real to a fake; weight 10 in the paper."""

    weight: Schedule = Schedule(10.0)
    every: int = 1

    def __call__(self, step: Step) -> Tensor:
        share = torch.rand(
            [len(step.real)] + [1] * (step.real.dim() - 1), dtype=step.real.dtype, device=step.real.device
        )
        x = torch.lerp(step.real.detach(), step.fake.detach(), share)
        norm: Tensor = step.gradient_at(x).flatten(1).norm(dim=1)
        return (norm - 1).square().mean()
