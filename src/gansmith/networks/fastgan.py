"""FastGAN: a light pair for few samples (Liu et al. 2021, arXiv 2101.04775).

Generator: one convolution a resolution after nearest-neighbour resizing, gated linear units, noise, and skip-layer
excitation (section 3.1, eq. 1): a small map weighs the channels of one 16 times as large, so that gradients find a
short way. Discriminator: residual halving blocks, and decoders that must reconstruct the picture from its features
(section 3.2, eq. 4), which keeps it from learning a few samples by heart; it pays for them by the penalty
`reconstruction`.

Where it departs from the paper: the reconstruction's error is absolute instead of perceptual (that needs weights of
others), a part to reconstruct is a quarter of the picture, one score judges the whole map instead of 25 its parts, and
the discriminator's first layer halves at any size. Any height and width from 8 on.
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
from gansmith.layers.flat import ToMap, flat
from gansmith.layers.halve import Halve
from gansmith.layers.initial import SLOPE, start_he
from gansmith.layers.leaky import LeakyReLU
from gansmith.layers.sizes import Size, doubled_widths, halved_sizes, halving_conv, image_shape
from gansmith.layers.upsampling import UpsamplingConv2d

SKIP = 4  # resolutions between a map and the one it excites: 4x4 and 64x64, as in the paper
GLU_GAIN = 1.73  # weights of std GLU_GAIN / sqrt(fan_in) keep a signal's size through a gated linear unit


@dataclass(frozen=True)
class FastGAN(Architecture):
    """Sizes of the pair.

    Args:
        width: channels at the generator's finest resolution and the discriminator's first; they double with every
            halving.
        max_width: no resolution has more channels.
        latent: Z, numbers of the latent.
        norm: batch normalisation in both, or none, as losses with gradient penalties want it.
        output: tanh, or linear: unbounded, the codec clips.
        reconstruct: decoders in the discriminator; wants the penalty `reconstruction`.
        critic: additions to the discriminator; the paper's code has its spectral_norm.
    """

    width: int = 32
    max_width: int = 512
    latent: int = 256
    norm: Literal["batch", "none"] = "batch"
    output: Literal["tanh", "linear"] = "tanh"
    reconstruct: bool = False
    critic: Critic = Critic()

    def __post_init__(self) -> None:
        require_at_least(1, width=self.width, latent=self.latent)
        require_at_least(self.width, max_width=self.max_width)

    def build(self, spec: Spec) -> tuple[Generator, Discriminator]:
        image_shape(spec, "fastgan")
        return FastGenerator(self, spec), self.critic.dress(lambda s: FastDiscriminator(self, s), spec)


def normed(count: int, norm: str) -> list[nn.Module]:
    """A list of the normalisation, empty where there is none."""
    return [nn.BatchNorm2d(count)] if norm == "batch" else []


class Gate(nn.Module):
    """[B, 2 C, ...] -> [B, C, ...]: the gated linear unit a sigmoid(b) of the halves a and b (Dauphin et al. 2017,
    arXiv 1612.08083).

    As `nn.GLU`, but its sigmoid runs over a copy in one piece, and its gradient keeps the memory layout: with channels
    last and few of them `nn.GLU` takes four times as long.
    """

    def forward(self, x: Tensor) -> Tensor:
        a, b = x.chunk(2, dim=1)
        return a * b.clone().sigmoid()


class Noise(nn.Module):
    """[B, C, *size] + strength n with one n [B, 1, *size] for all channels, standard normal; the strength starts at 0.

    In training n is drawn anew; in evaluation it is always the same, so that a latent has one picture.
    """

    fixed: Tensor

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("fixed", torch.randn(1, 1, *size))

    def forward(self, x: Tensor) -> Tensor:
        noise = torch.randn_like(x[:, :1]) if self.training else self.fixed.to(x.dtype)
        return x + self.strength.to(x.dtype) * noise


class Grow(nn.Module):
    """[B, before, h, w] -> [B, after, *size]: resizing, convolution, (noise,) normalisation, gated linear unit."""

    def __init__(self, before: int, after: int, size: Size, norm: str, noise: bool = False) -> None:
        super().__init__()
        conv = UpsamplingConv2d(before, 2 * after, size, bias=norm == "none")
        self.layers = nn.Sequential(conv, *[Noise(size)][:noise], *normed(2 * after, norm), Gate())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class Excite(nn.Module):
    """Skip-layer excitation (eq. 1): high [B, C, H, W] times F(low) in (0, 1) [B, C, 1, 1], for low [B, C', h, w].

    F pools to 4x4, convolves that to one pixel, a leaky ReLU, a 1x1 convolution, a sigmoid.
    """

    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(low, high, 4)
        self.gate = nn.Conv2d(high, high, 1)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        pooled = low if low.shape[2:] == (4, 4) else functional.adaptive_avg_pool2d(low, 4)
        h = functional.leaky_relu(self.conv(pooled), SLOPE)
        y: Tensor = high * self.gate(h).sigmoid()
        return y


class Down(nn.Module):
    """[B, before, *size] -> [B, after, h, w], half of `size` rounded up: a deep and a shallow path, added.

    Their sum is divided by sqrt(2), not by 2, so that without normalisation the signal keeps its size.
    """

    def __init__(self, before: int, after: int, size: Size, norm: str) -> None:
        super().__init__()
        bias = norm == "none"
        self.deep = nn.Sequential(
            halving_conv(before, after, size, bias),
            *normed(after, norm),
            LeakyReLU(SLOPE),
            Conv2d(after, after, 3, padding=1, bias=bias),
            *normed(after, norm),
            LeakyReLU(SLOPE),
        )
        self.shallow = nn.Sequential(
            Halve(),
            Conv2d(before, after, 1, bias=bias),
            *normed(after, norm),
            LeakyReLU(SLOPE),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = (self.deep(x) + self.shallow(x)) / math.sqrt(2)
        return y


def start(network: nn.Module) -> None:
    """Weights that keep a signal's size, also through gated linear units."""
    start_he(network)
    for module in network.modules():
        if isinstance(module, nn.Sequential) and isinstance(module[-1], Gate):
            start_he(module, gain=GLU_GAIN, slope=1.0)


class FastGenerator(Generator):
    """A dense base, then one gated convolution a resolution, the larger maps excited by the smaller ones."""

    def __init__(self, sizes: FastGAN, spec: Spec) -> None:
        super().__init__()
        channels, height, width = image_shape(spec, "fastgan")
        levels = halved_sizes(height, width, at_most=7)[::-1]  # from the base to the image
        widths = doubled_widths(sizes.width, sizes.max_width, len(levels))[::-1]
        self.latent_size = sizes.latent
        self.latent = LatentWithClass(sizes.latent, spec.told)
        dense = nn.Linear(self.latent.size, 2 * widths[0] * levels[0][0] * levels[0][1])
        self.base = nn.Sequential(dense, ToMap(levels[0]), *normed(2 * widths[0], sizes.norm), Gate())
        self.grow = nn.ModuleList(
            Grow(before, after, size, sizes.norm, noise=True)
            for before, after, size in zip(widths, widths[1:], levels[1:], strict=False)
        )
        self.skip = min(SKIP, len(self.grow))
        self.excite = nn.ModuleList(Excite(low, high) for low, high in zip(widths, widths[self.skip :], strict=False))
        self.image = nn.Conv2d(widths[-1], channels, 3, padding=1)
        self.output = nn.Tanh() if sizes.output == "tanh" else nn.Identity()
        start(self)
        start_he(self.image, gain=0.5)  # the first images do not saturate the tanh

    def mapping(self, z: Tensor, given: Tensor | None) -> Tensor:
        w: Tensor = self.latent(z, given)  # [B, Z], or [B, 2 Z] with the class beside it
        return w

    def synthesis(self, w: Tensor, given: Tensor | None) -> Tensor:
        maps: list[Tensor] = [self.base(w)]
        for level, grow in enumerate(self.grow, start=1):
            x = grow(maps[-1])
            if level >= self.skip:
                x = self.excite[level - self.skip](maps[level - self.skip], x)
            maps.append(x)
        image: Tensor = self.output(self.image(maps[-1]))
        return image


class Decoders(nn.Module):
    """What the discriminator's features must hold: the whole picture, and a random quarter of it in more detail.

    The whole is read from the map before the last, at half the picture's size; the quarter from the same quarter of the
    map before that, at its full size, so that both decoders grow through the same sizes. Pictures of 16 pixels or fewer
    have no such map, and only the whole is read, from the last one.
    """

    def __init__(self, widths: list[int], channels: int, levels: list[Size], norm: str) -> None:
        super().__init__()
        self.last, self.half_size = -2 if len(widths) > 2 else -1, levels[1]
        sizes = levels[1:][self.last :: -1]  # from that map's size up to half the picture's
        self.whole = decoder(widths[self.last], channels, sizes, norm)
        self.part = decoder(widths[-3], channels, sizes, norm) if len(widths) > 2 else None

    def forward(self, features: list[Tensor], x: Tensor) -> Tensor:
        """Features of x [B, C, H, W] -> the mean absolute error of the reconstructions, [B]."""
        errors = [distance(self.whole(features[self.last]), functional.adaptive_avg_pool2d(x, self.half_size))]
        if self.part is not None:
            corner = [int(side) for side in torch.randint(2, (2,))]
            errors.append(distance(self.part(quarter(features[-3], corner)), quarter(x, corner)))
        return torch.stack(errors).mean(0)


def decoder(width: int, channels: int, sizes: list[Size], norm: str) -> nn.Sequential:
    """[B, width, *sizes[0]] -> a picture [B, channels, *sizes[-1]]; the width halves with every size."""
    widths = [width, *(max(width >> level, 1) for level in range(1, len(sizes)))]
    grow = [Grow(before, after, size, norm) for before, after, size in zip(widths, widths[1:], sizes[1:], strict=False)]
    return nn.Sequential(*grow, nn.Conv2d(widths[-1], channels, 3, padding=1))


def quarter(x: Tensor, corner: list[int]) -> Tensor:
    """One of the four quarters of [B, C, H, W], each side halved and rounded up: `corner` is 0 or 1 a side."""
    for dim, end in zip((2, 3), corner, strict=True):
        side = x.shape[dim]
        x = x.narrow(dim, end * (side // 2), side - side // 2)
    return x


def distance(x: Tensor, y: Tensor) -> Tensor:
    """The mean absolute difference of each sample, [B]."""
    return (x - y).abs().flatten(1).mean(1)


class FastDiscriminator(Discriminator):
    """A halving convolution, residual halving blocks, a 1x1 convolution, a score. Features: one map a halving."""

    piecewise_linear = True

    def __init__(self, sizes: FastGAN, spec: Spec) -> None:
        super().__init__()
        channels, height, width = image_shape(spec, "fastgan")
        levels = halved_sizes(height, width, at_most=4)
        widths = doubled_widths(sizes.width, sizes.max_width, len(levels) - 1)
        stages: list[nn.Module] = [
            nn.Sequential(halving_conv(channels, widths[0], levels[0], bias=True), LeakyReLU(SLOPE))
        ]
        for before, after, size in zip(widths, widths[1:], levels[1:], strict=False):
            stages.append(Down(before, after, size, sizes.norm))
        self.stages = nn.ModuleList(stages)
        last = Conv2d(widths[-1], widths[-1], 1, bias=sizes.norm == "none")
        self.last = nn.Sequential(last, *normed(widths[-1], sizes.norm), LeakyReLU(SLOPE))
        self.head = Head(widths[-1] * levels[-1][0] * levels[-1][1], spec.told, sizes.critic)
        self.decoders = Decoders(widths, channels, levels, sizes.norm) if sizes.reconstruct else None
        start(self)

    def forward(self, x: Tensor, given: Tensor | None = None) -> Verdict:
        features: list[Tensor] = []
        h = x
        for stage in self.stages:
            h = stage(h)
            features.append(h)
        verdict: Verdict = self.head(flat(self.last(h)), given, tuple(features))
        # In the generator's step, where these weights stand still, nobody pays for reconstructions.
        if self.decoders is not None and self.training and self.head.score.weight.requires_grad:
            verdict = verdict._replace(reconstruction=self.decoders(features, x))
        return verdict
