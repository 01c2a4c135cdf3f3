"""The blocks that networks share, against formulas written out."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gansmith.contracts import Spec
from gansmith.layers.checks import require_at_least, require_layers, require_share
from gansmith.layers.classes import LatentWithClass
from gansmith.layers.initial import SLOPE, start_he, start_normal
from gansmith.layers.sizes import doubled_widths, halved_sizes, image_shape


@given(st.integers(8, 256), st.integers(8, 256), st.integers(4, 8))
@settings(max_examples=100, deadline=None)
def test_sizes_halve_down_to_a_small_base(height: int, width: int, at_most: int) -> None:
    sizes = halved_sizes(height, width, at_most)
    assert sizes[0] == (height, width)
    assert all(b == (math.ceil(a[0] / 2), math.ceil(a[1] / 2)) for a, b in itertools.pairwise(sizes))
    assert len(sizes) >= 2
    assert at_most // 2 <= min(sizes[-1]) <= at_most
    assert all(min(size) > at_most for size in sizes[1:-1])


@pytest.mark.parametrize(("side", "base"), [(8, 4), (12, 6), (20, 5), (28, 7), (32, 4), (64, 4), (100, 7), (256, 4)])
def test_the_base_of_common_resolutions(side: int, base: int) -> None:
    assert halved_sizes(side, side, 7)[-1] == (base, base)


def test_widths_double_up_to_the_widest() -> None:
    assert doubled_widths(24, 100, 4) == [24, 48, 96, 100]


def test_what_is_no_image_is_refused_with_a_way_out() -> None:
    assert image_shape(Spec((3, 20, 48)), "dcgan") == (3, 20, 48)
    with pytest.raises(ValueError, match="mlp"):
        image_shape(Spec((2,)), "dcgan")
    with pytest.raises(ValueError, match=r"6x20 .* try 8x20"):
        image_shape(Spec((3, 6, 20)), "dcgan")


def test_ranges_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="width must be at least 1, not 0"):
        require_at_least(1, width=0)
    with pytest.raises(ValueError, match=r"widths must .*\[3, 0\]"):
        require_layers(widths=(3, 0))
    with pytest.raises(ValueError, match=r"dropout must be .* not 1"):
        require_share(dropout=1.0)
    require_at_least(0, width=0)
    require_layers(widths=())
    require_share(dropout=0.0)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(512, 512),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.Conv2d(64, 64, 4, stride=2, padding=1),
        nn.ConvTranspose2d(64, 64, 4, stride=2, padding=1),
    ],
)
def test_he_weights_keep_the_size_of_a_signal(layer: nn.Module) -> None:
    nn.init.constant_(layer.bias, 3.0)
    start_he(layer)
    x = torch.randn(8, 512) if isinstance(layer, nn.Linear) else torch.randn(8, 64, 24, 24)
    with torch.no_grad():
        y = layer(x)
        if y.dim() == 4:
            y = y[:, :, 2:-2, 2:-2]  # the border sees padding
        assert nn.functional.leaky_relu(y, SLOPE).square().mean().sqrt() == pytest.approx(1.0, abs=0.06)
    start_he(layer, gain=0.0)
    assert not layer.weight.any()
    assert not layer.bias.any()


def test_normal_weights_have_the_asked_spread() -> None:
    layer = nn.Conv2d(64, 64, 3)
    start_normal(layer, 0.02)
    assert layer.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert not layer.bias.any()


def test_the_latent_carries_its_class() -> None:
    z, y = torch.randn(4, 5), torch.tensor([0, 1, 1, 2])
    block = LatentWithClass(5, (3,))
    w = block(z, y)
    assert w.shape == (4, block.size)
    assert torch.equal(w[:, :5], z)
    assert torch.allclose(w[:, 5:].norm(dim=1), torch.ones(4))
    assert torch.equal(w[1, 5:], w[2, 5:])
    assert not torch.equal(w[0, 5:], w[1, 5:])
    assert LatentWithClass(5, ())(z, y) is z
    with pytest.raises(ValueError, match="class index"):
        block(z, None)
