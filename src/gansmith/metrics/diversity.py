"""Do samples differ as much as reals do? Mean pairwise distance, and near-duplicates, against the reals' own."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gansmith.metrics.checks import matrices
from gansmith.metrics.distances import blocks, nearest_other
from gansmith.metrics.memorization import distances_within


class Diversity(NamedTuple):
    """About (1, .01) for fresh real samples; a collapsed generator tends to (0, 1)."""

    ratio: float  # mean pairwise distance among samples / among reals
    duplicates: float  # share of samples closer to another than the reals' 1st percentile of nearest distances


def _mean_pairwise(x: Tensor) -> Tensor:
    total = torch.stack([d.sum() for _, d in blocks(x, x)]).sum()
    return total / (len(x) * (len(x) - 1))


def diversity(generated: Tensor, reference: Tensor) -> Diversity:
    """Of features [N, D] and [M, D]. Raises ValueError for bad input, and where all reals are equal."""
    samples, reals = matrices(generated, reference)
    closest = distances_within(reals).quantile(0.01)
    return Diversity(
        ratio=float(_mean_pairwise(samples) / _mean_pairwise(reals)),
        duplicates=float((nearest_other(samples) < closest).double().mean()),
    )
