"""Confident and varied: exp E KL(p(y|x) || p(y)) (Salimans et al. 2016, arXiv 1606.03498, section 4).

Between 1 and the number of classes of whichever classifier gave the probabilities; published numbers are Inception's.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gansmith.metrics.checks import matrix


class InceptionScore(NamedTuple):
    """Mean and standard deviation (divided by the number of splits) over the splits."""

    mean: float
    std: float


def inception_score(probabilities: Tensor, *, splits: int = 10) -> InceptionScore:
    """Of class probabilities [N, K], rows summing to 1, in the order they were drawn.

    Fewer splits where N is below twice their number. Raises ValueError for bad input and for rows that are no
    distributions.
    """
    p = matrix(probabilities, "class probability")
    if bool((p < -1e-6).any()) or bool(((p.sum(1) - 1).abs() > 1e-3).any()):
        raise ValueError("Class probabilities must be 0 or more and sum to 1 in every row: apply a softmax to logits.")
    p = p.clamp(min=0)
    scores = []
    for part in p.tensor_split(max(1, min(splits, len(p) // 2))):
        marginal = part.mean(0, keepdim=True)
        divergence = (torch.xlogy(part, part) - torch.xlogy(part, marginal)).sum(1)
        scores.append(divergence.mean().exp())
    values = torch.stack(scores)
    return InceptionScore(float(values.mean()), float(values.std(correction=0)))
