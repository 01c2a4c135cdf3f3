"""Batch normalisation over the whole batch where processes share it (Peng et al. 2018, MegDet, arXiv 1711.07240).

On any device, and with second derivatives, which gradient penalties need; torch's own is for GPUs alone.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gansmith.world import World


class Sum(torch.autograd.Function):
    """The sum of a tensor over all processes; so is its gradient, of any order."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total: Tensor = Sum.apply(gradient)  # type: ignore[no-untyped-call]
        return total


class SynchronisedBatchNorm2d(nn.BatchNorm2d):
    """As `nn.BatchNorm2d` on the batches [B, C, H, W] of all processes together, which must be of equal size.

    Only where gradients are kept: without them a process may be looking at samples of its own.
    """

    world: World

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and torch.is_grad_enabled()):
            return super().forward(x)
        wide = x.float()
        moments = torch.cat([wide.mean((0, 2, 3)), wide.square().mean((0, 2, 3))])
        total: Tensor = Sum.apply(moments)  # type: ignore[no-untyped-call]
        mean, square = (total / self.world.size).chunk(2)
        variance = square - mean.square()
        self._remember(mean.detach(), variance.detach(), x.numel() // x.shape[1] * self.world.size)
        scale = torch.rsqrt(variance + self.eps)
        shift = -mean * scale
        if self.affine:
            scale, shift = scale * self.weight, shift * self.weight + self.bias
        return (wide * scale[:, None, None] + shift[:, None, None]).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * count / max(count - 1, 1), momentum)


def synchronise(network: nn.Module, world: World) -> None:
    """Let every `nn.BatchNorm2d` in `network` see what all processes of `world` see; its weights and names stay."""
    for module in network.modules():
        changed: Any = module
        if type(module) is nn.BatchNorm2d and world.size > 1:
            changed.__class__ = SynchronisedBatchNorm2d
            changed.world = world
        elif type(module) is SynchronisedBatchNorm2d and world.size == 1:
            changed.__class__ = nn.BatchNorm2d
