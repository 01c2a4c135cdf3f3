"""Which modes of a known mixture of Gaussians are made, how cleanly, and how evenly.

Srivastava et al. 2017 (VEEGAN, arXiv 1705.07761, section 4.1): a sample is of high quality within three standard
deviations of the nearest mode, and a mode is captured where at least one high-quality sample is nearest to it. Lin et
al. 2018 (PacGAN, arXiv 1712.04086, section 4.1) add the reverse Kullback-Leibler divergence between the modes that
high-quality samples fall on and the true, equal, shares. Both draw 2,500 samples: with fewer, modes are missed, and
with more, one stray sample is more likely to count as a mode.

What a perfect generator reaches: exp(-9/2) = 1.1 % of a Gaussian in the plane lie beyond three standard deviations,
so 98.9 % are of high quality; and about (K - 1) / (2 N) of divergence comes from chance alone (.0048 for 25 modes).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from gansmith.metrics.checks import matrix
from gansmith.metrics.distances import nearest

WITHIN = 3.0  # standard deviations


class Modes(NamedTuple):
    """What was found of K modes."""

    hit: float  # modes with at least one high-quality sample, 0..K
    high_quality: float  # share of all samples, 0..1
    kl: float  # KL(shares of the high-quality samples || 1/K) in nats, 0..log K; log K where there are none


def modes(samples: Tensor, centres: Tensor, std: Tensor) -> Modes:
    """Of samples [N, D], for equally likely Gaussians about `centres` [K, D] with `std` [D] along each coordinate.

    Distances are in standard deviations of each coordinate, so that it is the same in whatever units. Raises
    ValueError for other shapes, no positive `std`, fewer than 2 samples or modes, and what is not finite.
    """
    x, c = matrix(samples, "generated"), matrix(centres, "mixture's")
    if std.shape != (c.shape[1],) or x.shape[1] != c.shape[1] or not bool((std > 0).all()):
        raise ValueError(
            f"Modes need samples [N, D], centres [K, D] and a positive std [D], not {list(x.shape)}, {list(c.shape)} "
            f"and {list(std.shape)}."
        )
    scale = std.double().to(x.device)
    distance, which = nearest(x / scale, c.to(x.device) / scale)
    good = which[distance < WITHIN]
    counts = torch.bincount(good, minlength=len(c)).double()
    if not len(good):
        return Modes(0.0, 0.0, math.log(len(c)))
    share = counts / counts.sum()
    kl = float(torch.xlogy(share, share * len(c)).sum())
    return Modes(float((counts > 0).sum()), len(good) / len(x), max(kl, 0.0))
