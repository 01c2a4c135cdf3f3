"""A convolutional pair spelt out layer by layer, for networks that a text prints as a list of layers.

Generator: dense layer onto a base of `base_channels` maps, transposed convolutions, one more to the image.
Discriminator: convolutions, then a dense score. Every convolution multiplies or divides the size by its stride exactly,
whatever its kernel, as "same" padding does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from gansmith.contracts import Architecture, Discriminator, Generator, Spec, Verdict
from gansmith.layers.checks import require_at_least, require_share
from gansmith.layers.classes import LatentWithClass
from gansmith.layers.conv import Conv2d
from gansmith.layers.critic import Critic, Head
from gansmith.layers.initial import SLOPE, start_he
from gansmith.layers.sizes import SMALLEST, Size, image_shape


@dataclass(frozen=True)
class Layered(Architecture):
    """The pair's layers.

    Args:
        base_channels: feature maps that the generator's dense layer makes.
        generator: (channels, kernel, stride) of each transposed convolution before the image.
        generator_norm: which of the generator's layers are batch-normalised: 0 is the dense layer, 1 the first
            transposed convolution. A normalised layer has no bias, which the normalisation would remove anyway.
        image: (kernel, stride) of the transposed convolution that makes the image.
        discriminator: (channels, kernel, stride, batch-normalised: 1 or 0) of each convolution.
        latent: Z, numbers of the latent.
        activation: of the generator: ReLU, or leaky ReLU as always in the discriminator.
        dropout: share of the discriminator's activations dropped in training, in [0, 1).
        output: tanh, or linear: unbounded, the codec clips.
        critic: additions to the discriminator.
    """

    base_channels: int = 128
    generator: tuple[tuple[int, int, int], ...] = ((128, 5, 2), (64, 5, 2))
    generator_norm: tuple[int, ...] = (0, 1, 2)
    image: tuple[int, int] = (7, 1)
    discriminator: tuple[tuple[int, int, int, int], ...] = ((64, 5, 2, 0), (128, 5, 2, 0), (128, 5, 2, 0))
    latent: int = 100
    activation: Literal["relu", "leaky"] = "leaky"
    dropout: float = 0.0
    output: Literal["tanh", "linear"] = "tanh"
    critic: Critic = Critic()

    def __post_init__(self) -> None:
        require_at_least(1, base_channels=self.base_channels, latent=self.latent)
        require_share(dropout=self.dropout)
        growing = [("generator", layer) for layer in self.generator] + [("image", (1, *self.image))]
        for field, (channels, kernel, stride) in growing:
            _check_layer(field, channels, kernel, stride)
            if kernel < stride:
                raise ValueError(
                    f"{field}: a kernel must be at least as large as its stride, or the pixels between are never "
                    f"written; got kernel {kernel} with stride {stride}"
                )
        for channels, kernel, stride, norm in self.discriminator:
            _check_layer("discriminator", channels, kernel, stride)
            if norm not in (0, 1):
                raise ValueError(f"discriminator: the fourth number (batch-normalised) must be 0 or 1, not {norm}")
        strange = [layer for layer in self.generator_norm if not 0 <= layer <= len(self.generator)]
        if strange:
            raise ValueError(
                f"generator_norm must hold layer numbers from 0 (dense) to {len(self.generator)}, not {strange[0]}"
            )

    def build(self, spec: Spec) -> tuple[Generator, Discriminator]:
        _, height, width = image_shape(spec, "layered")
        factor = math.prod(stride for _, _, stride in self.generator) * self.image[1]
        if height % factor or width % factor:
            multiples = {(side // factor + up) * factor for side in (height, width) for up in (0, 1)}
            near = sorted(side for side in multiples if side >= SMALLEST)
            raise ValueError(
                f"the strides of this layered generator multiply to {factor}: heights and widths must be multiples of "
                f"{factor}; {height}x{width} is not, try sides of {' or '.join(str(side) for side in near)}"
            )
        return LayeredGenerator(self, spec), self.critic.dress(lambda s: LayeredDiscriminator(self, s), spec)


def _check_layer(field: str, channels: int, kernel: int, stride: int) -> None:
    if min(channels, kernel, stride) < 1:
        raise ValueError(
            f"{field}: channels, kernels and strides must be at least 1, not {channels}, {kernel}, {stride}"
        )
    if stride == 1 and kernel % 2 == 0:
        raise ValueError(f"{field}: a layer of stride 1 needs an odd kernel to keep the image's size, not {kernel}")


def growing_conv(before: int, after: int, kernel: int, stride: int, bias: bool = True) -> nn.ConvTranspose2d:
    """Multiplies height and width by `stride`: (n - 1) s - 2 p + k + o = n s, with the least padding p."""
    padding = (kernel - stride + 1) // 2
    extra = 2 * padding + stride - kernel
    return nn.ConvTranspose2d(before, after, kernel, stride, padding, output_padding=extra, bias=bias)


class LayeredGenerator(Generator):
    """The layers of `base_channels`, `generator` and `image`."""

    def __init__(self, sizes: Layered, spec: Spec) -> None:
        super().__init__()
        channels, height, width = image_shape(spec, "layered")
        factor = math.prod(stride for _, _, stride in sizes.generator) * sizes.image[1]
        base: Size = (height // factor, width // factor)
        slope = 0.0 if sizes.activation == "relu" else SLOPE

        def finish(layer: int, count: int) -> list[nn.Module]:
            norm = [nn.BatchNorm2d(count)] if layer in sizes.generator_norm else []
            return [*norm, nn.LeakyReLU(slope)]

        self.latent_size = sizes.latent
        self.latent = LatentWithClass(sizes.latent, spec.told)
        before = sizes.base_channels
        dense = nn.Linear(self.latent.size, before * math.prod(base), bias=0 not in sizes.generator_norm)
        layers = [dense, nn.Unflatten(1, (before, *base)), *finish(0, before)]
        for number, (after, kernel, stride) in enumerate(sizes.generator, start=1):
            bias = number not in sizes.generator_norm
            layers += [growing_conv(before, after, kernel, stride, bias), *finish(number, after)]
            before = after
        self.layers = nn.Sequential(*layers)
        self.image = growing_conv(before, channels, *sizes.image)
        self.output = nn.Tanh() if sizes.output == "tanh" else nn.Identity()
        start_he(self.layers, slope=slope)
        start_he(self.image, gain=0.5)  # the first images do not saturate the tanh

    def mapping(self, z: Tensor, given: Tensor | None) -> Tensor:
        w: Tensor = self.latent(z, given)  # [B, Z], or [B, 2 Z] with the class beside it
        return w

    def synthesis(self, w: Tensor, given: Tensor | None) -> Tensor:
        x: Tensor = self.output(self.image(self.layers(w)))
        return x


class LayeredDiscriminator(Discriminator):
    """The layers of `discriminator`, then a dense score. Features: one map a convolution."""

    def __init__(self, sizes: Layered, spec: Spec) -> None:
        super().__init__()
        before, height, width = image_shape(spec, "layered")
        self.stages = nn.ModuleList()
        for after, kernel, stride, norm in sizes.discriminator:
            padding = kernel // 2
            stage: list[nn.Module] = [Conv2d(before, after, kernel, stride, padding, bias=not norm)]
            stage += [nn.BatchNorm2d(after)] if norm else []
            stage += [nn.LeakyReLU(SLOPE), nn.Dropout(sizes.dropout)]
            self.stages.append(nn.Sequential(*stage))
            before = after
            height, width = ((side + 2 * padding - kernel) // stride + 1 for side in (height, width))
        self.head = Head(before * height * width, spec.told, sizes.critic)
        start_he(self)

    def forward(self, x: Tensor, given: Tensor | None = None) -> Verdict:
        features: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        verdict: Verdict = self.head(torch.flatten(x, 1), given, tuple(features))
        return verdict
