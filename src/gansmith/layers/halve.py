"""Pictures at half their size: the mean of 2 x 2 pixels, differentiable as often as one likes.

The same as `avg_pool2d`, whose second derivative fills a map of zeros and adds it to the gradient, in another memory
layout than the gradient has, which slows down every layer before it. Averaging is linear: its derivative is the
transposed map, and that one's derivative is averaging again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from gansmith.layers.flat import layout_of

_MEAN = ([2, 2], [2, 2], [0, 0], True, False, None)  # kernel, stride, padding, sizes rounded up, whole windows only


def halve(x: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, C, ceil(H / 2), ceil(W / 2)]; at odd edges the mean of the pixels that there are."""
    y: Tensor = _Mean.apply(x)  # type: ignore[no-untyped-call]
    return y


class Halve(nn.Module):
    """`halve` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return halve(x)


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, 2, ceil_mode=True)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.size = inputs[0].shape[2:]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        shared: Tensor = _Share.apply(gradient, ctx.size)  # type: ignore[no-untyped-call]
        return shared


class _Share(torch.autograd.Function):
    """The transposed map: each value is shared out to the pixels that it is the mean of."""

    @staticmethod
    def forward(value: Tensor, size: torch.Size) -> Tensor:
        like = torch.empty(
            (*value.shape[:2], *size),
            dtype=value.dtype,
            device=value.device,
            memory_format=layout_of(value),
        )
        shared: Tensor = torch.ops.aten.avg_pool2d_backward(value, like, *_MEAN)
        return shared

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, torch.Size], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return halve(gradient), None
