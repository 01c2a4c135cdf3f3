"""A network's biases, gathered one for each sample, so that scores can be read off their own derivatives.

With given weights, a network of convolutions, dense layers, means and leaky ReLUs is homogeneous of degree 1 in its
input x and its biases b_l together: twice as much of all gives twice the score. Then (Euler's theorem)

    s(x) = <ds/dx, x> + sum over layers of <ds/db_l, b_l>        for each sample by itself

and whoever has these derivatives needs no second look at s (games/euler.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from gansmith.layers.textbook import by_the_textbook

_gathered: ContextVar[list[Tensor] | None] = ContextVar("biases", default=None)


@contextlib.contextmanager
def gather_biases(into: list[Tensor]) -> Iterator[None]:
    """Within the block every bias that layers add is put into the list, [B, C] each, a row for each sample."""
    token = _gathered.set(into)
    try:
        yield
    finally:
        _gathered.reset(token)


def gathers() -> bool:
    """Whether biases are gathered now."""
    return _gathered.get() is not None


def added(y: Tensor, bias: Tensor) -> Tensor:
    """`y` [B, C, ...], which holds `bias` [C] already, detached: as if it were added here for each sample by itself."""
    gathered = _gathered.get()
    assert gathered is not None
    rows = bias.expand(len(y), -1)
    gathered.append(rows)
    joined: Tensor = _Added.apply(y, rows)  # type: ignore[no-untyped-call]
    return joined


class Linear(nn.Linear):
    """`nn.Linear` whose bias can be gathered."""

    def forward(self, x: Tensor) -> Tensor:
        if by_the_textbook() or self.bias is None or not gathers():
            return super().forward(x)
        return added(functional.linear(x, self.weight, self.bias.detach()), self.bias)


class _Added(torch.autograd.Function):
    """y, which has the rows in it."""

    @staticmethod
    def forward(y: Tensor, rows: Tensor) -> Tensor:
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.dtype = inputs[1].dtype

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        pixels = tuple(range(2, gradient.dim()))
        return gradient, gradient.sum(pixels, dtype=ctx.dtype) if pixels else gradient.to(ctx.dtype)
