"""Kernel distance: unbiased squared MMD with a cubic kernel (Binkowski et al. 2018, arXiv 1801.01401, section 4).

k(x, y) = (x.y / D + 1)^3; the estimate is the mean over random subsets, and may be negative. Called KID only where the
features are Inception's. All subsets' sums come from one kernel matrix K: with 0/1 rows S saying who is in which
subset, they are diag(S K S^T).
"""

from __future__ import annotations

import torch
from torch import Tensor

from gansmith.metrics.checks import matrices
from gansmith.metrics.distances import BLOCK_ELEMENTS


def _members(count: int, size: int, subsets: int, generator: torch.Generator) -> Tensor:
    """0/1 float64 [subsets, count] with `size` ones a row, drawn without replacement."""
    rows = torch.zeros(subsets, count, dtype=torch.float64)
    for row in rows:
        row[torch.randperm(count, generator=generator)[:size]] = 1.0
    return rows


def _sums(a: Tensor, b: Tensor, in_a: Tensor, in_b: Tensor) -> Tensor:
    """The kernel's sum [subsets] over all pairs of each subset."""
    total = torch.zeros(len(in_a), dtype=a.dtype, device=a.device)
    rows = max(1, BLOCK_ELEMENTS // len(b))
    for start in range(0, len(a), rows):
        part = slice(start, start + rows)
        kernel = (a[part] @ b.T / a.shape[1] + 1).pow(3)  # [rows, M]
        total += ((in_a[:, part] @ kernel) * in_b).sum(1)
    return total


def kernel_distance(
    generated: Tensor, reference: Tensor, *, subset_size: int = 1000, subsets: int = 100, seed: int = 0
) -> float:
    """Of features [N, D] and [M, D]: about 0 for equal distributions, possibly negative.

    Subsets are smaller where there are fewer samples. Raises ValueError for bad input.
    """
    a, b = matrices(generated, reference)
    size = min(subset_size, len(a), len(b))
    subsets = 1 if size == len(a) == len(b) else subsets  # every subset would be the whole set
    generator = torch.Generator().manual_seed(seed)
    in_a = _members(len(a), size, subsets, generator).to(a.device)
    in_b = _members(len(b), size, subsets, generator).to(b.device)
    own_a = (a.square().sum(1) / a.shape[1] + 1).pow(3)  # k(x, x), which the unbiased estimate leaves out
    own_b = (b.square().sum(1) / b.shape[1] + 1).pow(3)
    within = _sums(a, a, in_a, in_a) - in_a @ own_a + _sums(b, b, in_b, in_b) - in_b @ own_b
    across = _sums(a, b, in_a, in_b)
    return float((within / (size * (size - 1)) - 2 * across / size**2).mean())
