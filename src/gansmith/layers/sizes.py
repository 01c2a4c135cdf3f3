"""The sizes of an image as convolutions halve it: the arithmetic that lets any resolution work.

Each level is half the one before, rounded up: 100 -> 50 -> 25 -> 13 -> 7. Generators walk the list from its end,
discriminators from its start, so that no resolution has to be a power of two.
"""

from __future__ import annotations

from gansmith.contracts import Spec
from gansmith.layers.conv import Conv2d

Size = tuple[int, int]  # height, width

SMALLEST = 8  # below this nothing is left to halve


def image_shape(spec: Spec, network: str) -> tuple[int, int, int]:
    """`spec.shape` as (C, H, W). Raises ValueError where it is not an image or is smaller than 8 pixels a side."""
    if len(spec.shape) != 3:
        raise ValueError(
            f"{network} makes images, of shape (channels, height, width); these samples have the shape {spec.shape}: "
            "try architecture.name = 'mlp'"
        )
    channels, height, width = spec.shape
    if channels < 1 or min(height, width) < SMALLEST:
        raise ValueError(
            f"{network} makes images with at least one channel, and heights and widths of at least {SMALLEST}; "
            f"{height}x{width} with {channels} channels is not, "
            f"try {max(height, SMALLEST)}x{max(width, SMALLEST)} (height x width)"
        )
    return channels, height, width


def halved_sizes(height: int, width: int, at_most: int) -> list[Size]:
    """From (height, width) downwards, until the smaller side is `at_most` pixels or fewer; at least one halving."""
    sizes = [(height, width)]
    while len(sizes) == 1 or min(sizes[-1]) > at_most:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def doubled_widths(finest: int, widest: int, count: int) -> list[int]:
    """Channels of `count` levels from the finest: doubling, never above `widest`."""
    return [min(finest * 2**level, widest) for level in range(count)]


def halving_conv(before: int, after: int, size: Size, bias: bool) -> Conv2d:
    """Stride 2; a kernel of 4 on even sides and 3 on odd ones, so that a side is halved and rounded up."""
    return Conv2d(before, after, (4 - size[0] % 2, 4 - size[1] % 2), stride=2, padding=1, bias=bias)
