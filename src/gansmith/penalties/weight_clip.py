"""Weight clipping, the first way to a Lipschitz critic (Arjovsky et al. 2017, arXiv 1701.07875, algorithm 1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gansmith.contracts import Penalty, Schedule, Step


@dataclass(frozen=True)
class WeightClip(Penalty):
    """No term: after each update every weight of the critic is clipped to [-limit, limit]; 0.01 in the paper."""

    weight: Schedule = Schedule(1.0)
    every: int = 1
    limit: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.limit <= 0:
            raise ValueError(f"limit must be above 0, not {self.limit}; the paper clips at 0.01")

    def __call__(self, step: Step) -> Tensor:
        return step.real.new_zeros(())

    @torch.no_grad()
    def after_update(self, network: nn.Module) -> None:
        for parameter in network.parameters():
            parameter.clamp_(-self.limit, self.limit)
