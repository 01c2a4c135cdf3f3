"""What every metric asks of its feature matrices before it computes: finite, [N, D], at least two rows, equal D."""

from __future__ import annotations

import torch
from torch import Tensor


def matrix(x: Tensor, name: str) -> Tensor:
    """`x` [N, D] as float64. Raises ValueError, in words, for another shape, fewer than 2 rows, or NaN and infinity."""
    if x.ndim != 2:
        raise ValueError(f"The {name} features must be a matrix [samples, features], but have shape {tuple(x.shape)}.")
    if len(x) < 2 or x.shape[1] < 1:
        raise ValueError(f"The {name} features need 2 rows and 1 column or more, but have shape {tuple(x.shape)}.")
    x = x.detach().double()
    if not bool(torch.isfinite(x).all()):
        count = int((~torch.isfinite(x)).any(1).sum())
        raise ValueError(f"The {name} features are not finite (NaN or infinity) in {count} of {len(x)} rows.")
    return x


def matrices(generated: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Both as float64 [N, D] and [M, D]. Raises ValueError as `matrix` does, and where the two D differ."""
    a, b = matrix(generated, "generated"), matrix(reference, "reference")
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"The generated samples have {a.shape[1]} features and the reference has {b.shape[1]}: "
            "both must come from the same extractor."
        )
    return a, b


def labels(x: Tensor, name: str, classes: int) -> Tensor:
    """`x` int64 [N] of class indices below `classes`. Raises ValueError, in words, for anything else."""
    if x.ndim != 1 or len(x) < 2 or x.is_floating_point():
        raise ValueError(f"The {name} labels must be 2 or more whole numbers [N], not {x.dtype} {tuple(x.shape)}.")
    if int(x.min()) < 0 or int(x.max()) >= classes:
        raise ValueError(
            f"The {name} labels must lie in 0..{classes - 1}, but reach from {int(x.min())} to {int(x.max())}."
        )
    return x.detach().long()
