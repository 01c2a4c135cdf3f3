"""A pair of multilayer perceptrons, for samples of any shape (Goodfellow et al. 2014, arXiv 1406.2661).

A continuous generator of a normal latent makes one connected piece, so samples lie on bridges between modes that are
apart (Khayatkhoei et al. 2018, arXiv 1806.00880, section 2). Numbers of the latent that are read as bits cut it into
2^bits pieces, and training decides which of them goes where, so that their shares can follow the data's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from gansmith.contracts import Architecture, Discriminator, Generator, Spec, Verdict
from gansmith.layers.biases import Linear
from gansmith.layers.checks import require_at_least, require_layers, require_share
from gansmith.layers.classes import LatentWithClass
from gansmith.layers.critic import Critic, Head
from gansmith.layers.fourier import FourierFeatures
from gansmith.layers.initial import SLOPE, start_he
from gansmith.layers.leaky import LeakyReLU


@dataclass(frozen=True)
class MLP(Architecture):
    """Sizes of the pair.

    Args:
        generator_widths: units of the generator's hidden layers, from the latent on.
        discriminator_widths: units of the discriminator's hidden layers, from the sample on.
        latent: Z, numbers of the latent.
        activation: of the generator: ReLU, or leaky ReLU as always in the discriminator.
        dropout: share of the discriminator's hidden units dropped in training, in [0, 1).
        output: tanh, for samples in [-1, 1], or linear, for points anywhere.
        bits: how many of the latent's numbers, the first ones, the generator knows only the sign of.
        octaves: Fourier features of the discriminator's input; 0 for none, 4 for points with fine detail.
        critic: additions to the discriminator.
    """

    generator_widths: tuple[int, ...] = (256, 512, 1024)
    discriminator_widths: tuple[int, ...] = (1024, 512, 256)
    latent: int = 100
    activation: Literal["relu", "leaky"] = "relu"
    dropout: float = 0.0
    output: Literal["tanh", "linear"] = "tanh"
    bits: int = 0
    octaves: int = 0
    critic: Critic = Critic()

    def __post_init__(self) -> None:
        require_layers(generator_widths=self.generator_widths, discriminator_widths=self.discriminator_widths)
        require_at_least(1, latent=self.latent)
        require_at_least(0, bits=self.bits, octaves=self.octaves)
        if self.bits >= self.latent:
            raise ValueError(
                f"bits must be fewer than latent ({self.latent}), not {self.bits}: the other numbers move a sample"
            )
        require_share(dropout=self.dropout)

    def build(self, spec: Spec) -> tuple[Generator, Discriminator]:
        if not spec.shape or min(spec.shape) < 1:
            raise ValueError(f"mlp makes samples of at least one number, not of the shape {spec.shape}")
        return MLPGenerator(self, spec), self.critic.dress(lambda s: MLPDiscriminator(self, s), spec)


class MLPGenerator(Generator):
    """Dense layers from the latent to a flat sample.

    The bits are taken in `synthesis`: truncation then moves samples within their piece, not into the gaps between.
    """

    def __init__(self, sizes: MLP, spec: Spec) -> None:
        super().__init__()
        self.latent_size, self.bits = sizes.latent, sizes.bits
        self.latent = LatentWithClass(sizes.latent, spec.told)
        slope = 0.0 if sizes.activation == "relu" else SLOPE
        layers: list[nn.Module] = []
        before = self.latent.size
        for after in sizes.generator_widths:
            layers += [nn.Linear(before, after), nn.LeakyReLU(slope)]
            before = after
        self.layers = nn.Sequential(*layers)
        self.sample = nn.Linear(before, math.prod(spec.shape))
        self.output = nn.Tanh() if sizes.output == "tanh" else nn.Identity()
        self.shape = spec.shape
        start_he(self.layers, slope=slope)
        start_he(self.sample, gain=0.5)  # the first samples do not saturate the tanh

    def mapping(self, z: Tensor, given: Tensor | None) -> Tensor:
        w: Tensor = self.latent(z, given)  # [B, Z], or [B, 2 Z] with the class beside it
        return w

    def synthesis(self, w: Tensor, given: Tensor | None) -> Tensor:
        if self.bits:
            signs = (w[:, : self.bits] >= 0).to(w.dtype) * 2 - 1
            w = torch.cat([signs, w[:, self.bits :]], dim=1)
        x: Tensor = self.output(self.sample(self.layers(w)))
        return x.reshape(-1, *self.shape)


class MLPDiscriminator(Discriminator):
    """Dense layers from the flat sample to a score. Features: one [B, D] a hidden layer."""

    def __init__(self, sizes: MLP, spec: Spec) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        numbers = math.prod(spec.shape)
        self.piecewise_linear = not sizes.octaves
        self.fourier = FourierFeatures(numbers, sizes.octaves) if sizes.octaves else None
        before = self.fourier.size if self.fourier else numbers
        for after in sizes.discriminator_widths:
            stage = [Linear(before, after), LeakyReLU(SLOPE), nn.Dropout(sizes.dropout)]
            self.stages.append(nn.Sequential(*stage))
            before = after
        self.head = Head(before, spec.told, sizes.critic)
        start_he(self)

    def forward(self, x: Tensor, given: Tensor | None = None) -> Verdict:
        h = torch.flatten(x, 1)
        if self.fourier is not None:
            h = self.fourier(h)
        features: list[Tensor] = []
        for stage in self.stages:
            h = stage(h)
            features.append(h)
        verdict: Verdict = self.head(h, given, tuple(features))
        return verdict
