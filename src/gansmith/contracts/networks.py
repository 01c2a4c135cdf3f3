"""Networks: a generator, a discriminator with its verdict, and what builds the two."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple, final

import torch
from torch import Tensor, nn

from gansmith.contracts.samples import Spec


class Verdict(NamedTuple):
    """What a discriminator says."""

    scores: tuple[Tensor, ...]  # one [B, ...] a head, unbounded logits, larger = more real; [B / k] with packing k
    features: tuple[Tensor, ...] = ()  # hidden activations, one [B, ...] a tapped layer
    directions: tuple[Tensor, ...] = ()  # as scores, but seen by the last layer's direction alone (SAN)
    classes: Tensor | None = None  # [B, K] logits of an auxiliary classifier
    reconstruction: Tensor | None = None  # [B] error of the sample as the discriminator reads it back from its features

    def split(self, share: int = 2) -> tuple[Verdict, ...]:
        """The verdicts on `share` equal parts of the batch."""
        parts = []
        for part in range(share):
            cut = [
                tuple(torch.chunk(x, share)[part] for x in xs) for xs in (self.scores, self.features, self.directions)
            ]
            classes, error = (
                None if x is None else torch.chunk(x, share)[part] for x in (self.classes, self.reconstruction)
            )
            parts.append(Verdict(cut[0], cut[1], cut[2], classes, error))
        return tuple(parts)


class Generator(nn.Module, ABC):
    """Latent to sample. `mapping` and `synthesis` are the network's; `forward` is final."""

    latent_size: int

    @abstractmethod
    def mapping(self, z: Tensor, given: Tensor | None) -> Tensor:
        """`z` [B, Z] standard normal -> `w` [B, ...], the latent that truncation and editing act on."""

    @abstractmethod
    def synthesis(self, w: Tensor, given: Tensor | None) -> Tensor:
        """`w` -> samples [B, *spec.shape] in the network's range."""

    @final  # type: ignore[misc]
    def forward(self, z: Tensor, given: Tensor | None = None) -> Tensor:
        return self.synthesis(self.mapping(z, given), given)


class Discriminator(nn.Module, ABC):
    """Sample to verdict (a critic, where the loss is Wasserstein)."""

    independent: bool = False  # whether there is one head, [B], whose scores are each of its own sample alone
    piecewise_linear: bool = False  # whether scores are, between kinks, linear in the sample and all biases together
    homogeneous: bool = False  # independent, piecewise linear, and all biases can be gathered (layers/biases.py)

    @abstractmethod
    def forward(self, x: Tensor, given: Tensor | None = None) -> Verdict:
        """`x` [B, *spec.shape] -> scores (logits) and features."""


class Architecture(ABC):
    """A frozen dataclass of sizes that builds a generator and a discriminator."""

    @abstractmethod
    def build(self, spec: Spec) -> tuple[Generator, Discriminator]:
        """Raises ValueError, in words for users, where `spec` is something these networks cannot make."""
