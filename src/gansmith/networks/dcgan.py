"""DCGAN: a plain convolutional pair (Radford, Metz & Chintala 2015, arXiv 1511.06434).

The generator projects the latent onto a feature map of 4 to 7 pixels and doubles it up to the image; the
discriminator halves the image down to 3 or 4 pixels. With `norm = "batch"` and transposed convolutions this is the
paper's network; `norm = "none"`, as modern losses with gradient penalties want it (Huang et al. 2024, arXiv
2501.05441), starts from He's weights and uses leaky ReLUs on both sides. Any height and width from 8 on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from gansmith.contracts import Architecture, Discriminator, Generator, Spec, Verdict
from gansmith.layers.biases import Linear
from gansmith.layers.checks import require_at_least
from gansmith.layers.classes import LatentWithClass
from gansmith.layers.critic import Critic, Head
from gansmith.layers.flat import ToMap, flat
from gansmith.layers.initial import SLOPE, start_he, start_normal
from gansmith.layers.leaky import LeakyReLU
from gansmith.layers.sizes import Size, doubled_widths, halved_sizes, halving_conv, image_shape
from gansmith.layers.upsampling import UpsamplingConv2d


@dataclass(frozen=True)
class DCGAN(Architecture):
    """Sizes of the pair.

    Args:
        width: channels of the generator's last feature map; they double with every level towards the base.
        discriminator_width: channels of the discriminator's first feature map; None: as `width`.
        max_width: no feature map of either has more channels.
        latent: Z, numbers of the latent.
        norm: batch normalisation in both (not at the image), or none.
        upsample: transposed 4x4 convolutions of stride 2, or nearest-neighbour resizing and a 3x3 convolution.
        hidden: units of a dense layer before the generator's base, 0 for none.
        discriminator_hidden: units of a dense layer after the discriminator's features; None: as `hidden`.
        output: tanh, or linear: unbounded, the codec clips.
        critic: additions to the discriminator.
    """

    width: int = 64
    discriminator_width: int | None = None
    max_width: int = 512
    latent: int = 128
    norm: Literal["batch", "none"] = "batch"
    upsample: Literal["transposed", "nearest"] = "transposed"
    hidden: int = 0
    discriminator_hidden: int | None = None
    output: Literal["tanh", "linear"] = "tanh"
    critic: Critic = Critic()

    def __post_init__(self) -> None:
        require_at_least(1, width=self.width, discriminator_width=self.of_discriminator[0], latent=self.latent)
        require_at_least(0, hidden=self.hidden, discriminator_hidden=self.of_discriminator[1])
        require_at_least(max(self.width, self.of_discriminator[0]), max_width=self.max_width)

    @property
    def of_discriminator(self) -> tuple[int, int]:
        """The discriminator's width and hidden units."""
        return (
            self.width if self.discriminator_width is None else self.discriminator_width,
            self.hidden if self.discriminator_hidden is None else self.discriminator_hidden,
        )

    def build(self, spec: Spec) -> tuple[Generator, Discriminator]:
        image_shape(spec, "dcgan")
        return DCGANGenerator(self, spec), self.critic.dress(lambda s: DCGANDiscriminator(self, s), spec)


class Up(nn.Module):
    """[B, in, h, w] -> [B, out, *size], where `size` is twice (h, w), or one less where it is odd."""

    def __init__(self, channels: tuple[int, int], size: Size, kind: str, bias: bool) -> None:
        super().__init__()
        self.size = size
        self.conv: nn.Module
        if kind == "transposed":
            self.conv = nn.ConvTranspose2d(*channels, 4, stride=2, padding=1, bias=bias)
        else:
            self.conv = UpsamplingConv2d(*channels, size, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x if x.shape[2:] == self.size else x[:, :, : self.size[0], : self.size[1]]


class DCGANGenerator(Generator):
    """Dense layers, then doubling convolutions, then the image."""

    def __init__(self, sizes: DCGAN, spec: Spec) -> None:
        super().__init__()
        channels, height, width = image_shape(spec, "dcgan")
        levels = halved_sizes(height, width, at_most=7)[::-1]  # from the base to the image
        transposed, plain = sizes.upsample == "transposed", sizes.norm == "none"
        # The last transposed convolution makes the image itself, as in the paper; a resized map is convolved once more.
        widths = doubled_widths(sizes.width, sizes.max_width, len(levels) - transposed)[::-1]

        def finish(count: int) -> list[nn.Module]:
            return [nn.LeakyReLU(SLOPE)] if plain else [nn.BatchNorm2d(count), nn.ReLU()]

        self.latent_size = sizes.latent
        self.latent = LatentWithClass(sizes.latent, spec.told)
        dense: list[nn.Module] = []
        if sizes.hidden:
            dense += [nn.Linear(self.latent.size, sizes.hidden), nn.LeakyReLU(SLOPE)]
        area = levels[0][0] * levels[0][1]
        dense += [nn.Linear(sizes.hidden or self.latent.size, widths[0] * area)]
        layers = [*dense, ToMap(levels[0]), *finish(widths[0])]
        for before, after, size in zip(widths, widths[1:], levels[1:], strict=False):
            layers += [Up((before, after), size, sizes.upsample, bias=plain), *finish(after)]
        last = (widths[-1], channels)
        image = Up(last, levels[-1], "transposed", True) if transposed else nn.Conv2d(*last, 3, padding=1)
        self.layers = nn.Sequential(*layers)
        self.image = image
        self.output = nn.Tanh() if sizes.output == "tanh" else nn.Identity()
        if plain:
            start_he(self.layers)
            start_he(self.image, gain=0.5)  # the first images stay well inside [-1, 1]
        else:
            start_normal(self)

    def mapping(self, z: Tensor, given: Tensor | None) -> Tensor:
        w: Tensor = self.latent(z, given)  # [B, Z], or [B, 2 Z] with the class beside it
        return w

    def synthesis(self, w: Tensor, given: Tensor | None) -> Tensor:
        x: Tensor = self.output(self.image(self.layers(w)))
        return x


class DCGANDiscriminator(Discriminator):
    """Halving convolutions, then a dense score. Features: one map a convolution."""

    piecewise_linear = True

    def __init__(self, sizes: DCGAN, spec: Spec) -> None:
        super().__init__()
        channels, height, width = image_shape(spec, "dcgan")
        levels = halved_sizes(height, width, at_most=4)
        finest, hidden = sizes.of_discriminator
        widths = [channels, *doubled_widths(finest, sizes.max_width, len(levels) - 1)]
        self.stages = nn.ModuleList()
        for level, (before, after, size) in enumerate(zip(widths, widths[1:], levels, strict=False)):
            # The first layer sees the image without normalisation (section 3 of the paper).
            normed = sizes.norm == "batch" and level > 0
            stage: list[nn.Module] = [halving_conv(before, after, size, bias=not normed)]
            stage += [nn.BatchNorm2d(after)] if normed else []
            self.stages.append(nn.Sequential(*stage, LeakyReLU(SLOPE)))
        features = widths[-1] * levels[-1][0] * levels[-1][1]
        self.hidden = nn.Sequential(Linear(features, hidden), LeakyReLU(SLOPE)) if hidden else nn.Identity()
        self.head = Head(hidden or features, spec.told, sizes.critic)
        if sizes.norm == "batch":
            start_normal(self)
        else:
            start_he(self)

    def forward(self, x: Tensor, given: Tensor | None = None) -> Verdict:
        features: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        verdict: Verdict = self.head(self.hidden(flat(x)), given, tuple(features))
        return verdict
