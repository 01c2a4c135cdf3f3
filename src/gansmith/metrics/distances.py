"""Euclidean distances between two sets of feature vectors, a block of rows at a time: memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

BLOCK_ELEMENTS = 4_000_000  # 32 MB of float64 distances at a time


def blocks(a: Tensor, b: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Rows of `a` [N, D], and their distances [rows, M] to all rows of `b` [M, D]; both float64.

    Distances come from matrix products, |x|^2 + |y|^2 - 2xy, so equal points are about 1e-8 of their norm apart. Both
    sets are moved to `b`'s mean first, which changes no distance and keeps norms, hence that error, small.
    """
    center = b.mean(0)
    a, b = a - center, b - center
    rows = max(1, BLOCK_ELEMENTS // len(b))
    for start in range(0, len(a), rows):
        part = slice(start, min(start + rows, len(a)))
        yield part, torch.cdist(a[part], b, compute_mode="use_mm_for_euclid_dist")


def neighbour_radius(x: Tensor, k: int) -> Tensor:
    """The distance [N] from each row of `x` to its k-th nearest other row."""
    return neighbour_radii(x, (k,))[0]


def neighbour_radii(x: Tensor, ks: Sequence[int]) -> list[Tensor]:
    """`neighbour_radius` for each of `ks`, from one look at all distances.

    It is the (k+1)-th smallest distance, because a point is its own nearest neighbour; k is at most N - 1.
    """
    places = [min(k, len(x) - 1) for k in ks]
    found = [d.topk(max(places) + 1, dim=1, largest=False).values for _, d in blocks(x, x)]
    return list(torch.cat(found)[:, places].unbind(1))


def nearest(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """For each row of `a` the distance to, and the index of, the nearest row of `b`: float64 [N], int64 [N]."""
    found = [d.min(dim=1) for _, d in blocks(a, b)]
    return torch.cat([f.values for f in found]), torch.cat([f.indices for f in found])


def nearest_other(x: Tensor) -> Tensor:
    """The distance [N] from each row of `x` to the nearest other row; 0 for an exact duplicate."""
    return neighbour_radius(x, 1)
