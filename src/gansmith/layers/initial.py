"""Starting weights: small normal ones (DCGAN), or ones that keep the signal's size (He et al. 2015, arXiv 1502.01852).

He, eq. 14 with slope a of the leaky ReLU: Var(w) = gain^2 2 / ((1 + a^2) fan_in). A transposed convolution of stride s
has fan_in C k^2 / s^2, because only every s-th tap of its kernel meets a pixel.
"""

from __future__ import annotations

import math

from torch import nn

SLOPE = 0.2  # of every leaky ReLU in this package
Weighted = nn.Linear | nn.Conv2d | nn.ConvTranspose2d


def fan_in(module: Weighted) -> float:
    """How many inputs an output of `module` sums over."""
    if isinstance(module, nn.ConvTranspose2d):
        return module.weight[:, 0].numel() / math.prod(module.stride)
    return module.weight[0].numel()


def start_normal(network: nn.Module, std: float = 0.02) -> None:
    """Weights of dense and convolutional layers from N(0, std^2), biases 0 (Radford et al. 2015, section 4)."""
    for module in network.modules():
        if isinstance(module, Weighted):
            nn.init.normal_(module.weight, 0.0, std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def start_he(network: nn.Module, gain: float = 1.0, slope: float = SLOPE) -> None:
    """Weights of dense and convolutional layers by He's rule for leaky ReLUs, times `gain`; biases 0."""
    for module in network.modules():
        if isinstance(module, Weighted):
            nn.init.normal_(module.weight, 0.0, gain * math.sqrt(2 / ((1 + slope**2) * fan_in(module))))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
