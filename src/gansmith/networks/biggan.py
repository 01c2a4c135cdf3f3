"""BigGAN: wide residual networks with attention (Brock, Donahue & Simonyan 2019, arXiv 1809.11096).

Generator: the latent is cut into one chunk a level (hierarchical latent); the first makes the base, each other one,
beside a class embedding that all levels share, sets the scale and shift of a block's batch normalisation (section 3,
appendix B). Without classes the chunks do it alone. Discriminator: residual blocks, the sum over pixels, a projection.
Both: orthogonal starting weights, spectral normalisation, self-attention at one level. Any height and width from 8 on.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from gansmith.contracts import Architecture, Discriminator, Generator, Spec, Verdict
from gansmith.layers.attention import Attention
from gansmith.layers.checks import require_at_least
from gansmith.layers.classes import Told, need_classes
from gansmith.layers.critic import Critic, Head
from gansmith.layers.flat import ToMap
from gansmith.layers.residual import DownBlock, UpBlock
from gansmith.layers.sizes import Size, doubled_widths, halved_sizes, image_shape
from gansmith.layers.spectral import normalise_spectrally


@dataclass(frozen=True)
class BigGAN(Architecture):
    """Sizes of the pair.

    Args:
        width: channels of the generator's finest level; they double with every level towards the base.
        discriminator_width: channels after the discriminator's first block; None: as `width`.
        max_width: no feature map of either has more channels; the paper has 16 x width.
        latent: Z, numbers of the latent, shared out among the base and the blocks.
        embedding: numbers of the class embedding.
        attention: N: attention at the largest feature map of at most N x N pixels (the coarsest where none is so
            small), and smaller than the image; 0 for none.
        critic: additions to the discriminator, which is spectrally normalised in any case.
    """

    width: int = 64
    discriminator_width: int | None = None
    max_width: int = 1024
    latent: int = 128
    embedding: int = 128
    attention: int = 32
    critic: Critic = Critic()

    def __post_init__(self) -> None:
        require_at_least(1, width=self.width, discriminator_width=self.of_discriminator, embedding=self.embedding)
        require_at_least(max(self.width, self.of_discriminator), max_width=self.max_width)
        require_at_least(0, attention=self.attention)
        require_at_least(1, latent=self.latent)

    @property
    def of_discriminator(self) -> int:
        """The discriminator's width."""
        return self.width if self.discriminator_width is None else self.discriminator_width

    def build(self, spec: Spec) -> tuple[Generator, Discriminator]:
        _, height, width = image_shape(spec, "biggan")
        levels = len(halved_sizes(height, width, at_most=7))
        if self.latent < levels:
            raise ValueError(
                f"latent must be at least {levels} for {height}x{width}: each level of biggan's generator has a chunk "
                f"of it; {self.latent} is too few, 20 a level are usual"
            )
        return BigGANGenerator(self, spec), self.critic.dress(lambda s: BigGANDiscriminator(self, s), spec)

    def place_of_attention(self, levels: list[Size]) -> int | None:
        """Which of these feature maps gets the attention; None for none of them."""
        if not self.attention:
            return None
        areas = [height * width for height, width in levels]
        small = [area for area in areas if area <= self.attention**2]
        return areas.index(max(small) if small else min(areas))


