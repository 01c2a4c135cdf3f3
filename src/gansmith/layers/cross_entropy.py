"""The discriminator's binary cross-entropy from logits (Goodfellow et al. 2014, arXiv 1406.2661, equation 1)."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus


def require_smoothing(smoothing: float) -> None:
    """Raises ValueError unless `smoothing` is in [0, 0.5)."""
    if not 0 <= smoothing < 0.5:
        raise ValueError(f"smoothing must be in [0, 0.5), not {smoothing}; 0.1 is usual")


def real_or_fake(real: Tensor, fake: Tensor, smoothing: float) -> Tensor:
    """Scores of reals and fakes, each [B, ...] -> scalar; the reals' target is 1 - `smoothing`, the fakes' 0."""
    # BCE with target t from a logit x is softplus(-x) + (1 - t) x
    return (softplus(-real) + smoothing * real).mean() + softplus(fake).mean()
