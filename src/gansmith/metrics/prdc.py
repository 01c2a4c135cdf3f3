"""Is each sample realistic, and is every real reached? Balls around points, out to their k-th neighbour.

Improved precision and recall (Kynkaanniemi et al. 2019, arXiv 1904.06991, eq. 1-2, k = 3): the share of generated
samples inside any real ball, and the reverse. Density and coverage (Naeem et al. 2020, arXiv 2002.09797, eq. 3-4,
k = 5): the mean number of real balls that a generated sample lies in, over k; the share of real balls hit by any.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gansmith.metrics.checks import matrices
from gansmith.metrics.distances import blocks, neighbour_radii, neighbour_radius


class Prdc(NamedTuple):
    """Precision, recall and coverage in [0, 1]; density is about 1 for a perfect generator and may exceed it."""

    precision: float
    recall: float
    density: float
    coverage: float


def prdc(generated: Tensor, reference: Tensor, *, k_precision: int = 3, k_density: int = 5) -> Prdc:
    """Of features [N, D] and [M, D]. Each k is at most the set's size - 1. Raises ValueError for bad input."""
    fake, real = matrices(generated, reference)
    k_density = min(k_density, len(real) - 1)
    real_radius, density_radius = neighbour_radii(real, (k_precision, k_density))
    fake_radius = neighbour_radius(fake, k_precision)
    inside_real = torch.zeros(len(fake), dtype=torch.bool, device=fake.device)
    balls, recalled, covered = 0, 0, 0
    for part, distance in blocks(real, fake):  # [rows, N]
        inside_real |= (distance <= real_radius[part, None]).any(0)
        recalled += int((distance <= fake_radius[None]).any(1).sum())
        inside = distance <= density_radius[part, None]
        balls += int(inside.sum())
        covered += int(inside.any(1).sum())
    return Prdc(
        precision=float(inside_real.double().mean()),
        recall=recalled / len(real),
        density=balls / (k_density * len(fake)),
        coverage=covered / len(real),
    )
