"""Are samples copies of training points? Nearest-neighbour distances against the training set's own.

If samples were fresh draws, their distances to the nearest training point would be like those between training points:
ratios near 1, and 1 % closer than the training set's lowest percent. No known number finds copying reliably (see
arXiv 2202.02514): the nearest training samples must be looked at.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gansmith.metrics.checks import matrices
from gansmith.metrics.distances import blocks, nearest

EQUAL = 1e-5  # of the training set's typical distance from its mean: closer points count as the same


class Memorization(NamedTuple):
    """Ratios far below 1, or a share far above .01, call for a look at the pictures."""

    distances: Tensor  # float64 [N], to the nearest training point
    indices: Tensor  # int64 [N], which one
    ratio_median: float  # median distance / that between training points
    ratio_lowest: float  # 1st percentile of the distances / that between training points
    share_close: float  # share of samples closer than the 1st percentile between training points


def distances_within(train: Tensor) -> Tensor:
    """Each row's distance [M] to the nearest *different* row: duplicates do not say how close fresh draws come.

    Raises ValueError where all rows are equal.
    """
    same = EQUAL * float((train - train.mean(0)).square().sum(1).mean().sqrt())
    within = torch.cat([d.masked_fill_(d <= same, torch.inf).min(1).values for _, d in blocks(train, train)])
    if not bool(torch.isfinite(within).all()):
        raise ValueError("All training samples have the same features, so there is no distance to compare with.")
    return within


def memorization(generated: Tensor, reference: Tensor) -> Memorization:
    """Of samples' features [N, D] and training features [M, D]. Raises ValueError for bad input."""
    samples, train = matrices(generated, reference)
    within = distances_within(train)
    distances, indices = nearest(samples, train)
    lowest = within.quantile(0.01)
    return Memorization(
        distances=distances,
        indices=indices,
        ratio_median=float(distances.median() / within.median()),
        ratio_lowest=float(distances.quantile(0.01) / lowest),
        share_close=float((distances < lowest).double().mean()),
    )
