"""Weighing the frequencies of a map: how much its fine detail counts beside its broad shapes.

Along each axis of n pixels the cosines cos(pi k (2 i + 1) / (2 n)), k = 0 ... n - 1, are weighed with
f + (1 - f) cos^4(pi k / (2 n)): 1 for the mean, nearly f for the finest one. That is the binomial filter [1, 2, 1] / 4
twice, with mirrored edges, mixed with the map itself.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

PASSES = 2  # of the binomial filter, which weighs with cos^2


def weigh_frequencies(x: Tensor, finest: float) -> Tensor:
    """[B, C, ...] -> the same shape, weighed along every axis after C; samples without such axes stay as they are.

    `finest` f in [0, 1]: 1 changes nothing. Linear and symmetric: its own transpose.
    """
    for axis in range(2, x.dim() if finest < 1 else 2):
        weights = _weights(x.shape[axis], finest, x.dtype, x.device)
        x = torch.movedim(torch.movedim(x, axis, -1) @ weights, -1, axis)
    return x


def require_finest(finest: float) -> None:
    """Raises ValueError where `finest` is no weight of frequencies."""
    if not 0 <= finest <= 1:
        raise ValueError(f"finest must be from 0 to 1 (the papers' penalty), not {finest}")


@functools.lru_cache(maxsize=64)
def _weights(size: int, finest: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Symmetric [size, size]; kept, so that a step on a GPU need not wait for it."""
    binomial = torch.zeros(size, size, dtype=torch.float64)
    for i in range(size):
        for neighbour, share in ((i - 1, 0.25), (i, 0.5), (i + 1, 0.25)):
            binomial[i, min(max(neighbour, 0), size - 1)] += share
    weights = finest * torch.eye(size, dtype=torch.float64) + (1 - finest) * torch.matrix_power(binomial, PASSES)
    return weights.to(device, dtype)
