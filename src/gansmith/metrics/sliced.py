"""Sliced Wasserstein-2 distance: optimal transport along random lines (Bonneel et al. 2015, eq. 6).

(mean over directions of the squared W2 distance of the projections)^1/2. On a line, transport pairs equal quantiles, so
it is exact from two sorts; sets of different counts meet on the union of their quantile levels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gansmith.metrics.checks import matrices


def _pairing(n: int, m: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Which of n sorted points meets which of m, and with what mass: int64 [P], int64 [P], float64 [P] summing to 1.

    In whole numbers out of n * m, so that no level is lost to rounding.
    """
    levels = torch.cat([torch.arange(n + 1, device=device) * m, torch.arange(1, m, device=device) * n])
    levels = torch.unique(levels)  # sorted
    start = levels[:-1]
    return start // m, start // n, levels.diff().double() / (n * m)


def sliced_wasserstein(generated: Tensor, reference: Tensor, *, projections: int = 1000, seed: int = 0) -> float:
    """Of features [N, D] and [M, D]: 0 for equal sets, in the features' units. Raises ValueError for bad input."""
    a, b = matrices(generated, reference)
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(a.shape[1], projections, generator=generator, dtype=torch.float64).to(a.device)
    directions = directions / directions.norm(dim=0, keepdim=True)
    in_a, in_b, mass = _pairing(len(a), len(b), a.device)
    total = torch.zeros((), dtype=torch.float64, device=a.device)
    for lines in directions.split(100, dim=1):  # bounds the memory to 100 (N + M) numbers
        x = (a @ lines).T.contiguous().sort(dim=1).values  # [100, N]
        y = (b @ lines).T.contiguous().sort(dim=1).values
        total += ((x[:, in_a] - y[:, in_b]).square() * mass).sum()
    return float((total / projections).sqrt())
