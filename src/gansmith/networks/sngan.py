"""SNGAN: residual blocks, and a discriminator of bounded slope (Miyato et al. 2018, arXiv 1802.05957).

Every weight of the discriminator is divided by its largest singular value, estimated by one step of power iteration a
forward pass (algorithm 1). Class-conditional: conditional batch normalisation in the generator, projection in the
discriminator (Miyato & Koyama 2018, arXiv 1802.05637). At 32x32 these are the paper's networks for CIFAR-10
(appendix B.4); each doubling beyond adds a level of half the channels. Any height and width from 8 on.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gansmith.contracts import Architecture, Discriminator, Generator, Spec, Verdict
from gansmith.layers.checks import require_at_least
from gansmith.layers.classes import Told, need_classes
from gansmith.layers.critic import Critic, Head
from gansmith.layers.flat import ToMap
from gansmith.layers.leaky import leaky_relu
from gansmith.layers.residual import DownBlock, UpBlock
from gansmith.layers.sizes import halved_sizes, image_shape


@dataclass(frozen=True)
class SNGAN(Architecture):
    """Sizes of the pair.

    Args:
        width: channels of the generator's first four levels (up to 32 to 56 pixels); finer levels have half each.
        discriminator_width: channels of the discriminator's coarsest levels (from 32 to 64 pixels down).
        latent: Z, numbers of the latent.
        critic: additions to the discriminator, which is spectrally normalised in any case.
    """

    width: int = 256
    discriminator_width: int = 128
    latent: int = 128
    critic: Critic = Critic()

    def __post_init__(self) -> None:
        require_at_least(1, width=self.width, discriminator_width=self.discriminator_width, latent=self.latent)

    def build(self, spec: Spec) -> tuple[Generator, Discriminator]:
        image_shape(spec, "sngan")
        return SNGANGenerator(self, spec), self.critic.dress(lambda s: SNGANDiscriminator(self, s), spec)


class ClassNorm(nn.Module):
    """Batch normalisation whose scale and shift depend on the class, where there are classes."""

    def __init__(self, channels: int, told: tuple[int, ...]) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=not told)
        self.affine = Told(told, 2 * channels) if told else None
        if self.affine is not None:
            nn.init.constant_(self.affine.weight[:, :channels], 1 / len(told))
            nn.init.zeros_(self.affine.weight[:, channels:])

    def forward(self, x: Tensor, given: Tensor | None) -> Tensor:
        x = self.norm(x)
        if self.affine is not None:
            scale, shift = self.affine(need_classes(given)).sum(1).to(x.dtype)[:, :, None, None].chunk(2, dim=1)
            x = shift + scale * x
        return x


def start_xavier(network: nn.Module) -> None:
    """Glorot's uniform weights, sqrt(2) larger for convolutions that a ReLU follows or precedes; biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            wide = isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3)
            nn.init.xavier_uniform_(module.weight, gain=math.sqrt(2) if wide else 1.0)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class SNGANGenerator(Generator):
    """Dense base, residual blocks that double the size, and a last convolution to the image."""

    def __init__(self, sizes: SNGAN, spec: Spec) -> None:
        super().__init__()
        channels, height, width = image_shape(spec, "sngan")
        levels = halved_sizes(height, width, at_most=7)[::-1]
        widths = [max(sizes.width >> max(0, level - 3), 1) for level in range(len(levels))]
        self.latent_size = sizes.latent
        base = nn.Linear(sizes.latent, widths[0] * levels[0][0] * levels[0][1])
        self.base = nn.Sequential(base, ToMap(levels[0]))
        self.blocks = nn.ModuleList(
            UpBlock(before, after, size, lambda count: ClassNorm(count, spec.told))
            for before, after, size in zip(widths, widths[1:], levels[1:], strict=False)
        )
        self.image = nn.Sequential(
            nn.BatchNorm2d(widths[-1]), nn.ReLU(), nn.Conv2d(widths[-1], channels, 3, padding=1), nn.Tanh()
        )
        start_xavier(self)

    def mapping(self, z: Tensor, given: Tensor | None) -> Tensor:
        return z

    def synthesis(self, w: Tensor, given: Tensor | None) -> Tensor:
        x = self.base(w)
        for block in self.blocks:
            x = block(x, given)
        image: Tensor = self.image(x)
        return image


class SNGANDiscriminator(Discriminator):
    """Residual blocks that halve the size to 8 pixels or fewer, two that keep it, the sum over pixels, a projection."""

    piecewise_linear = True

    def __init__(self, sizes: SNGAN, spec: Spec) -> None:
        super().__init__()
        channels, height, width = image_shape(spec, "sngan")
        count = len(halved_sizes(height, width, at_most=8)) - 1
        widest = sizes.discriminator_width
        widths = [channels, *(max(widest >> max(0, count - 2 - level), 1) for level in range(count)), widest, widest]
        self.blocks = nn.ModuleList(
            DownBlock(before, after, halve=level < count, first=level == 0)
            for level, (before, after) in enumerate(itertools.pairwise(widths))
        )
        self.head = Head(widest, spec.told, sizes.critic)
        start_xavier(self)
        for module in list(self.modules()):
            if isinstance(module, nn.Linear | nn.Conv2d | nn.Embedding):
                spectral_norm(module)

    def forward(self, x: Tensor, given: Tensor | None = None) -> Verdict:
        features: list[Tensor] = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        verdict: Verdict = self.head(leaky_relu(x, 0.0).sum((2, 3)), given, tuple(features))
        return verdict
