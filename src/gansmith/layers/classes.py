"""What a network is told of a sample's class.

The generator gets a learned vector beside its latent; how the discriminator is told is in layers/critic.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def need_classes(given: Tensor | None) -> Tensor:
    """`given`, int64 [B]. Raises ValueError where it is missing: class-conditional networks cannot guess it."""
    if given is None:
        raise ValueError(
            "this network was built with classes: pass `given`, the class index of every sample, int64 [B]"
        )
    return given


class Told(nn.Embedding):
    """given [B] -> a learned vector for the group of each facet, [B, F, E]; `Spec.told` says how many there are."""

    def __init__(self, told: tuple[int, ...], size: int) -> None:
        super().__init__(sum(told), size)
        self.told = told

    def forward(self, given: Tensor) -> Tensor:
        rows = []
        for facet in reversed(range(len(self.told))):
            rows.append(given % self.told[facet] + sum(self.told[:facet]))
            given = given // self.told[facet]
        return super().forward(torch.stack(rows[::-1], dim=1))


class LatentWithClass(nn.Module):
    """z [B, Z] -> [z, e / |e|] [B, 2 Z] with e = embed(y); z itself where nothing is told.

    The class's vector has length 1 beside the latent's sqrt(Z), whatever is learned. As loud as the latent, the class
    drowns it: generators then make one picture a class within 250 steps (the variance within classes of DCGAN on
    handwritten digits fell to .01 of the total, with length 1 it stays at .65; in the data it is .79). Several facets
    have a vector of length 1 each, one after the other, [B, (1 + F) Z].
    """

    def __init__(self, latent: int, told: tuple[int, ...]) -> None:
        super().__init__()
        self.embed = Told(told, latent) if told else None
        self.size = (1 + len(told)) * latent

    def forward(self, z: Tensor, given: Tensor | None) -> Tensor:
        if self.embed is None:
            return z
        vectors: Tensor = functional.normalize(self.embed(need_classes(given)), dim=2)
        return torch.cat([z, vectors.flatten(1).to(z.dtype)], dim=1)
