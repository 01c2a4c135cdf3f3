"""Random convolutional features: fixed random filters at several scales see textures and colours without training.

Each level is a convolution and a ReLU, halving the size; the features are every channel's mean and standard
deviation at every level. Random features rank generators of one data set (Naeem et al. 2020, arXiv 2002.09797, section
5 discusses when), but are blind to meaning: for labelled data the classifier is the better judge.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gansmith.contracts import Extractor, Seen, Spec
from gansmith.features.weights import check_shape, in_chunks, weights_hash

WIDTHS = (32, 48, 64, 64, 48)  # 512 features from 32x32 up, fewer for smaller pictures


class RandomFeatures(Extractor):
    """For samples of `spec.shape` (C, H, W). The weights follow from `seed` alone, bit for bit on every platform."""

    name = "random"

    def __init__(self, spec: Spec, seed: int = 0, kernel: int = 3, widths: tuple[int, ...] = WIDTHS) -> None:
        """`widths` filters of `kernel` x `kernel` a level. Raises DataError where samples are no pictures."""
        check_shape(spec.shape, self.name)
        self.shape = spec.shape
        self.kernel, self.widths = kernel, widths
        self.levels = self._levels(seed)
        state = {f"{i}.{n}": p for i, level in enumerate(self.levels) for n, p in zip("wb", level, strict=True)}
        self.hash = weights_hash(state)
        self.details: dict[str, Any] = {
            "features": 2 * sum(len(bias) for _, bias in self.levels),
            "levels": len(self.levels),
            "kernel": self.kernel,
            "seed": seed,
            "resizer": "none: native resolution",
        }

    def _levels(self, seed: int) -> list[tuple[Tensor, Tensor]]:
        # Uniform numbers are whole numbers times a power of two, hence equal everywhere; normal ones go through
        # logarithms and cosines that differ in the last bit between processors.
        generator = torch.Generator().manual_seed(seed)
        levels, channels, side = [], self.shape[0], min(self.shape[1:])
        for width in self.widths:
            bound = math.sqrt(6 / (self.kernel**2 * channels))  # He et al. 2015: keeps the variance through a ReLU
            weight = (torch.rand(width, channels, self.kernel, self.kernel, generator=generator) * 2 - 1) * bound
            bias = (torch.rand(width, generator=generator) * 2 - 1) * 0.5
            levels.append((weight, bias))
            channels, side = width, (side + 1) // 2
            if side < 2:
                break
        return levels

    def __call__(self, x: Tensor) -> Seen:
        return in_chunks(self._see, x, self.shape)

    def _see(self, x: Tensor) -> Seen:
        found = []
        for i, (weight, bias) in enumerate(self.levels):
            x = F.relu(
                F.conv2d(x, weight.to(x.device), bias.to(x.device), stride=1 if i == 0 else 2, padding=self.kernel // 2)
            )
            found += [x.mean((2, 3)), x.var((2, 3), correction=0).sqrt()]
        return Seen(torch.cat(found, dim=1))


def second_random(spec: Spec) -> RandomFeatures:
    """Others than the usual ones: another seed, larger filters, other numbers of them. Raises DataError likewise."""
    features = RandomFeatures(spec, seed=1, kernel=5, widths=(24, 40, 56, 72, 64))
    features.name = "second"
    return features
