"""Samples: what is fed to a game, and what is known of their shape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor


class Batch(NamedTuple):
    """What a source yields."""

    real: Tensor  # float32 [B, *spec.shape], in the network's range ([-1, 1] for images)
    given: Tensor | None = None  # what both players are told; int64 [B] for classes


@dataclass(frozen=True)
class GivenSpec:
    """What both players are told about a sample: one of `count` possibilities, int64 [B].

    Kind "class": what people call it, an index into `names`, and can ask for. Kind "cluster": the group of like samples
    that it belongs to; nobody asks for these. A sample may have several facets (its channels, say), each with groups of
    its own: then a possibility is a group for every facet, written as one number, the last facet's groups counted
    fastest, so that (a, b, c) of 4, 5 and 6 groups is (5 a + b) 6 + c. `shares`, for each facet those of the training
    samples in its groups, sum to 1; samples are drawn by them, each facet for itself.
    """

    names: tuple[str, ...] = ()
    kind: Literal["class", "cluster"] = "class"
    shares: tuple[tuple[float, ...], ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many groups each facet has; classes are one facet."""
        return tuple(map(len, self.shares)) if self.kind == "cluster" else (len(self.names),)

    @property
    def count(self) -> int:
        """The number of possibilities."""
        return math.prod(self.sizes)

    def draw(self, count: int, seed: int) -> Tensor:
        """Clusters int64 [count] by their shares; the k-th of a seed is always the same."""
        chance = torch.Generator().manual_seed(seed)
        numbers = torch.rand(count, len(self.shares), generator=chance, dtype=torch.float64)
        drawn = torch.zeros(count, dtype=torch.int64)
        for number, shares in zip(numbers.T, self.shares, strict=True):
            ends = torch.tensor(shares, dtype=torch.float64).cumsum(0)
            drawn = drawn * len(shares) + torch.searchsorted(ends, number * ends[-1]).clamp(max=len(shares) - 1)
        return drawn


@dataclass(frozen=True)
class Spec:
    """The shape of one sample without the batch, (C, H, W) for images, and what is given with it."""

    shape: tuple[int, ...]
    given: GivenSpec | None = None

    @property
    def classes(self) -> int:
        """The number of classes or clusters both players are told about; 0 where they are told nothing."""
        return self.given.count if self.given else 0

    @property
    def told(self) -> tuple[int, ...]:
        """Of how many groups each facet of what is told is, for layers that learn a vector for each; () for nothing."""
        return self.given.sizes if self.given else ()

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that samples can be asked of."""
        return self.given.names if self.given and self.given.kind == "class" else ()
