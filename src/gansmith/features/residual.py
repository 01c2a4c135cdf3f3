"""A second network to judge with, made unlike the first, so that no generator is tuned to one judge's blind spots.

Pre-activation residual blocks (He et al. 2016, arXiv 1603.05027) with group normalisation and GELU, average pooling,
and a hidden layer that sees where things are: the last maps are flattened, not averaged.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from gansmith.features.network import FEATURES, Network, inner_size

WIDTHS = (24, 48, 96, 128)  # from the finest maps on; the last for all coarser ones
GROUP = 8  # channels normalised together


class _Block(nn.Module):
    """Halves the maps, widens them, and adds what a 3x3 convolution finds in them."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d(channels, width, 1)
        self.norm = nn.GroupNorm(width // GROUP, width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.widen(F.avg_pool2d(x, 2, ceil_mode=True))
        found: Tensor = x + self.conv(F.gelu(self.norm(x)))
        return found


class ResidualNet(Network):
    """Pictures [B, C, H, W] in [-1, 1], at their inner size -> features [B, 128] and logits [B, K]."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.size = inner_size(shape)
        sides = self.size
        stride = 2 if max(sides) > 16 else 1
        blocks: list[nn.Module] = [nn.Conv2d(shape[0], WIDTHS[0], 5, stride, padding=2)]
        sides = _halved(sides) if stride == 2 else sides
        width = WIDTHS[0]
        while max(sides) > 4:
            wider = WIDTHS[min(len(blocks), len(WIDTHS) - 1)]
            blocks.append(_Block(width, wider))
            width, sides = wider, _halved(sides)
        self.body = nn.Sequential(*blocks, nn.GroupNorm(width // GROUP, width), nn.GELU())
        self.hidden = nn.Linear(width * sides[0] * sides[1], FEATURES)
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = F.gelu(self.hidden(self.body(x).flatten(1)))
        return features, self.head(features)


def _halved(sides: tuple[int, int]) -> tuple[int, int]:
    return (sides[0] + 1) // 2, (sides[1] + 1) // 2
