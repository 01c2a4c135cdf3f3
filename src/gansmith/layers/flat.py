"""From a vector to a map and from a map to a vector, keeping the memory layout that convolutions are fast with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gansmith.layers.sizes import Size


class ToMap(nn.Module):
    """[B, C h w] -> [B, C, h, w], in the layout that `network.to(memory_format=...)` gave to the weights."""

    layout: Tensor

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("layout", torch.zeros(1, 2, 2, 2, dtype=torch.uint8), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.unflatten(x, 1, (-1, *self.size)).contiguous(memory_format=layout_of(self.layout))


def layout_of(x: Tensor) -> torch.memory_format:
    """Channels last where x [B, C, h, w] has them last."""
    last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


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
        ctx.shape, ctx.layout = inputs[0].shape, layout_of(inputs[0])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.reshape(ctx.shape).contiguous(memory_format=ctx.layout)
