"""Are the classes made as often as they occur? Divergences of class histograms, in nats (e.g. arXiv 1611.02163, D.1).

A perfect generator has about (classes - 1) / (2 N) more than 0, from chance alone.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gansmith.metrics.checks import labels


class ClassHistogram(NamedTuple):
    """Counts of two sets of labels, and how far apart they are."""

    generated: Tensor  # int64 [K]
    reference: Tensor  # int64 [K]

    @property
    def kl(self) -> float:
        """KL(generated || reference) in nats, 0 or more.

        A class without reference samples counts as half a sample: finite, and larger the more is made of it.
        """
        p = self.generated.double() / self.generated.sum()
        q = self.reference.double().clamp(min=0.5)
        return max(float((torch.xlogy(p, p) - torch.xlogy(p, q / q.sum())).sum()), 0.0)

    @property
    def js(self) -> float:
        """Jensen-Shannon divergence in nats, between 0 and log 2."""
        p = self.generated.double() / self.generated.sum()
        q = self.reference.double() / self.reference.sum()
        m = (p + q) / 2
        kls = [(torch.xlogy(x, x) - torch.xlogy(x, m)).sum() for x in (p, q)]
        return max(float(sum(kls)) / 2, 0.0)

    @property
    def classes_hit(self) -> int:
        """The number of classes with at least one generated sample."""
        return int((self.generated > 0).sum())


def class_histogram(generated: Tensor, reference: Tensor, classes: int) -> ClassHistogram:
    """Of class indices int64 [N] and [M] below `classes`. Raises ValueError for anything else."""
    return ClassHistogram(
        torch.bincount(labels(generated, "generated", classes), minlength=classes),
        torch.bincount(labels(reference, "reference", classes), minlength=classes),
    )
