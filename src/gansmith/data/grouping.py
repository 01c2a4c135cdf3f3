"""Groups of pictures: of whole ones, or of each of their channels.

Where channels show things that have nothing to do with each other, groups of whole pictures cannot tell them apart (300
groups are not 7 for each of three channels), and every channel has groups of its own: a product quantiser (Jegou et al.
2011, doi 10.1109/TPAMI.2010.57).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gansmith.contracts import GivenSpec
from gansmith.data.clusters import Clusters, Floats, coarse, fit
from gansmith.data.given import clustered

Of = Literal["picture", "channel"]
ENOUGH = 16  # pictures by which it can be said that channels are unlike


@dataclass(frozen=True)
class Grouping:
    """Groups of whole pictures (one facet), or of each channel (as many facets)."""

    of: Of
    facets: tuple[Clusters, ...]

    @property
    def given(self) -> GivenSpec:
        return clustered(*(facet.shares for facet in self.facets))

    def nearest(self, pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The groups of pictures uint8 [B, C, H, W], int64 [B], as `GivenSpec` writes them."""
        found = np.zeros(len(pixels), np.int64)
        for facet, x in zip(self.facets, _facets(pixels, self.of), strict=True):
            found = found * len(facet.centres) + facet.nearest(x)
        return found


def find_groups(pixels: NDArray[np.uint8], count: int, of: Of) -> Grouping:
    """Up to `count` groups of each facet of pictures uint8 [N, C, H, W]."""
    return Grouping(of, tuple(fit(x, count) for x in _facets(pixels, of)))


def _facets(pixels: NDArray[np.uint8], of: Of) -> list[Floats]:
    """What is grouped: [N, D] of each facet."""
    if of == "picture":
        return [coarse(pixels)]
    return [coarse(pixels[:, c : c + 1]) for c in range(pixels.shape[1])]


def correlation_of_channels(pictures: Sequence[NDArray[np.uint8]]) -> float:
    """How much the channels of pictures uint8 [H, W, C] of one size say of each other: the largest correlation of two
    of them over pixels and pictures, each pixel centred by its mean over the pictures. 1 for a single channel, where
    one does not vary, and for fewer than ENOUGH pictures."""
    if len(pictures) < ENOUGH:
        return 1.0
    x = np.stack(pictures).astype(np.float64)
    x = (x - x.mean(0)).reshape(-1, x.shape[-1])
    if x.shape[1] == 1 or x.std(0).min() == 0:
        return 1.0
    found = np.abs(np.corrcoef(x.T))
    return float(found[~np.eye(len(found), dtype=bool)].max())
