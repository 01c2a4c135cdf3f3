"""Self-attention over the pixels of a feature map (Zhang et al. 2019, SAGAN, arXiv 1805.08318, section 3).

In the form of BigGAN's networks (Brock et al. 2019, arXiv 1809.11096, appendix B): keys and values are taken from maps
halved by maximum, values have C / 2 channels, and no convolution has a bias.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gansmith.layers.conv import Conv2d


class Attention(nn.Module):
    """x [B, C, h, w] -> x + gate * attended(x), of the same shape. The gate starts at 0."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow, half = max(channels // 8, 1), max(channels // 2, 1)
        self.query = Conv2d(channels, narrow, 1, bias=False)
        self.key = Conv2d(channels, narrow, 1, bias=False)
        self.value = Conv2d(channels, half, 1, bias=False)
        self.out = Conv2d(half, channels, 1, bias=False)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        def halved(maps: Tensor) -> Tensor:  # [B, c, h, w] -> [B, c, M], a quarter of the pixels
            return functional.max_pool2d(maps, 2, ceil_mode=True).flatten(2)

        query = self.query(x).flatten(2)  # [B, C / 8, N]
        # Written out because torch's fused attention has no second derivative, which R1 needs.
        likeness = query.transpose(1, 2) @ halved(self.key(x))  # [B, N, M]
        attended = halved(self.value(x)) @ likeness.softmax(2).transpose(1, 2)  # [B, C / 2, N]
        out: Tensor = self.out(attended.unflatten(2, x.shape[2:]))
        return x + self.gate * out
