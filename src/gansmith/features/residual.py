"""A second network to judge with, made unlike the first, so that no generator is tuned to one judge's blind spots.

Pre-activation residual blocks (He et al. 2016, arXiv 1603.05027) with group normalisation and GELU, halved by average
pooling; at the end the maximum over the picture.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from gansmith.features.network import FEATURES, Network, inner_size

WIDTHS = (32, 64, 128, 128)  # from the finest maps on; the last for all coarser ones
GROUP = 8  # channels normalised together


class _Block(nn.Module):
    """Halves the maps and widens them; a strided 3x3 convolution adds what it finds before anything is averaged."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d(channels, width, 1)
        self.norm = nn.GroupNorm(channels // GROUP, channels)
        self.conv = nn.Conv2d(channels, width, 3, 2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.conv(F.gelu(self.norm(x)))
        short: Tensor = self.widen(F.avg_pool2d(x, 2, ceil_mode=True))
        return found + short


class ResidualNet(Network):
    """Pictures [B, C, H, W] in [-1, 1], at their inner size -> features [B, 128] and logits [B, K]."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.size = inner_size(shape)
        side = max(self.size)
        stride = 2 if side > 16 else 1
        blocks: list[nn.Module] = [nn.Conv2d(shape[0], WIDTHS[0], 5, stride, padding=2)]
        side = (side + 1) // 2 if stride == 2 else side
        width = WIDTHS[0]
        while side > 4:
            wider = WIDTHS[min(len(blocks), len(WIDTHS) - 1)]
            blocks.append(_Block(width, wider))
            width, side = wider, (side + 1) // 2
        self.body = nn.Sequential(*blocks, nn.GroupNorm(width // GROUP, width))
        self.hidden = nn.Linear(width, FEATURES)
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.body(x).flatten(2)  # [B, 128, h * w]
        features = F.gelu(self.hidden(maps.amax(2)))
        return features, self.head(features)
