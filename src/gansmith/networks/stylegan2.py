"""StyleGAN2: styles that scale the channels of every layer (Karras et al. 2020, arXiv 1912.04958).

Generator: dense layers map the latent to w; from a learned constant, every level doubles the size and adds its image to
the one below (skip generator, section 4.1). Each layer's weights are scaled by a style and demodulated (eq. 1 to 3);
since scaling weights is scaling their inputs, and demodulating them scaling their outputs, one shared convolution
serves all samples. Each layer adds noise of its own. Discriminator: residual blocks. Equalised learning rates in both.
Any height and width from 8 on. Written from the paper.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from gansmith.contracts import Architecture, Discriminator, Generator, Spec, Verdict
from gansmith.layers.biases import Linear
from gansmith.layers.checks import require_at_least
from gansmith.layers.classes import LatentWithClass
from gansmith.layers.conv import Conv2d
from gansmith.layers.critic import Critic, Head
from gansmith.layers.equal import HE, equalised
from gansmith.layers.flat import flat
from gansmith.layers.initial import SLOPE
from gansmith.layers.leaky import leaky_relu
from gansmith.layers.sizes import Size, doubled_widths, halved_sizes, image_shape


@dataclass(frozen=True)
class StyleGAN2(Architecture):
    """Sizes of the pair.

    Args:
        width: channels of both players' finest level; they double with every level towards the base.
        max_width: no feature map has more channels.
        latent: Z, numbers of the latent, and of each layer's w.
        mapping_layers: dense layers from z to w, which learn a hundredth as fast as all others (appendix B).
        mixing: share of the samples in training that take the w of a second latent from some layer on, in [0, 1].
        critic: additions to the discriminator; the paper has minibatch_stddev = 4.
    """

    width: int = 64
    max_width: int = 512
    latent: int = 512
    mapping_layers: int = 8
    mixing: float = 0.9
    critic: Critic = Critic()

    def __post_init__(self) -> None:
        require_at_least(1, width=self.width, latent=self.latent)
        require_at_least(self.width, max_width=self.max_width)
        require_at_least(1, mapping_layers=self.mapping_layers)
        if not 0 <= self.mixing <= 1:
            raise ValueError(f"mixing must be in [0, 1], not {self.mixing}; 0.9 is usual, 0 is none")

    def build(self, spec: Spec) -> tuple[Generator, Discriminator]:
        image_shape(spec, "stylegan2")
        return StyleGAN2Generator(self, spec), self.critic.dress(lambda s: StyleGAN2Discriminator(self, s), spec)


def resized(x: Tensor, size: Size) -> Tensor:
    """Bilinear, [B, C, h, w] -> [B, C, *size]. Twice the size is the paper's filter, [1, 3, 3, 1]."""
    return x if x.shape[2:] == size else functional.interpolate(x, size=size, mode="bilinear")


