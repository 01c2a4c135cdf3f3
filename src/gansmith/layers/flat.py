"""From a vector to a map and from a map to a vector, keeping the memory layout that convolutions are fast with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gansmith.layers.sizes import Size


class ToMap(nn.Module):
    """[B, C h w] -> [B, C, h, w], with channels last in memory."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return torch.unflatten(x, 1, (-1, *self.size)).contiguous(memory_format=torch.channels_last)


def flat(x: Tensor) -> Tensor:
    """[B, C, h, w] -> [B, C h w]. The gradient comes back in the layout of `x`, which `torch.flatten` forgets."""
    y: Tensor = _Flat.apply(x)  # type: ignore[no-untyped-call]
    return y


class _Flat(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.reshape(len(x), -1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.shape = inputs[0].shape
        last = inputs[0].is_contiguous(memory_format=torch.channels_last)
        ctx.layout = torch.channels_last if last else torch.contiguous_format

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.reshape(ctx.shape).contiguous(memory_format=ctx.layout)
