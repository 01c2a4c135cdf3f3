"""Samples: what is fed to a game, and what is known of their shape."""

from __future__ import annotations

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
    """What both players are told about a sample: an index into `names`, int64 [B].

    Kind "class": what people call it, and can ask for. Kind "cluster": the group of like samples that it belongs to;
    nobody asks for these, and samples are drawn with the training samples' `shares`, which sum to 1.
    """

    names: tuple[str, ...]
    kind: Literal["class", "cluster"] = "class"
    shares: tuple[float, ...] = ()

    def draw(self, count: int, seed: int) -> Tensor:
        """Clusters int64 [count] by their shares; the k-th of a seed is always the same."""
        numbers = torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        ends = torch.tensor(self.shares, dtype=torch.float64).cumsum(0)
        return torch.searchsorted(ends, numbers * ends[-1]).clamp(max=len(self.shares) - 1)


@dataclass(frozen=True)
class Spec:
    """The shape of one sample without the batch, (C, H, W) for images, and what is given with it."""

    shape: tuple[int, ...]
    given: GivenSpec | None = None

    @property
    def classes(self) -> int:
        """The number of classes or clusters both players are told about; 0 where they are told nothing."""
        return len(self.given.names) if self.given else 0

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that samples can be asked of."""
        return self.given.names if self.given and self.given.kind == "class" else ()
