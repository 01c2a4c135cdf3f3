"""Samples as they are: for points, whose coordinates say all there is to see."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor

from gansmith.contracts import Extractor, Seen, Spec
from gansmith.errors import DataError
from gansmith.features.weights import in_chunks, weights_hash


class Coordinates(Extractor):
    """Samples of `spec.shape`, flattened to [B, D].

    They do not rank generators: the Frechet distance compares means and covariances, and a single blob can have those
    of the finest mixture.
    """

    name = "coordinates"
    ranks: ClassVar[bool] = False

    def __init__(self, spec: Spec) -> None:
        """Raises DataError where samples are pictures: equal pixels are not what makes pictures alike."""
        if len(spec.shape) == 3:
            raise DataError(
                f"The coordinates features are for points, but these samples are pictures {list(spec.shape)}. "
                "Use --features auto."
            )
        self.shape = spec.shape
        self.hash = weights_hash({self.name: torch.tensor(spec.shape)})
        self.details: dict[str, Any] = {"features": math.prod(spec.shape), "resizer": "none: coordinates"}

    def __call__(self, x: Tensor) -> Seen:
        return in_chunks(lambda part: Seen(part.flatten(1)), x, self.shape)
