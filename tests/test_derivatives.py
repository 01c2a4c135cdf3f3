"""Layers with derivatives of their own: torch's numbers, as often as one likes, in the memory layout they came in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from gansmith.layers import conv as layers_conv
from gansmith.layers.conv import Conv2d
from gansmith.layers.flat import ToMap, flat
from gansmith.layers.halve import Halve, halve
from gansmith.networks.fastgan import Gate

LAST = torch.channels_last
CONVS = (
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": 4, "stride": 2, "padding": 1},
    {"kernel_size": (3, 4), "stride": 2, "padding": 1, "bias": False},
    {"kernel_size": 3, "padding": 2, "dilation": 2, "groups": 2},
    {"kernel_size": 1},
)


@pytest.fixture
def small_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers_conv, "PIXELS", 0)


def pair(words: dict[str, Any]) -> tuple[Conv2d, nn.Conv2d]:
    """Ours and torch's, with the same weights."""
    ours, usual = Conv2d(4, 6, **words), nn.Conv2d(4, 6, **words)
    usual.load_state_dict(ours.state_dict())
    return ours, usual


def derivatives(network: nn.Module, x: Tensor) -> list[Tensor]:
    """First, second and third ones by input and weights; the second ones of a gradient penalty and of all."""
    x = x.clone().requires_grad_()
    everything = (x, *network.parameters())
    h = network(x)
    score = (h.sigmoid() * torch.arange(h.numel()).view_as(h)).mean()
    (slope,) = torch.autograd.grad(score, x, create_graph=True)
    first = torch.autograd.grad(score, everything, create_graph=True)
    second = torch.autograd.grad(slope.square().sum(), everything, create_graph=True)
    third = torch.autograd.grad(sum((g.square().sum() for g in second), torch.zeros(())), everything, retain_graph=True)
    of_all = torch.autograd.grad(sum((g.square().sum() for g in first), torch.zeros(())), everything)
    return [h, slope, *first, *second, *third, *of_all]


@pytest.mark.usefixtures("small_maps")
@pytest.mark.parametrize("words", CONVS, ids=str)
def test_a_convolution_and_its_derivatives_are_torchs(words: dict[str, Any]) -> None:
    ours, usual = (network.double() for network in pair(words))
    x = torch.randn(3, 4, 7, 6, dtype=torch.float64)
    for found, wanted in zip(derivatives(ours, x), derivatives(usual, x), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    assert gradgradcheck(ours, (x.requires_grad_(),))


class Seen(TorchDispatchMode):
    """Which of a convolution's gradients (input, weights, bias) were computed, call by call."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[list[bool]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.convolution_backward.default:
            self.wanted.append(list(args[-1]))
        return func(*args, **(kwargs or {}))


def test_only_what_is_asked_for_is_computed() -> None:
    layer, x = Conv2d(4, 6, 3), torch.randn(2, 4, 24, 24, requires_grad=True)
    with Seen() as seen:
        (slope,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
    assert seen.wanted == [[True, False, False]]
    with Seen() as seen:
        slope.square().sum().backward()
    assert all(sum(wanted) for wanted in seen.wanted)
    layer.requires_grad_(False)
    with Seen() as seen:
        layer(x).sum().backward()
    assert seen.wanted == [[True, False, False]]


def test_large_kernels_never_come_of_a_gradient_penalty() -> None:
    sizes = []

    class Kernels(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.ops.aten.convolution.default:
                sizes.append(args[1].shape[2:].numel())
            return func(*args, **(kwargs or {}))

    layers = nn.Sequential(Conv2d(3, 4, 4, stride=2, padding=1), nn.LeakyReLU(), Conv2d(4, 4, 3))
    x = torch.randn(2, 3, 64, 64, requires_grad=True)
    with Kernels():
        (slope,) = torch.autograd.grad(layers(x).sigmoid().sum(), x, create_graph=True)
        slope.square().sum().backward()
    assert sizes
    assert max(sizes) == 16


@pytest.mark.parametrize("side", [8, 16, 32])
@pytest.mark.parametrize("batch", [2, 4, 8, 12, 14, 32])
def test_penalties_are_right_in_bfloat16(batch: int, side: int) -> None:
    """torch's own are not, for small batches on processors with AMX."""
    layer, x = Conv2d(4, 6, 3, padding=1), torch.randn(batch, 4, side, side)
    found = []
    for enabled in (False, True):
        told = x.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            y = layer(told)
        assert y.dtype == (torch.bfloat16 if enabled else torch.float32)
        (slope,) = torch.autograd.grad(y.float().sigmoid().sum(), told, create_graph=True)
        gradients = torch.autograd.grad(slope.square().sum() + y.float().square().sum(), tuple(layer.parameters()))
        found.append([t.detach().float() for t in (y, slope, *gradients)])
    for wanted, got in zip(*found, strict=True):
        assert float((got - wanted).norm() / wanted.norm()) < 0.02


@pytest.mark.parametrize("size", [(6, 8), (5, 7), (1, 2)], ids=str)
def test_halving_is_averaging(size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    assert torch.equal(halve(x), functional.avg_pool2d(x, 2, ceil_mode=True))
    assert gradcheck(Halve(), (x,))
    assert gradgradcheck(Halve(), (x,))


@pytest.mark.parametrize("shape", [(2, 6), (2, 6, 3, 5)], ids=str)
def test_a_gate_is_a_gated_linear_unit(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(Gate()(x), nn.GLU(dim=1)(x))
    assert gradcheck(Gate(), (x,))


def test_vectors_become_maps_and_maps_vectors() -> None:
    x = torch.randn(2, 3 * 4 * 5, dtype=torch.float64, requires_grad=True)
    assert torch.equal(ToMap((4, 5))(x), x.reshape(2, 3, 4, 5))
    assert torch.equal(flat(ToMap((4, 5))(x)), x)
    assert gradgradcheck(flat, (torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True),))


LAYERS = {"halve": Halve(), "flat": flat, "gate": Gate(), "conv": Conv2d(8, 8, 3, padding=1).to(memory_format=LAST)}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_gradients_keep_the_layout(layer: Callable[[Tensor], Tensor]) -> None:
    x = torch.randn(2, 8, 32, 32).contiguous(memory_format=LAST).requires_grad_()
    y = layer(x)
    (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(slope.square().sum(), x)
    maps = [y, slope, second] if y.dim() == 4 else [slope, second]
    assert all(t.is_contiguous(memory_format=LAST) and not t.is_contiguous() for t in maps)


def test_maps_have_the_layout_of_the_weights() -> None:
    layer, vectors = ToMap((4, 4)), torch.randn(2, 48)
    assert layer(vectors).is_contiguous()
    assert layer.to(memory_format=LAST)(vectors).is_contiguous(memory_format=LAST)
