"""The small convolutional network whose hidden activations are the classifier's features, and what any such one gives.

Convolution, batch normalisation, ReLU; halved until 4x4 or less is left, then one more at full width, mean and maximum
over the picture, one hidden layer, classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

INNER_SIDE = 64  # larger pictures are shrunk to this longer side first
FEATURES = 128


def inner_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """(height, width) at which the network looks at samples (C, H, W)."""
    height, width = shape[1:]
    scale = min(1.0, INNER_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def shrink(x: Tensor, size: tuple[int, int]) -> Tensor:
    """`x` [B, C, H, W] at `size`, antialiased; unchanged where it has that size."""
    if x.shape[2:] == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False)


def _block(channels: int, width: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
    )


class Network(nn.Module, ABC):
    """What judges see with: hidden activations, and a linear head on them."""

    size: tuple[int, int]  # (height, width) at which it looks at samples
    head: nn.Linear

    @abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`x` [B, C, *size] in [-1, 1] -> features [B, 128] and logits [B, K]."""


class ConvNet(Network):
    """Pictures [B, C, H, W] in [-1, 1], at their inner size -> features [B, 128] and logits [B, K]."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.size = inner_size(shape)
        side, width = max(self.size), 32
        blocks = [_block(shape[0], width, 2 if side > 16 else 1)]
        side = (side + 1) // 2 if side > 16 else side
        while side > 4:
            blocks.append(_block(width, min(2 * width, 128), 2))
            width, side = min(2 * width, 128), (side + 1) // 2
        blocks.append(_block(width, 128, 1))
        self.body = nn.Sequential(*blocks)
        self.hidden = nn.Linear(256, FEATURES)
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.body(x)  # [B, 128, h, w]
        pooled = torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)
        features = F.relu(self.hidden(pooled))
        return features, self.head(features)
