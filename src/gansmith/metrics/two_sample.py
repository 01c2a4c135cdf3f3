"""Can a simple judge tell samples from reals? The 1-nearest-neighbour two-sample test.

Lopez-Paz & Oquab 2017, Revisiting Classifier Two-Sample Tests, arXiv 1610.06545, section 3; for GANs Xu et al. 2018,
arXiv 1806.07755, section 2.2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gansmith.metrics.checks import matrices
from gansmith.metrics.distances import blocks


def told_apart(generated: Tensor, reference: Tensor) -> float:
    """Share of points in [0, 1] whose nearest other point, of both sets, is of their own set.

    Of features [N, D] and [M, D], best equally many. 0.5: nobody can tell; 1: anybody can; below 0.5: the samples sit
    on the reals (copies, where the reals are what was trained on). Raises ValueError for bad input.
    """
    fake, real = matrices(generated, reference)
    both = torch.cat([fake, real])
    real_row = torch.arange(len(both), device=both.device) >= len(fake)
    alike = []
    for part, distance in blocks(both, both):  # [rows, N + M]
        distance[torch.arange(len(distance)), torch.arange(part.start, part.stop)] = torch.inf
        alike.append(real_row[distance.argmin(1)] == real_row[part])
    return float(torch.cat(alike).double().mean())
