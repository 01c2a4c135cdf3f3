"""Path length: equal steps in w make equal changes of the image (Karras et al. 2020, arXiv 1912.04958, equation 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gansmith.contracts import Penalty, PlayerName, Schedule, Step


@dataclass(frozen=True)
class PathLength(Penalty):
    """E (|J_w^T y| - a)^2, with J = d(image) / dw, y normal noise over sqrt(H W), and a the lengths' running mean.

    Where w has one vector a layer, [B, L, Z], |J_w^T y|^2 is the mean over layers. a starts at the first lengths and
    follows with `decay` a payment; it lies in the game's memory as "path_length".
    """

    player: ClassVar[PlayerName] = "generator"
    needs: ClassVar[frozenset[str]] = frozenset({"latent"})
    weight: Schedule = Schedule(2.0)
    every: int = 4
    decay: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must be at least 0 and below 1, not {self.decay}; 0.99 is usual")

    def __call__(self, step: Step) -> Tensor:
        if step.latent is None:
            raise ValueError("path_length needs the latents of the fakes: it is a penalty of the generator")
        y = torch.randn_like(step.fake) / math.sqrt(math.prod(step.fake.shape[2:]))
        (slope,) = torch.autograd.grad((step.fake * y).sum(), step.latent, create_graph=True)  # [B, (L,) Z]
        layers = slope[0].numel() / slope.shape[-1]
        lengths = slope.to(step.fake.dtype).flatten(1).norm(dim=1) / math.sqrt(layers)  # [B]
        now = lengths.detach().mean()
        mean = step.memory.get("path_length", now).to(now)
        step.memory["path_length"] = torch.lerp(now, mean, self.decay)
        term: Tensor = (lengths - mean).square().mean()
        return term
