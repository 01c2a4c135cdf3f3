"""Residual blocks with the activation in front (He et al. 2016, arXiv 1603.05027), which double or halve the size."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional

from gansmith.layers.conv import Conv2d
from gansmith.layers.halve import halve
from gansmith.layers.leaky import leaky_relu
from gansmith.layers.sizes import Size
from gansmith.layers.upsampling import UpsamplingConv2d


class UpBlock(nn.Module):
    """[B, before, h, w] -> [B, after, *size], where `size` is twice (h, w), or one less where it is odd.

    `norm` makes a normalisation of as many channels as it is told, called as norm(x, told) with what `forward` is told.
    """

    def __init__(self, before: int, after: int, size: Size, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.size = size
        self.norm1 = norm(before)
        self.conv1 = UpsamplingConv2d(before, after, size)
        self.norm2 = norm(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.shortcut = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor, told: Tensor | None) -> Tensor:
        h: Tensor = self.conv1(self.norm1(x, told).relu())
        h = self.conv2(self.norm2(h, told).relu())
        # A 1x1 convolution commutes with repeating pixels, and costs a quarter before it.
        return h + functional.interpolate(self.shortcut(x), size=self.size, mode="nearest")


class DownBlock(nn.Module):
    """[B, before, h, w] -> [B, after, h, w], or half of h and w (rounded up) where `halve`.

    The first convolution makes `before` channels, or `after` where the block is `wide` or the `first`.
    """

    def __init__(self, before: int, after: int, halve: bool, first: bool = False, wide: bool = False) -> None:
        super().__init__()
        self.halve = halve
        self.first = first  # the image itself is not rectified
        hidden = after if first or wide else before
        self.conv1 = Conv2d(before, hidden, 3, padding=1)
        self.conv2 = Conv2d(hidden, after, 3, padding=1)
        self.shortcut = Conv2d(before, after, 1) if halve or before != after else nn.Identity()

    def _pool(self, x: Tensor) -> Tensor:
        return halve(x) if self.halve else x

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(x if self.first else leaky_relu(x, 0.0))
        shortcut: Tensor = self.shortcut(self._pool(x))  # commutes with averaging, as above
        return self._pool(self.conv2(leaky_relu(h, 0.0))) + shortcut
