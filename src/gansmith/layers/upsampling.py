"""Maps at twice their size: nearest-neighbour resizing and a 3x3 convolution, or both composed into one.

A resized map has every pixel four times, so that of nine taps at most four meet different ones. Composed, they are a
transposed convolution of stride 2 whose 4x4 kernel is the 3x3 one spread by the 2x2 square that resizing is: the same
map with 4/9 of the multiplications. Which is faster depends on the machine (tune.py).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gansmith.layers.sizes import Size
from gansmith.layers.textbook import by_the_textbook


class UpsamplingConv2d(nn.Conv2d):
    """[B, before, h, w] -> [B, after, *size], where `size` is twice (h, w), or one less where it is odd."""

    composed: bool = False

    def __init__(self, before: int, after: int, size: Size, bias: bool = True) -> None:
        super().__init__(before, after, 3, padding=1, bias=bias)
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        doubled = self.size == (2 * x.shape[2], 2 * x.shape[3])  # an odd map's last row and column see another edge
        if not self.composed or not doubled or by_the_textbook():
            return super().forward(functional.interpolate(x, size=self.size, mode="nearest"))
        return functional.conv_transpose2d(x, self._composed_kernel(), self.bias, stride=2, padding=1)

    def _composed_kernel(self) -> Tensor:
        """[before, after, 4, 4], made in the memory layout of the weights: changing it takes longer than this."""
        if self.weight.is_contiguous(memory_format=torch.channels_last):
            return _spread(_spread(self.weight.permute(1, 2, 3, 0), 1), 2).permute(0, 3, 1, 2)
        return _spread(_spread(self.weight.transpose(0, 1), 2), 3)


def compose_upsampling(network: nn.Module, composed: bool) -> None:
    """Let all of the network's `UpsamplingConv2d` compute composed, or not."""
    for module in network.modules():
        if isinstance(module, UpsamplingConv2d):
            module.composed = composed


def _spread(kernel: Tensor, dim: int) -> Tensor:
    """A kernel's three taps along `dim` as the four of the transposed convolution."""
    first, second, third = kernel.unbind(dim)
    return torch.stack([third, second + third, first + second, first], dim)
