"""Groups of samples that are alike, told to both players where there are no classes.

Every group has samples of its own to make, so that none is forgotten, and each is a smaller task than all data at
once. Clustered GANs: Sage et al. 2018 (arXiv 1712.04407); renewed in training: Liu et al. 2020 (arXiv 2006.10728).
Here the groups are found once, by k-means (Lloyd 1982; first centres by Arthur & Vassilvitskii 2007), on points or on
coarse pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIDE = {1: 16}  # grey pictures are averaged down to no more pixels a side than this,
COLOUR_SIDE = 8  # all others to this
LOOKED_AT = 20_000  # samples by which groups are found, evenly spread
ROUNDS = 25
SEED = 0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Clusters:
    """`centres` [K, D], and the `shares` [K] of the samples nearest to each."""

    centres: Floats
    shares: Floats

    def nearest(self, x: Floats) -> NDArray[np.int64]:
        """The nearest centre to each of `x` [B, D], int64 [B].

        For the loader's threads: NumPy's own sums, since a matrix product wakes the linear algebra's threads, which go
        on to spin on cores that training needs.
        """
        found: NDArray[np.int64] = ((self.centres**2).sum(1) - 2 * np.einsum("bd,kd->bk", x, self.centres)).argmin(1)
        return found


def check_clusters(count: int, classes: bool | None) -> None:
    """Raises ValueError for a number of groups that cannot be, or beside classes."""
    if count < 0 or count == 1:
        raise ValueError(f"clusters must be 0 (none) or 2 and more, not {count}")
    if count and classes:
        raise ValueError("clusters take the place of classes: leave one of them out (--no-classes, or clusters=0)")


def fit(x: Floats, count: int) -> Clusters:
    """Up to `count` groups of the rows of `x` [N, D]; fewer where rows are equal. Float64, so that two machines
    disagree on ties alone."""
    centres = _spread(x, count)
    for _ in range(ROUNDS):
        nearest = _distances(x, centres).argmin(1)
        members = np.bincount(nearest, minlength=len(centres))
        belongs = (nearest[:, None] == np.arange(len(centres))).astype(np.float64)
        centres = (belongs.T @ x)[members > 0] / members[members > 0, None]
    members = np.bincount(_distances(x, centres).argmin(1), minlength=len(centres))
    return Clusters(centres[members > 0], members[members > 0] / len(x))


def coarse(pixels: NDArray[np.uint8]) -> Floats:
    """Pictures uint8 [B, C, H, W] as means over squares of pixels, [B, D] in [0, 1]."""
    batch, channels, height, width = pixels.shape
    k = -(-max(height, width) // SIDE.get(channels, COLOUR_SIDE))
    rows, columns = max(1, height // k), max(1, width // k)
    high, wide = min(k, height), min(k, width)
    whole = pixels[:, :, : rows * high, : columns * wide].reshape(batch, channels, rows, high, columns, wide)
    means: Floats = whole.mean((3, 5)).reshape(batch, -1)
    return means / 255


def _distances(x: Floats, centres: Floats) -> Floats:
    """Squared, less the same for every centre: [B, D], [K, D] -> [B, K]."""
    found: Floats = (centres**2).sum(1) - 2 * x @ centres.T
    return found


def _spread(x: Floats, count: int) -> Floats:
    """First centres, each drawn with a chance that grows with the squared distance to those before."""
    chance = np.random.default_rng(SEED)
    chosen = [int(chance.integers(len(x)))]
    length = (x**2).sum(1)
    left = np.full(len(x), np.inf)
    while len(chosen) < count:
        newest = x[chosen[-1]]
        left = np.minimum(left, np.maximum(length - 2 * x @ newest + newest @ newest, 0))
        left[chosen] = 0
        if left.sum() <= 1e-9 * len(x):
            break  # as many centres as there are different pictures
        chosen.append(int(chance.choice(len(x), p=left / left.sum())))
    return x[chosen]
