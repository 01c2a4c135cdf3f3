"""Modes of stacked digits: how many of the 1,000 are made, and how evenly (Metz et al. 2017, arXiv 1611.02163).

Published numbers are of 26,000 samples (Lin et al. 2018, PacGAN, arXiv 1712.04086). KL depends much on that number:
chance alone gives about (K - 1) / (2 N), .0192 here, and with mnist's slightly uneven digits a perfect generator .0237.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from gansmith.metrics.checks import labels

PUBLISHED = 26_000  # samples


class StackedModes(NamedTuple):
    """A perfect generator of 26,000 stacks of digits has about (1000, .0237)."""

    modes: int  # bins with at least one sample
    kl: float  # KL(generated || uniform over all bins) in nats, from 0 to log K


def stacked_counts(answers: Tensor, classes: int) -> Tensor:
    """How often each combination occurs, int64 [classes^C], of each channel's class, int64 [N, C].

    The first channel counts most. Raises ValueError for answers of another form.
    """
    if answers.ndim != 2:
        raise ValueError(f"The answers must be [samples, channels], but have shape {tuple(answers.shape)}.")
    known = labels(answers.flatten(), "channels'", classes).reshape(answers.shape)
    bins = torch.zeros(len(known), dtype=torch.int64, device=known.device)
    for channel in known.unbind(1):
        bins = bins * classes + channel
    return torch.bincount(bins, minlength=classes ** answers.shape[1])


def stacked_modes(answers: Tensor, classes: int = 10) -> StackedModes:
    """Of a classifier's answers for each channel, int64 [N, C]. Raises ValueError for answers of another form."""
    counts = stacked_counts(answers, classes)
    p = counts.double() / counts.sum()
    return StackedModes(int((counts > 0).sum()), max(float(torch.xlogy(p, p).sum()) + math.log(len(counts)), 0.0))
