"""The judge: feature extractors, and scorers of what is known beside features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

from torch import Tensor


class Seen(NamedTuple):
    """What a feature extractor sees in samples."""

    vectors: Tensor  # float32 [B, D]
    probabilities: Tensor | None = None  # [B, K] over the extractor's classes, where it is a classifier


class Extractor(ABC):
    """Samples to feature vectors, for the metrics. Frozen weights; the same input always gives the same output."""

    name: str  # "classifier", "random", "inception", "coordinates", or the file's name
    ranks: ClassVar[bool] = True  # whether the lower Frechet distance is the better generator: "best" is kept by it
    hash: str  # first 16 hex digits of the sha256 of its weights: scores compare only where this is equal
    details: dict[str, Any]  # JSON: what a reader of scores must know (accuracy on held-out data, layers, resizer)

    @abstractmethod
    def __call__(self, x: Tensor) -> Seen:
        """`x` [B, *spec.shape] in the network's range; batches itself, without gradients, in constant memory."""


class Scorer(ABC):
    """What can be scored of one kind of data beside features, since more is known of it: its modes, its composition."""

    name: str  # its scores are called name/...
    samples: int  # how many of them its scores are defined on; as many are drawn at the end of a training
    protocol: dict[str, Any]  # JSON: what a reader of the scores must know

    @abstractmethod
    def see(self, x: Tensor) -> Tensor:
        """`x` [B, *spec.shape] in the network's range -> what is kept of them, [B, ...]."""

    @abstractmethod
    def score(self, seen: Tensor) -> dict[str, float]:
        """Scores by their names of what was kept of all samples, [N, ...]."""
