"""Equalised learning rates (Karras et al. 2018, Progressive GAN, arXiv 1710.10196, section 4.1).

A weight is stored with unit variance and multiplied by its starting size when it is used, so that one step of Adam
changes every layer by the same share, whatever its width.
"""

from __future__ import annotations

import math
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.utils import parametrize

from gansmith.layers.initial import SLOPE

HE = math.sqrt(2 / (1 + SLOPE**2))  # gain of a layer that a leaky ReLU follows (He et al. 2015)

Layer = TypeVar("Layer", bound=nn.Linear | nn.Conv2d | nn.Embedding)


class Scaled(nn.Module):
    """A parametrisation: the stored tensor times a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, stored: Tensor) -> Tensor:
        return stored * self.factor

    def right_inverse(self, used: Tensor) -> Tensor:
        """What is to be stored so that `used` is used."""
        return used / self.factor


def equalised(layer: Layer, gain: float = 1.0, multiplier: float = 1.0) -> Layer:
    """`layer` with weights of variance gain^2 / fan_in and biases 0, learning `multiplier` times as fast as others.

    fan_in is how many inputs an output sums over (for an embedding, which is multiplied with features: its length).
    """
    size = gain / math.sqrt(layer.weight[0].numel())
    nn.init.normal_(layer.weight, 0.0, size)
    parametrize.register_parametrization(layer, "weight", Scaled(size * multiplier))
    if not isinstance(layer, nn.Embedding) and layer.bias is not None:
        nn.init.zeros_(layer.bias)
        if multiplier != 1:
            parametrize.register_parametrization(layer, "bias", Scaled(multiplier))
    return layer
