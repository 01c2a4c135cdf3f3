"""What computes the same with less: scores read off their derivatives, upsampling composed, leaky ReLUs."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional

from gansmith.bench._plain import Plain
from gansmith.config import parts
from gansmith.contracts import Architecture, Batch, Clock, GivenSpec, Loss, Schedule, Spec
from gansmith.games.duel import Duel
from gansmith.games.player import Optimizer, Player
from gansmith.layers.biases import Linear, gather_biases
from gansmith.layers.leaky import LeakyReLU
from gansmith.layers.textbook import textbook
from gansmith.layers.upsampling import UpsamplingConv2d, compose_upsampling
from gansmith.penalties.r1 import R1
from gansmith.penalties.r2 import R2

NETWORKS = parts(Architecture, "gansmith.networks")  # type: ignore[type-abstract]
LOSSES = parts(Loss, "gansmith.losses")  # type: ignore[type-abstract]
THIN = {name: {"width": 8} for name in ("dcgan", "fastgan", "r3gan", "biggan", "stylegan2", "sngan")}
THIN["dcgan"]["hidden"] = 6
WITHOUT_NORM: dict[str, dict[str, Any]] = {name: {"norm": "none"} for name in ("dcgan", "fastgan")}
SHAPE = (3, 16, 16)


def pair(name: str, told: bool = False, **more: Any) -> tuple[Any, Any]:
    torch.manual_seed(3)
    spec = Spec(SHAPE, GivenSpec(("a", "b", "c"))) if told else Spec(SHAPE)
    return NETWORKS[name](**{**THIN.get(name, {}), **WITHOUT_NORM.get(name, {}), **more}).build(spec)


def shaken(network: nn.Module) -> nn.Module:
    """With biases, and blocks that Fixup starts at zero, away from zero."""
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return network


def vector(network: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def homogeneous() -> list[str]:
    return [name for name in NETWORKS if getattr(pair(name)[1], "homogeneous", False)]


def test_most_families_are_homogeneous_without_normalisation() -> None:
    assert set(homogeneous()) >= {"dcgan", "r3gan", "fastgan", "stylegan2", "sngan", "mlp"}


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("name", homogeneous())
def test_scores_are_read_off_their_derivatives(name: str, told: bool) -> None:
    """Euler's theorem, sample by sample; a bias that is not gathered would be missing."""
    network = shaken(pair(name, told)[1]).double()
    x = torch.randn(5, *SHAPE, dtype=torch.float64, requires_grad=True)
    biases: list[Tensor] = []
    with gather_biases(biases):
        (scores,) = network(x, torch.arange(5) % 3 if told else None).scores
    by_x, *by_biases = torch.autograd.grad(scores.sum(), (x, *biases))
    read = (by_x * x).flatten(1).sum(1) + sum((d * b).sum(1) for d, b in zip(by_biases, biases, strict=True))
    torch.testing.assert_close(read, scores)
    assert biases


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", homogeneous())
def test_a_step_by_euler_is_the_plain_step(name: str, loss: str) -> None:
    """Against torch's own layers and second derivatives, a pass for each use, in float64."""
    players = [shaken(network).double() for network in pair(name)]
    generator, discriminator = copy.deepcopy(players[0]).eval(), copy.deepcopy(players[1])  # no noise of a step's own
    if name == "sngan":
        discriminator.eval()  # each pass of training moves its estimate of the largest singular value
    before = [vector(network) for network in (generator, discriminator)]
    theirs = copy.deepcopy((generator, discriminator))
    gammas = (0.7, 0.3)
    plain = Plain(*theirs, LOSSES[loss](), gammas, optimizer=lambda p: torch.optim.SGD(p, 1.0), decay=0.5)
    compose_upsampling(generator, True)
    sgd, penalties = Optimizer("sgd", Schedule(1.0)), [R1(Schedule(gammas[0])), R2(Schedule(gammas[1]))]
    game = Duel(Player(generator, sgd), Player(discriminator, sgd), LOSSES[loss](), penalties)
    assert game.homogeneous
    real, z = torch.rand(4, *SHAPE, dtype=torch.float64) * 2 - 1, torch.randn(4, generator.latent_size).double()
    game._make = lambda part, clock: (z, generator(z))  # type: ignore[method-assign]  # latents in float64
    plain.step(real, None, z)
    game.step(Batch(real), Clock())
    for start, ours, other in zip(before, (generator, discriminator), theirs, strict=True):
        change, wanted = vector(ours) - start, vector(other) - start
        assert float((change - wanted).norm()) <= 1e-9 * float(wanted.norm())


@pytest.mark.parametrize("slope", [0.2, 0.0])
def test_a_leaky_relu_is_torchs(slope: float) -> None:
    layer, x = LeakyReLU(slope), torch.randn(3, 4, 5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.equal(layer(x), functional.leaky_relu(x, slope))
    assert gradcheck(layer, (x,))
    assert gradgradcheck(layer, (x,))
    (by_x,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
    weights = torch.randn_like(x)
    (second,) = torch.autograd.grad((by_x * weights).sum(), x)
    (by_torch,) = torch.autograd.grad(functional.leaky_relu(x, slope).square().sum(), x, create_graph=True)
    torch.testing.assert_close(second, torch.autograd.grad((by_torch * weights).sum(), x)[0])


def test_a_dense_layer_is_torchs_whether_gathered_or_not() -> None:
    layer, x = Linear(4, 3).double(), torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    wanted = functional.linear(x, layer.weight, layer.bias)
    biases: list[Tensor] = []
    with gather_biases(biases):
        found = layer(x)
    assert torch.equal(found, wanted)
    assert [tuple(b.shape) for b in biases] == [(5, 3)]
    everything = (x, layer.weight, layer.bias)
    slopes = torch.randn_like(found)
    for a, b in zip(
        torch.autograd.grad((found * slopes).sum(), everything, retain_graph=True),
        torch.autograd.grad((wanted * slopes).sum(), everything),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("size", [(8, 10), (7, 10), (7, 9), (2, 2)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_composed_upsampling_is_resizing_and_convolving(size: tuple[int, int], bias: bool) -> None:
    layer = UpsamplingConv2d(3, 4, size, bias).double()
    x = torch.randn(2, 3, -(-size[0] // 2), -(-size[1] // 2), dtype=torch.float64, requires_grad=True)
    wanted = functional.conv2d(functional.interpolate(x, size=size), layer.weight, layer.bias, padding=1)
    for composed in (False, True):
        layer.composed = composed
        torch.testing.assert_close(layer(x), wanted)
        assert gradcheck(layer, (x,))
        assert gradgradcheck(layer, (x,))
        found = torch.autograd.grad(layer(x).square().sum(), tuple(layer.parameters()))
        usual = torch.autograd.grad(wanted.square().sum(), tuple(layer.parameters()), retain_graph=True)
        for a, b in zip(found, usual, strict=True):
            torch.testing.assert_close(a, b)


def test_every_generator_upsamples_the_same_composed() -> None:
    changed = set()
    for name in NETWORKS:
        generator = pair(name)[0].eval()
        z = torch.randn(2, generator.latent_size)
        wanted = generator(z)
        compose_upsampling(generator, True)
        torch.testing.assert_close(generator(z), wanted, rtol=1e-4, atol=1e-5)
        if any(isinstance(m, UpsamplingConv2d) for m in generator.modules()):
            changed.add(name)
        with textbook():
            torch.testing.assert_close(generator(z), wanted, rtol=1e-4, atol=1e-5)
    assert changed >= {"fastgan", "biggan", "sngan"}
