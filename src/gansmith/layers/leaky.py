"""Leaky ReLUs (Maas et al. 2013) whose second derivative is left out, being zero.

torch's own answers the second derivative by its input with a map of zeros, which a gradient penalty then carries
through every layer before it. Here nothing is answered, and nothing computed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from gansmith.layers.textbook import by_the_textbook


def leaky_relu(x: Tensor, slope: float) -> Tensor:
    """x where it is above 0, else `slope` x; of any shape. A slope of 0 is a ReLU."""
    if by_the_textbook() or not (torch.is_grad_enabled() and x.requires_grad):
        return functional.leaky_relu(x, slope)
    y: Tensor = _Leaky.apply(x, slope)  # type: ignore[no-untyped-call]
    return y


class LeakyReLU(nn.LeakyReLU):
    """`leaky_relu` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return leaky_relu(x, self.negative_slope)


class _Leaky(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, slope: float) -> Tensor:
        return functional.leaky_relu(x, slope)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0])
        ctx.slope = inputs[1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Slope.apply(gradient, ctx.saved_tensors[0].detach(), ctx.slope), None  # type: ignore[no-untyped-call]


class _Slope(torch.autograd.Function):
    """gradient times the slope at x; linear in the gradient."""

    @staticmethod
    def forward(gradient: Tensor, x: Tensor, slope: float) -> Tensor:
        return torch.ops.aten.leaky_relu_backward(gradient, x, slope, False)  # type: ignore[no-any-return]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, float], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])
        ctx.slope = inputs[2]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _Slope.apply(gradient, ctx.saved_tensors[0], ctx.slope), None, None  # type: ignore[no-untyped-call]
