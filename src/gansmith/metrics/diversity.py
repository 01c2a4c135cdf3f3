"""Do samples differ as much as reals do? Mean pairwise distance, and near-duplicates, against the reals' own."""

from __future__ import annotations

import math
from collections.abc import Iterable
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


def least_diversity_within(groups: Iterable[tuple[Tensor, Tensor]]) -> float:
    """The least over groups (classes, clusters) of the ratio of `diversity` in it, where a collapse may hide.

    Of (samples [N, D], reals [M, D]) for each group, N and M at least 2. nan where no group's reals differ; raises
    ValueError for bad input.
    """
    checked = [matrices(samples, reals) for samples, reals in groups]
    spreads = [(_mean_pairwise(samples), _mean_pairwise(reals)) for samples, reals in checked]
    return min((float(of_samples / of_reals) for of_samples, of_reals in spreads if of_reals > 0), default=math.nan)
