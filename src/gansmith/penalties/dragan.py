"""DRAGAN: unit gradient norm around the reals (Kodali et al. 2017, arXiv 1705.07215, section 2.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gansmith.contracts import Penalty, Schedule, Step


@dataclass(frozen=True)
class Dragan(Penalty):
    """E (|grad_x D(x)| - 1)^2 at x = real + u * noise * std(real) * n, u uniform in [0, 1] and n normal.

    `noise` is a share of the batch's standard deviation; 0.5 in the paper's code.
    """

    weight: Schedule = Schedule(10.0)
    every: int = 1
    noise: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.noise <= 0:
            raise ValueError(f"noise must be above 0 (a share of the data's standard deviation), not {self.noise}")

    def __call__(self, step: Step) -> Tensor:
        real = step.real.detach()
        share = torch.rand([len(real)] + [1] * (real.dim() - 1), dtype=real.dtype, device=real.device)
        x = real + share * self.noise * real.std() * torch.randn_like(real)
        norm: Tensor = step.gradient_at(x).flatten(1).norm(dim=1)
        return (norm - 1).square().mean()