class ModulatedConv(nn.Module):
    """x [B, before, h, w], w [B, Z] -> [B, after, *size]: a convolution whose weights are scaled by a style (eq. 1).

    With `demodulate`, every output map has the variance 1 that it would have for inputs of variance 1 (eq. 3).
    """

    def __init__(self, channels: tuple[int, int], kernel: int, latent: int, demodulate: bool = True) -> None:
        super().__init__()
        self.conv = equalised(Conv2d(*channels, kernel, padding=kernel // 2, bias=False))
        self.style = equalised(nn.Linear(latent, channels[0]))
        nn.init.ones_(self.style.bias)
        self.demodulate = demodulate

    def forward(self, x: Tensor, w: Tensor, size: Size) -> Tensor:
        style = self.style(w)
        y: Tensor = self.conv(resized(x * style[:, :, None, None].to(x.dtype), size))
        if not self.demodulate:
            return y
        of_weights = self.conv.weight.square().sum((2, 3))
        squares = functional.linear(style.square(), of_weights)  # [B, after]: sum of (w_ijk s_i)^2
        return y * (squares + 1e-8).rsqrt()[:, :, None, None].to(y.dtype)


class StyledLayer(nn.Module):
    """Modulated 3x3 convolution, noise, bias, leaky ReLU: [B, before, h, w] -> [B, after, *size].

    The noise is new for every sample in training, and in evaluation one fixed map, so that a sample depends on its
    latent alone.
    """

    noise: Tensor

    def __init__(self, channels: tuple[int, int], size: Size, latent: int) -> None:
        super().__init__()
        self.size = size
        self.modulated = ModulatedConv(channels, 3, latent)
        self.bias = nn.Parameter(torch.zeros(channels[1]))
        self.strength = nn.Parameter(torch.zeros(()))  # of the noise
        self.register_buffer("noise", torch.randn(1, 1, *size))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        x = self.modulated(x, w, self.size)
        noise = torch.randn(len(x), 1, *self.size, device=x.device) if self.training else self.noise
        x = x + (self.strength * noise).to(x.dtype) + self.bias[:, None, None].to(x.dtype)
        return functional.leaky_relu(x, SLOPE) * HE


class ToImage(nn.Module):
    """Modulated 1x1 convolution without demodulation: [B, before, h, w] -> [B, channels, h, w]."""

    def __init__(self, channels: tuple[int, int], latent: int) -> None:
        super().__init__()
        self.modulated = ModulatedConv(channels, 1, latent, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(channels[1]))
        with torch.no_grad():
            self.modulated.conv.weight = self.modulated.conv.weight / 4  # the first images stay well inside [-1, 1]

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        image: Tensor = self.modulated(x, w, x.shape[2:]) + self.bias[:, None, None]
        return image


class StyleGAN2Generator(Generator):
    """w [B, L, Z]: one vector a layer, L = 2 x levels; a level's ToImage shares the next level's first vector."""

    def __init__(self, sizes: StyleGAN2, spec: Spec) -> None:
        super().__init__()
        channels, height, width = image_shape(spec, "stylegan2")
        levels = halved_sizes(height, width, at_most=7)[::-1]
        widths = doubled_widths(sizes.width, sizes.max_width, len(levels))[::-1]
        self.latent_size, self.mixing, self.count = sizes.latent, sizes.mixing, 2 * len(levels)
        self.latent = LatentWithClass(sizes.latent, spec.told)
        before = [self.latent.size, *[sizes.latent] * sizes.mapping_layers]
        dense: list[nn.Module] = []
        for entering, leaving in itertools.pairwise(before):
            dense += [equalised(nn.Linear(entering, leaving), HE, multiplier=0.01), nn.LeakyReLU(SLOPE)]
        self.dense = nn.Sequential(*dense)
        self.constant = nn.Parameter(torch.randn(1, widths[0], *levels[0]))
        steps = [(widths[0], widths[0], levels[0])]
        for (coarse, fine), size in zip(itertools.pairwise(widths), levels[1:], strict=True):
            steps += [(coarse, fine, size), (fine, fine, size)]
        self.layers = nn.ModuleList(StyledLayer((a, b), size, sizes.latent) for a, b, size in steps)
        self.images = nn.ModuleList(ToImage((count, channels), sizes.latent) for count in widths)

    def mapping(self, z: Tensor, given: Tensor | None) -> Tensor:
        """[B, Z] -> [B, L, Z]; in training with style mixing (arXiv 1812.04948, section 3.1), drawn anew."""
        w = self._one(z, given)
        if not (self.training and self.mixing):
            return w.expand(-1, self.count, -1)
        other = self._one(torch.randn_like(z), given)
        start = torch.randint(1, self.count, (len(z), 1, 1), device=z.device)  # the other's first layer
        mixed = torch.rand(len(z), 1, 1, device=z.device) < self.mixing
        layer = torch.arange(self.count, device=z.device)[:, None]
        return torch.where(mixed & (layer >= start), other, w)

    def _one(self, z: Tensor, given: Tensor | None) -> Tensor:
        """The w that all layers share, [B, 1, Z]."""
        z = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()  # onto the sphere
        w: Tensor = self.dense(self.latent(z, given))
        return w[:, None]

    def synthesis(self, w: Tensor, given: Tensor | None) -> Tensor:
        styles = w.unbind(1)
        x = self.layers[0](self.constant.expand(len(w), -1, -1, -1), styles[0])
        image: Tensor = self.images[0](x, styles[1])
        for level, to_image in enumerate(list(self.images)[1:], start=1):
            x = self.layers[2 * level - 1](x, styles[2 * level - 1])
            x = self.layers[2 * level](x, styles[2 * level])
            image = resized(image, x.shape[2:]) + to_image(x, styles[2 * level + 1])
        return image


class ResidualBlock(nn.Module):
    """[B, before, h, w] -> [B, after, h / 2, w / 2], rounded up; (branch + shortcut) / sqrt 2, of variance 1."""

    def __init__(self, before: int, after: int, size: Size) -> None:
        super().__init__()
        self.size = size
        self.conv1 = equalised(Conv2d(before, before, 3, padding=1), HE)
        self.conv2 = equalised(Conv2d(before, after, 3, padding=1), HE)
        self.shortcut = equalised(Conv2d(before, after, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        h = resized(leaky_relu(self.conv1(x), SLOPE), self.size)
        h = leaky_relu(self.conv2(h), SLOPE)
        shortcut: Tensor = self.shortcut(resized(x, self.size))
        return (h + shortcut) * math.sqrt(0.5)


class StyleGAN2Discriminator(Discriminator):
    """1x1 convolution, residual blocks down to 3 or 4 pixels, convolution, dense layer. Features: one map a block."""

    piecewise_linear = True

    def __init__(self, sizes: StyleGAN2, spec: Spec) -> None:
        super().__init__()
        channels, height, width = image_shape(spec, "stylegan2")
        levels = halved_sizes(height, width, at_most=4)
        widths = doubled_widths(sizes.width, sizes.max_width, len(levels))
        self.image = equalised(Conv2d(channels, widths[0], 1), HE)
        self.blocks = nn.ModuleList(
            ResidualBlock(before, after, size)
            for (before, after), size in zip(itertools.pairwise(widths), levels[1:], strict=True)
        )
        self.conv = equalised(Conv2d(widths[-1], widths[-1], 3, padding=1), HE)
        self.dense = equalised(Linear(widths[-1] * math.prod(levels[-1]), widths[-1]), HE)
        self.head = Head(widths[-1], spec.told, sizes.critic)
        for layer in (self.head.score, self.head.embed, self.head.classify):
            if layer is not None:
                equalised(layer)

    def forward(self, x: Tensor, given: Tensor | None = None) -> Verdict:
        x = leaky_relu(self.image(x), SLOPE)
        features: list[Tensor] = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        x = leaky_relu(self.conv(x), SLOPE)
        h = leaky_relu(self.dense(flat(x)), SLOPE)
        verdict: Verdict = self.head(h, given, tuple(features))
        return verdict
