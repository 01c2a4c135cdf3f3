"""R3GAN: residual networks without normalisation (Huang et al. 2024, arXiv 2501.05441, section 3 and figure 3).

Both players are one network and its mirror image: at every resolution residual blocks, between the resolutions a
resampling. A block is an inverted bottleneck, x + project(lrelu(group(lrelu(expand(x))))) with 1x1, grouped 3x3 and 1x1
convolutions. What normalisation would do, the start does (Fixup: Zhang et al. 2019, arXiv 1901.09321, section 3): the
last convolution of every block is zero, so that a fresh network is linear in its input, and the others are scaled by
L^(-1/(2m - 2)) for the L blocks of a player with m = 3 layers each. The generator begins with a learnt map whose
channels the latent weighs, and ends without a tanh; the discriminator weighs each channel of its last map with a learnt
map (a depthwise convolution of that size) and ends with one dense layer.

`resample = "strided"` is ours, for processors, where what is dear is the discriminator's work at fine resolutions: its
first layer halves the image, there are no blocks at the image's own size, and between the others lie convolutions of
stride 2 and nearest-neighbour resizing with 3x3 convolutions, which also mix pixels. Any height and width from 8 on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from gansmith.contracts import Architecture, Discriminator, Generator, Spec, Verdict
from gansmith.layers.checks import require_at_least
from gansmith.layers.classes import LatentWithClass
from gansmith.layers.conv import Conv2d
from gansmith.layers.critic import Critic, Head
from gansmith.layers.flat import ToMap
from gansmith.layers.halve import halve
from gansmith.layers.initial import SLOPE, start_he
from gansmith.layers.leaky import leaky_relu
from gansmith.layers.sizes import Size, doubled_widths, halved_sizes, halving_conv, image_shape
from gansmith.layers.upsampling import UpsamplingConv2d

LAYERS = 3  # m of Fixup: weighted layers in a block


@dataclass(frozen=True)
class R3GAN(Architecture):
    """Sizes of the pair; the paper's for CIFAR-10 are width = max_width = 768.

    Args:
        width: channels of the blocks at the finest resolution; they double with every halving of it.
        max_width: no resolution has more channels.
        latent: Z, numbers of the latent.
        blocks: residual blocks at each resolution.
        expansion: channels inside a block, as a multiple of those outside.
        group_size: channels in a group of the 3x3 convolutions; 0 for one group, which is a full convolution.
        resample: bilinear as in the paper (1x1 convolutions where channels change), or strided, for processors.
        critic: additions to the discriminator.
    """

    width: int = 64
    max_width: int = 512
    latent: int = 64
    blocks: int = 2
    expansion: int = 2
    group_size: int = 16
    resample: Literal["bilinear", "strided"] = "bilinear"
    critic: Critic = Critic()

    def __post_init__(self) -> None:
        require_at_least(1, width=self.width, latent=self.latent, blocks=self.blocks, expansion=self.expansion)
        require_at_least(self.width, max_width=self.max_width)
        require_at_least(0, group_size=self.group_size)
        multiple = self.group_size // math.gcd(self.group_size, self.expansion) if self.group_size else 1
        for name, width in (("width", self.width), ("max_width", self.max_width)):
            if width % multiple:
                usable = -(-width // multiple) * multiple
                raise ValueError(
                    f"{name} must be a multiple of {multiple}, so that group_size = {self.group_size} divides "
                    f"expansion x {name}; {width} is not: try {name} = {usable}, or group_size = 0 (no groups)"
                )

    def build(self, spec: Spec) -> tuple[Generator, Discriminator]:
        image_shape(spec, "r3gan")
        return R3Generator(self, spec), self.critic.dress(lambda s: R3Discriminator(self, s), spec)


class Block(nn.Module):
    """[B, C, h, w] -> the same shape: x + project(lrelu(group(lrelu(expand(x)))))."""

    def __init__(self, channels: int, sizes: R3GAN) -> None:
        super().__init__()
        inside = channels * sizes.expansion
        groups = inside // sizes.group_size if sizes.group_size else 1
        self.expand = Conv2d(channels, inside, 1)
        self.group = Conv2d(inside, inside, 3, padding=1, groups=groups)
        self.project = Conv2d(inside, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = leaky_relu(self.expand(x), SLOPE)
        h = leaky_relu(self.group(h), SLOPE)
        y: Tensor = x + self.project(h)
        return y


class Grow(nn.Module):
    """[B, before, h, w] -> [B, after, *size], where `size` is twice (h, w), or one less where it is odd."""

    def __init__(self, before: int, after: int, size: Size, resample: str) -> None:
        super().__init__()
        self.size, self.bilinear = size, resample == "bilinear"
        self.conv: nn.Module = nn.Identity()
        if resample == "strided":
            self.conv = UpsamplingConv2d(before, after, size, bias=False)
        elif before != after:
            self.conv = Conv2d(before, after, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.bilinear:  # a 1x1 convolution commutes with resizing, and costs a quarter before it
            return functional.interpolate(self.conv(x), size=self.size, mode="bilinear")
        y: Tensor = self.conv(x)
        return y


class Shrink(nn.Module):
    """[B, before, *size] -> [B, after, h, w], half of `size`, rounded up."""

    def __init__(self, before: int, after: int, size: Size, resample: str) -> None:
        super().__init__()
        self.pool = resample == "bilinear"
        self.conv: nn.Module = nn.Identity()
        if resample == "strided":
            self.conv = halving_conv(before, after, size, bias=False)
        elif before != after:
            self.conv = Conv2d(before, after, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.pool:  # bilinear halving is the mean of 2x2 pixels
            x = halve(x)
        y: Tensor = self.conv(x)
        return y


class WholeMap(nn.Conv2d):
    """[B, C, h, w] -> [B, C]: a depthwise convolution as large as its map.

    Written as a product: differentiating a grouped convolution twice runs through the groups one by one.
    """

    def __init__(self, channels: int, size: Size) -> None:
        super().__init__(channels, channels, size, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.squeeze(1).permute(1, 2, 0).contiguous()  # [h, w, C]
        return (x.permute(0, 2, 3, 1) * weight).sum((1, 2))


def start_fixup(network: nn.Module, zero: bool = True) -> None:
    """Weights that keep a signal's size along the linear path, and blocks that add nothing yet.

    With `zero` False the blocks' last convolutions start small instead: nothing can be divided by the largest singular
    value of a zero matrix (spectral normalisation, which then decides the size).
    """
    start_he(network, slope=1.0)  # slope 1: no activation lies between these layers
    blocks = [module for module in network.modules() if isinstance(module, Block)]
    for block in blocks:
        for layer in (block.expand, block.group):
            start_he(layer, gain=len(blocks) ** (-1 / (2 * LAYERS - 2)))
        start_he(block.project, gain=0.0 if zero else 0.1)


class R3Generator(Generator):
    """A learnt map weighed by the latent, then blocks and growing up to the image."""

    def __init__(self, sizes: R3GAN, spec: Spec) -> None:
        super().__init__()
        channels, height, width = image_shape(spec, "r3gan")
        levels = halved_sizes(height, width, at_most=7)[::-1]  # from the base to the image
        strided = sizes.resample == "strided"
        widths = doubled_widths(sizes.width, sizes.max_width, len(levels) - strided)[::-1]
        self.latent_size = sizes.latent
        self.latent = LatentWithClass(sizes.latent, spec.told)
        self.base = nn.Parameter(torch.randn(widths[0], *levels[0]))
        self.weigh = nn.Linear(self.latent.size, widths[0], bias=False)
        self.map = ToMap(levels[0])
        layers: list[nn.Module] = [Block(widths[0], sizes) for _ in range(sizes.blocks)]
        for before, after, size in zip(widths, widths[1:], levels[1:], strict=False):
            layers += [Grow(before, after, size, sizes.resample), *(Block(after, sizes) for _ in range(sizes.blocks))]
        if strided:
            layers += [Grow(widths[-1], widths[-1], levels[-1], sizes.resample), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers)
        self.image = nn.Conv2d(widths[-1], channels, 3, padding=1) if strided else nn.Conv2d(widths[-1], channels, 1)
        start_fixup(self)

    def mapping(self, z: Tensor, given: Tensor | None) -> Tensor:
        w: Tensor = self.latent(z, given)  # [B, Z], or [B, 2 Z] with the class beside it
        return w

    def synthesis(self, w: Tensor, given: Tensor | None) -> Tensor:
        base = self.base * self.weigh(w)[:, :, None, None]
        x: Tensor = self.image(self.layers(self.map(torch.flatten(base, 1))))
        return x


class R3Discriminator(Discriminator):
    """Blocks and shrinking from the image down, then a score. Features: one map a resolution."""

    piecewise_linear = True

    def __init__(self, sizes: R3GAN, spec: Spec) -> None:
        super().__init__()
        channels, height, width = image_shape(spec, "r3gan")
        levels = halved_sizes(height, width, at_most=7)
        strided = sizes.resample == "strided"
        widths = doubled_widths(sizes.width, sizes.max_width, len(levels) - strided)
        first = halving_conv(channels, widths[0], levels[0], bias=True) if strided else Conv2d(channels, widths[0], 1)
        enter: list[nn.Module] = [first]
        for before, after, size in zip(widths, widths[1:], levels[strided:], strict=False):
            enter.append(Shrink(before, after, size, sizes.resample))
        self.stages = nn.ModuleList(
            nn.Sequential(layer, *(Block(after, sizes) for _ in range(sizes.blocks)))
            for layer, after in zip(enter, widths, strict=True)
        )
        self.whole = WholeMap(widths[-1], levels[-1])
        self.head = Head(widths[-1], spec.told, sizes.critic)
        start_fixup(self, zero=not sizes.critic.spectral_norm)

    def forward(self, x: Tensor, given: Tensor | None = None) -> Verdict:
        features: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        verdict: Verdict = self.head(self.whole(x), given, tuple(features))
        return verdict
