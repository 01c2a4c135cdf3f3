"""Frechet distance between Gaussians fitted to two feature sets (Heusel et al. 2017, arXiv 1706.08500, eq. 6).

|m_a - m_b|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2), with means m and covariances A, B. The product is symmetric, so its
trace of roots comes from `eigh`: exact for covariances without full rank, where `sqrtm` of AB needs a fudge. Called
FID only where the features are Inception's.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gansmith.metrics.checks import matrices, matrix


class Moments:
    """Mean and covariance of rows that arrive in batches, in float64 (Chan, Golub & LeVeque 1979)."""

    def __init__(self) -> None:
        self.count = 0
        self._mean: Tensor | None = None  # [D]
        self._scatter: Tensor | None = None  # [D, D] sum of outer products of deviations from the mean

    def add(self, batch: Tensor) -> None:
        """Take in `batch` [B, D]. Raises ValueError for NaN, another shape, or another D than before."""
        if batch.ndim != 2 or len(batch) == 0:
            raise ValueError(f"A batch of features must be [1 or more, D], but has shape {tuple(batch.shape)}.")
        if self._mean is not None and batch.shape[1] != len(self._mean):
            raise ValueError(f"The batches before had {len(self._mean)} features, this one has {batch.shape[1]}.")
        x = batch.detach().double()
        if not bool(torch.isfinite(x).all()):
            raise ValueError("A batch of features holds NaN or infinity.")
        mean = x.mean(0)
        scatter = (x - mean).T @ (x - mean)
        if self._mean is not None and self._scatter is not None:
            total = self.count + len(x)
            step = mean - self._mean
            scatter += self._scatter + torch.outer(step, step) * (self.count * len(x) / total)
            mean = self._mean + step * (len(x) / total)
        self._mean, self._scatter, self.count = mean, scatter, self.count + len(x)

    @property
    def mean(self) -> Tensor:
        """[D] float64. Raises ValueError before the first batch."""
        if self._mean is None:
            raise ValueError("There are no features to take moments of: add a batch first.")
        return self._mean

    @property
    def covariance(self) -> Tensor:
        """[D, D] float64, divided by count - 1. Raises ValueError with fewer than 2 rows."""
        if self._scatter is None or self.count < 2:
            raise ValueError(f"A covariance needs 2 or more samples, but there are {self.count}.")
        return self._scatter / (self.count - 1)


def frechet_from_moments(a: Moments, b: Moments) -> float:
    """The distance (squared, as FID is: 0 or more) of two sets' moments. Raises ValueError as `Moments` does."""
    cov_a, cov_b = a.covariance, b.covariance
    if cov_a.shape != cov_b.shape:
        raise ValueError(f"The two sets have {len(cov_a)} and {len(cov_b)} features: use the same extractor for both.")
    values, vectors = torch.linalg.eigh(cov_a)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    product = root @ cov_b @ root
    cross = torch.linalg.eigvalsh((product + product.T) / 2).clamp(min=0).sqrt().sum()
    distance = (a.mean - b.mean).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross
    return max(float(distance), 0.0)


def frechet_distance(generated: Tensor, reference: Tensor) -> float:
    """Of features [N, D] and [M, D]: 0 for equal sets, unbounded; symmetric. Raises ValueError for bad input."""
    matrices(generated, reference)
    moments = Moments(), Moments()
    moments[0].add(matrix(generated, "generated"))
    moments[1].add(matrix(reference, "reference"))
    return frechet_from_moments(*moments)