class ToldNorm(nn.Module):
    """Batch normalisation whose scale (about 1) and shift are linear in a vector told [B, T] (appendix B)."""

    def __init__(self, channels: int, told: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale = nn.Linear(told, channels, bias=False)
        self.shift = nn.Linear(told, channels, bias=False)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        x = self.norm(x)
        scale, shift = (1 + self.scale(told)).to(x.dtype), self.shift(told).to(x.dtype)
        return torch.addcmul(shift[:, :, None, None], x, scale[:, :, None, None])


def start_orthogonal(network: nn.Module) -> None:
    """Weights with orthonormal rows, or columns where those are fewer; biases 0 (Saxe et al. 2014, 1312.6120)."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.Embedding):
            nn.init.orthogonal_(module.weight)
            if not isinstance(module, nn.Embedding) and module.bias is not None:
                nn.init.zeros_(module.bias)


class BigGANGenerator(Generator):
    """Dense base, residual blocks that double the size, a last convolution to the image.

    w [B, Z + E] is the latent with the class embedding beside it (of F facets F of them, [B, Z + F E]), so that classes
    can be mixed.
    """

    def __init__(self, sizes: BigGAN, spec: Spec) -> None:
        super().__init__()
        channels, height, width = image_shape(spec, "biggan")
        levels = halved_sizes(height, width, at_most=7)[::-1]
        widths = doubled_widths(sizes.width, sizes.max_width, len(levels))[::-1]
        self.latent_size = sizes.latent
        each, more = divmod(sizes.latent, len(levels))
        self.chunks = [each + (level < more) for level in range(len(levels))]
        self.embed = Told(spec.told, sizes.embedding) if spec.told else None
        told = sizes.embedding * len(spec.told)
        base = nn.Linear(self.chunks[0], widths[0] * levels[0][0] * levels[0][1])
        self.base = nn.Sequential(base, ToMap(levels[0]))
        self.blocks = nn.ModuleList(
            UpBlock(before, after, size, partial(ToldNorm, told=chunk + told))
            for (before, after), size, chunk in zip(
                itertools.pairwise(widths), levels[1:], self.chunks[1:], strict=True
            )
        )
        self.place = sizes.place_of_attention(levels[:-1])
        self.attention = nn.Identity() if self.place is None else Attention(widths[self.place])
        self.image = nn.Sequential(
            nn.BatchNorm2d(widths[-1]), nn.ReLU(), nn.Conv2d(widths[-1], channels, 3, padding=1), nn.Tanh()
        )
        start_orthogonal(self)
        normalise_spectrally(self, nn.Linear, nn.Conv2d)  # not the shared embedding

    def mapping(self, z: Tensor, given: Tensor | None) -> Tensor:
        if self.embed is None:
            return z
        return torch.cat([z, self.embed(need_classes(given)).flatten(1).to(z.dtype)], dim=1)

    def synthesis(self, w: Tensor, given: Tensor | None) -> Tensor:
        first, *chunks = torch.split(w[:, : self.latent_size], self.chunks, dim=1)
        embedding = w[:, self.latent_size :]  # [B, E], or [B, 0] without classes
        x = self.base(first)
        if self.place == 0:
            x = self.attention(x)
        for level, (block, chunk) in enumerate(zip(self.blocks, chunks, strict=True), start=1):
            x = block(x, torch.cat([chunk, embedding], dim=1))
            if level == self.place:
                x = self.attention(x)
        image: Tensor = self.image(x)
        return image


class BigGANDiscriminator(Discriminator):
    """Residual blocks that halve the size to 4 to 7 pixels, one that keeps it, the sum over pixels, a projection."""

    def __init__(self, sizes: BigGAN, spec: Spec) -> None:
        super().__init__()
        channels, height, width = image_shape(spec, "biggan")
        levels = halved_sizes(height, width, at_most=7)[1:]
        widths = doubled_widths(sizes.of_discriminator, sizes.max_width, len(levels))
        widths = [channels, *widths, widths[-1]]
        self.blocks = nn.ModuleList(
            DownBlock(before, after, halve=level < len(levels), first=level == 0, wide=True)
            for level, (before, after) in enumerate(itertools.pairwise(widths))
        )
        place = sizes.place_of_attention(levels)
        if place is not None:
            self.blocks.insert(place + 1, Attention(widths[place + 1]))
        self.head = Head(widths[-1], spec.told, sizes.critic)
        start_orthogonal(self)
        normalise_spectrally(self, nn.Linear, nn.Conv2d, nn.Embedding)

    def forward(self, x: Tensor, given: Tensor | None = None) -> Verdict:
        features: list[Tensor] = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        verdict: Verdict = self.head(x.relu().sum((2, 3)), given, tuple(features))
        return verdict
