"""Fourier features: waves of doubling frequency beside the numbers themselves.

A dense network learns slowly what changes within a short distance; waves of that length at its input take the slowness
away (Tancik et al. 2020, arXiv 2006.10739, section 4 and equation 5, with the positional encoding's octaves).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class FourierFeatures(nn.Module):
    """x [B, D] -> [x, sin(f_k x), cos(f_k x)] [B, D (1 + 2 K)] with f_k = 2^k pi / 2 for k = 0 .. K - 1.

    For numbers of standard deviation 1: the longest wave, 4, spans most of the data, the shortest is 4 / 2^(K - 1).
    """

    frequencies: Tensor

    def __init__(self, numbers: int, octaves: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", math.pi / 2 * 2.0 ** torch.arange(octaves), persistent=False)
        self.size = numbers * (1 + 2 * octaves)

    def forward(self, x: Tensor) -> Tensor:
        waves = torch.flatten(x[:, None] * self.frequencies[:, None], 1)  # [B, K D]
        return torch.cat([x, waves.sin(), waves.cos()], dim=1)
