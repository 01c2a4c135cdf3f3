"""Convolutions whose second derivative costs as much as the first.

A gradient penalty differentiates the gradient of a discriminator's input once more, by its weights. For a convolution
torch then makes the batch the channels, and the map a kernel as large as itself, which from 32 x 32 pixels on takes 4
to 14 times as long as the ordinary gradient of weights. That one would do: the input's gradient is linear in the
weights w and in the output's gradient g, so its derivative by w, in the direction c, is the gradient of weights for
the input c and the output's gradient g, and its derivative by g is conv(c, w).

Torch's way is also wrong in bfloat16 on processors with AMX, where an even batch below 16 becomes as few channels:
relative errors of .56 to .95 in a penalty's gradient for 3x3 kernels (torch 2.13, oneDNN 3.12; no error, no warning).

Input and weights are differentiated apart from each other (`_ByInput`, `_ByWeight`), so that autograd leaves out what
nobody asks for, as it does in torch's own convolution.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from gansmith.layers.biases import added, gathers
from gansmith.layers.textbook import by_the_textbook

PIXELS = 24 * 24  # smaller maps gain no more than the functions below cost
BATCH = 16  # smaller batches are not left to torch


class Conv2d(nn.Conv2d):
    """`nn.Conv2d`, [B, C, H, W] -> [B, C', H', W'], padded by numbers, for what penalties look through."""

    def forward(self, x: Tensor) -> Tensor:
        if by_the_textbook() or not (torch.is_grad_enabled() and x.requires_grad):
            return super().forward(x)
        if self.bias is not None and gathers():
            return added(self._convolved(x, self.bias.detach()), self.bias)
        return self._convolved(x, self.bias)

    def _convolved(self, x: Tensor, bias: Tensor | None) -> Tensor:
        kind, weight = x.device.type, self.weight
        if x.shape[-2] * x.shape[-1] < PIXELS and len(x) >= BATCH and not gathers():
            return self._conv_forward(x, weight, bias)  # type: ignore[no-any-return]
        # autocast does not look into functions of one's own
        if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
            dtype = torch.get_autocast_dtype(kind)
            x, weight, bias = x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
        assert not isinstance(self.padding, str)
        conv = _Conv(self.stride, self.padding, self.dilation, self.groups)
        y: Tensor = _ByInput.apply(x, (weight, bias), conv)  # type: ignore[no-untyped-call]
        if weight.requires_grad:
            zero = _ByWeight.apply(weight, bias, (x, y.shape), conv)  # type: ignore[no-untyped-call]
            y = _Join.apply(y, zero)  # type: ignore[no-untyped-call]
        return y


class _Conv(NamedTuple):
    """A convolution without its weights."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return functional.conv2d(x, weight, bias, *self)

    def gradients(self, g: Tensor, x: Tensor, weight: Tensor, wanted: list[bool]) -> tuple[Tensor, Tensor, Tensor]:
        """Of input, weight and bias, as far as `wanted`, for the output's gradient `g`."""
        found: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
            g, x, weight, [len(weight)], *self[:3], False, [0, 0], self.groups, wanted
        )
        return found


class _ByInput(torch.autograd.Function):
    """conv(x, weight, bias), as far as it depends on x."""

    @staticmethod
    def forward(x: Tensor, weights: tuple[Tensor, Tensor | None], conv: _Conv) -> Tensor:
        return conv(x, *weights)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, (ctx.weight, _), ctx.conv = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None]:
        like = ctx.saved_tensors[0].detach()
        gradient: Tensor = _InputGradient.apply(g, ctx.weight, like, ctx.conv)  # type: ignore[no-untyped-call]
        return gradient, None, None


class _InputGradient(torch.autograd.Function):
    """The gradient of conv(x, weight) by an x like `like`, for the output's gradient g."""

    @staticmethod
    def forward(g: Tensor, weight: Tensor, like: Tensor, conv: _Conv) -> Tensor:
        return conv.gradients(g, like, weight, [True, False, False])[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        g, weight, _, ctx.conv = inputs
        ctx.save_for_backward(g, weight)

    @staticmethod
    def backward(ctx: Any, c: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        g, weight = ctx.saved_tensors
        by_g = ctx.conv(c, weight) if ctx.needs_input_grad[0] else None
        by_weight = ctx.conv.gradients(g, c, weight, [False, True, False])[1] if ctx.needs_input_grad[1] else None
        return by_g, by_weight, None, None


class _ByWeight(torch.autograd.Function):
    """conv(x, weight, bias), as far as it depends on its weights: of value 0, to be joined with `_ByInput`."""

    @staticmethod
    def forward(weight: Tensor, bias: Tensor | None, x_and_shape: tuple[Tensor, torch.Size], conv: _Conv) -> Tensor:
        return weight.new_zeros(()).expand(x_and_shape[1])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        weight, bias, (ctx.x, _), ctx.conv = inputs
        ctx.biased = bias is not None
        ctx.save_for_backward(weight)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        _, by_weight, by_bias = ctx.conv.gradients(g, ctx.x, *ctx.saved_tensors, [False, True, ctx.biased])
        return by_weight, by_bias if ctx.biased else None, None, None


class _Join(torch.autograd.Function):
    """y + 0, without the addition."""

    @staticmethod
    def forward(y: Tensor, zero: Tensor) -> Tensor:
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        return g, g
