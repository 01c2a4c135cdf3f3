"""Every network family is found here and must pass the same tests."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import math
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gansmith import networks
from gansmith.contracts import Architecture, Discriminator, Generator, GivenSpec, Spec
from gansmith.layers.conv import Conv2d
from gansmith.layers.critic import Critic
from gansmith.layers.fourier import FourierFeatures
from gansmith.networks.dcgan import DCGAN
from gansmith.networks.fastgan import FastGAN
from gansmith.networks.layered import Layered
from gansmith.networks.mlp import MLP
from gansmith.networks.r3gan import R3GAN, WholeMap
from gansmith.networks.sngan import SNGAN, SNGANDiscriminator

# Defaults that would be slow here, made small; a family that is not named is tested as it is.
SMALL: dict[str, dict[str, Any]] = {
    "dcgan": {"width": 8, "latent": 16, "max_width": 32},
    "fastgan": {"width": 8, "latent": 16, "max_width": 32},
    "r3gan": {"width": 8, "latent": 16, "max_width": 32, "blocks": 1},
    "sngan": {"width": 12, "discriminator_width": 8, "latent": 16},
    "layered": {"base_channels": 8, "generator": ((8, 5, 2), (6, 4, 2)), "discriminator": ((6, 5, 2, 0), (8, 4, 2, 1))},
    "mlp": {"generator_widths": (32, 48), "discriminator_widths": (48, 32), "latent": 16},
    "biggan": {"width": 8, "max_width": 24, "latent": 16, "embedding": 6},
    "stylegan2": {"width": 8, "max_width": 24, "latent": 16, "mapping_layers": 2},
}
OTHER: dict[str, dict[str, Any]] = {
    "dcgan": {**SMALL["dcgan"], "norm": "none", "upsample": "nearest", "hidden": 24, "output": "linear"},
    "mlp": {
        **SMALL["mlp"],
        "activation": "leaky",
        "dropout": 0.3,
        "output": "linear",
        "bits": 10,
        "octaves": 1,
    },
    "fastgan": {**SMALL["fastgan"], "norm": "none", "output": "linear"},
    "r3gan": {**SMALL["r3gan"], "blocks": 2, "expansion": 1, "group_size": 0, "resample": "strided"},
    "layered": {**SMALL["layered"], "generator_norm": (), "activation": "relu", "dropout": 0.3, "image": (4, 2)},
    "biggan": {**SMALL["biggan"], "discriminator_width": 6, "attention": 0},
    "stylegan2": {**SMALL["stylegan2"], "mixing": 0.0, "mapping_layers": 1},
}
SIZES = [(8, 8), (28, 28), (32, 32), (64, 64), (48, 64)]


def families() -> Iterator[tuple[str, type[Architecture]]]:
    """Every networks/NAME.py with its one Architecture."""
    for module in pkgutil.iter_modules(networks.__path__):
        source = importlib.import_module(f"gansmith.networks.{module.name}")
        found = [
            part
            for part in vars(source).values()
            if isinstance(part, type) and issubclass(part, Architecture) and part.__module__ == source.__name__
        ]
        assert len(found) == 1, f"{module.name}.py must define exactly one Architecture, not {found}"
        yield module.name, found[0]


PARTS = dict(families())
CONFIGS = [
    pytest.param(part(**options), id=f"{name}-{kind}")
    for name, part in PARTS.items()
    for kind, options in (("default", SMALL.get(name, {})), ("other", OTHER.get(name)))
    if options is not None
]


def spec_of(size: tuple[int, int] = (16, 16), channels: int = 3, classes: int = 0) -> Spec:
    return Spec((channels, *size), GivenSpec(tuple("abcdefgh"[:classes])) if classes else None)


def labels(count: int, classes: int) -> Tensor | None:
    return torch.arange(count) % classes if classes else None


def awake(arch: Architecture, spec: Spec) -> tuple[Generator, Discriminator]:
    """The pair, with what starts at zero and hides what lies before it (Fixup's layers, attention's gate) opened."""
    pair = arch.build(spec)
    for name, parameter in (named for player in pair for named in player.named_parameters()):
        if name.endswith("gate"):
            nn.init.constant_(parameter, 0.5)
        elif parameter.dim() > 1 and not parameter.any():
            nn.init.normal_(parameter, 0.0, 0.1)
    return pair


def rand_pair(arch: Architecture, classes: int = 0) -> tuple[Generator, Discriminator, Tensor, Tensor | None]:
    generator, discriminator = awake(arch, spec_of(classes=classes))
    return generator, discriminator, torch.randn(4, generator.latent_size), labels(4, classes)


def test_the_families_are_found() -> None:
    assert {"dcgan", "mlp", "sngan", "layered", "r3gan", "fastgan", "biggan", "stylegan2"} <= set(PARTS)
    assert all(dataclasses.is_dataclass(part) for part in PARTS.values())


@pytest.mark.parametrize("arch", CONFIGS)
@pytest.mark.parametrize("classes", [0, 5])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_shapes(arch: Architecture, size: tuple[int, int], channels: int, classes: int) -> None:
    spec = spec_of(size, channels, classes)
    if isinstance(arch, Layered) and size == (28, 28) and arch.image[1] == 2:
        pytest.skip("strides of 8 do not divide 28")
    generator, discriminator = arch.build(spec)
    with torch.no_grad():
        x = generator(torch.randn(2, generator.latent_size), labels(2, classes))
        verdict = discriminator(x, labels(2, classes))
    assert x.shape == (2, *spec.shape)
    assert [s.shape for s in verdict.scores] == [(2,)]
    assert verdict.features
    assert all(len(f) == 2 for f in verdict.features)
    assert torch.isfinite(x).all()
    assert torch.isfinite(verdict.scores[0]).all()


@pytest.mark.parametrize("size", [(8, 8), (9, 31), (30, 30), (20, 12), (45, 100), (61, 256)], ids=str)
@pytest.mark.parametrize("name", ["dcgan", "sngan", "mlp", "r3gan", "fastgan", "biggan", "stylegan2"])
def test_any_resolution_works(name: str, size: tuple[int, int]) -> None:
    for options in (SMALL[name], OTHER.get(name, SMALL[name])):
        generator, discriminator = PARTS[name](**options).build(spec_of(size))
        with torch.no_grad():
            x = generator(torch.randn(1, generator.latent_size).expand(2, -1).clone())
            assert x.shape == (2, 3, *size)
            assert discriminator(x).scores[0].shape == (2,)


@pytest.mark.parametrize("arch", CONFIGS)
@pytest.mark.parametrize("classes", [0, 5])
def test_gradients_reach_every_parameter(arch: Architecture, classes: int) -> None:
    torch.manual_seed(1)
    generator, discriminator = awake(arch, spec_of(classes=classes))
    given = labels(10, classes)
    discriminator(generator(torch.randn(10, generator.latent_size), given), given).scores[0].square().sum().backward()
    for player in (generator, discriminator):
        for name, parameter in player.named_parameters():
            assert parameter.grad is not None, f"{name} gets no gradient"
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.any(), f"{name}'s gradient is all zero"


@pytest.mark.parametrize("arch", CONFIGS)
@pytest.mark.parametrize("classes", [0, 5])
def test_evaluation_is_repeatable_and_looks_at_one_sample_at_a_time(arch: Architecture, classes: int) -> None:
    generator, discriminator, z, given = rand_pair(arch, classes)
    discriminator(generator(z, given), given)  # moves running statistics off their start
    generator.eval(), discriminator.eval()
    with torch.no_grad():
        x = generator(z, given)
        assert torch.equal(x, generator(z, given))
        score = discriminator(x, given).scores[0]
        assert torch.equal(score, discriminator(x, given).scores[0])
        for i in range(len(z)):
            one = None if given is None else given[i : i + 1]
            assert torch.allclose(generator(z[i : i + 1], one), x[i : i + 1], atol=1e-5)
            assert torch.allclose(discriminator(x[i : i + 1], one).scores[0], score[i : i + 1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("arch", CONFIGS)
@pytest.mark.parametrize("autocast", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("classes", [0, 5])
def test_r1_has_a_second_derivative(arch: Architecture, autocast: bool, classes: int) -> None:
    _, discriminator = awake(arch, spec_of(classes=classes))
    given = labels(4, classes)
    x = torch.randn(4, 3, 16, 16, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        scores = discriminator(x, given).scores[0]
    (gradient,) = torch.autograd.grad(scores.float().sum(), x, create_graph=True)
    gradient.square().sum((1, 2, 3)).mean().backward()
    slopes = [p.grad for p in discriminator.parameters() if p.dim() > 1]
    assert all(g is None or torch.isfinite(g).all() for g in slopes)
    assert sum(g is not None and bool(g.any()) for g in slopes) >= len(slopes) - 1


@pytest.mark.parametrize("arch", [p for p in CONFIGS if "layered" not in p.id or "other" in p.id])
def test_r1s_derivative_is_the_difference_quotient(arch: Architecture) -> None:
    """In float64, on the discriminator's first weight: the graph of the penalty is right, not only there."""
    _, discriminator = awake(arch, spec_of())
    discriminator = discriminator.double().eval()  # no dropout, no power iteration between the two evaluations
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64, requires_grad=True)

    def penalty() -> Tensor:
        (gradient,) = torch.autograd.grad(discriminator(x).scores[0].sum(), x, create_graph=True)
        return gradient.square().sum()

    weight = next(p for p in discriminator.parameters() if p.dim() > 1)
    (slope,) = torch.autograd.grad(penalty(), weight)
    direction, step = torch.randn_like(weight), 1e-6
    with torch.no_grad():
        weight += step * direction
    above = penalty().item()
    with torch.no_grad():
        weight -= 2 * step * direction
    below = penalty().item()
    assert (above - below) / (2 * step) == pytest.approx((slope * direction).sum().item(), rel=1e-3)


@pytest.mark.parametrize("arch", CONFIGS)
@pytest.mark.parametrize("classes", [0, 5])
def test_weights_travel_as_flat_tensors_and_as_copies(arch: Architecture, classes: int) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    generator, discriminator, z, given = rand_pair(arch, classes)
    discriminator(generator(z, given), given)
    fresh = arch.build(spec_of(classes=classes))
    for player, other in zip((generator, discriminator), fresh, strict=True):
        other.load_state_dict(safetensors.load(safetensors.save(player.state_dict())))
    copies = (copy.deepcopy(generator), copy.deepcopy(discriminator))
    with torch.no_grad():
        x = generator.eval()(z, given)
        score = discriminator.eval()(x, given).scores[0]
        for other_generator, other_discriminator in (fresh, copies):
            assert torch.equal(other_generator.eval()(z, given), x)
            assert torch.equal(other_discriminator.eval()(x, given).scores[0], score)
        for parameter in copies[0].parameters():
            parameter.zero_()
        assert torch.equal(generator(z, given), x)  # a copy shares nothing


@pytest.mark.parametrize("arch", CONFIGS)
@pytest.mark.parametrize("classes", [0, 5])
def test_bfloat16_autocast_stays_near_float32(arch: Architecture, classes: int) -> None:
    generator, discriminator, z, given = rand_pair(arch, classes)
    generator.eval(), discriminator.eval()
    exact = generator(z, given)
    with torch.autocast("cpu", torch.bfloat16):
        x = generator(z, given)
        score = discriminator(x.float(), given).scores[0]
    assert (x.float() - exact).abs().mean() < 0.05 * exact.abs().mean() + 1e-3
    assert torch.isfinite(score).all()
    score.float().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in generator.parameters())


@pytest.mark.parametrize("arch", CONFIGS)
def test_the_class_changes_what_both_say(arch: Architecture) -> None:
    generator, discriminator, z, given = rand_pair(arch, classes=5)
    assert given is not None
    for module in generator.modules():  # conditional normalisation starts equal for every class
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight)
    generator.eval(), discriminator.eval()
    with torch.no_grad():
        x = generator(z, given)
        assert (x - generator(z, (given + 1) % 5)).flatten(1).abs().amax(1).min() > 1e-4
        score, other = discriminator(x, given).scores[0], discriminator(x, (given + 1) % 5).scores[0]
        assert (score - other).abs().max() > 0.01 * score.abs().max()
    with pytest.raises(ValueError, match="class"):
        generator(z)
    with pytest.raises(ValueError, match="class"):
        discriminator(x)


@pytest.mark.parametrize("arch", CONFIGS)
def test_the_first_images_are_in_range_and_differ(arch: Architecture) -> None:
    generator, _ = arch.build(spec_of((32, 32)))
    with torch.no_grad():
        x = generator(torch.randn(16, generator.latent_size))
    assert x.abs().mean() < 0.9
    assert x.std(0).mean() > 1e-3


def test_impossible_shapes_are_refused_with_a_way_out() -> None:
    for name in ("dcgan", "sngan", "layered", "r3gan", "fastgan"):
        with pytest.raises(ValueError, match="try 8x8"):
            PARTS[name]().build(spec_of((5, 5)))
        with pytest.raises(ValueError, match="mlp"):
            PARTS[name]().build(Spec((2,)))
    with pytest.raises(ValueError, match="30x30 is not, try sides of 28 or 32"):
        Layered().build(spec_of((30, 30)))
    with pytest.raises(ValueError, match="8x10 is not, try sides of 9 or 12"):
        Layered(generator=(), generator_norm=(), image=(3, 3)).build(spec_of((8, 10)))
    with pytest.raises(ValueError, match="at least one number"):
        MLP().build(Spec(()))


@pytest.mark.parametrize(
    ("part", "options", "words"),
    [
        (DCGAN, {"width": 0}, "width must be at least 1, not 0"),
        (DCGAN, {"discriminator_width": 600}, "max_width must be at least 600, not 512"),
        (DCGAN, {"hidden": -1}, "hidden must be at least 0"),
        (SNGAN, {"latent": 0}, "latent"),
        (FastGAN, {"width": 600}, "max_width must be at least 600, not 512"),
        (R3GAN, {"blocks": 0}, "blocks must be at least 1"),
        (R3GAN, {"width": 20}, "width must be a multiple of 8.*20 is not: try width = 24"),
        (R3GAN, {"max_width": 300, "expansion": 1}, "max_width must be a multiple of 16.*try max_width = 304"),
        (MLP, {"generator_widths": (8, -8)}, "generator_widths"),
        (MLP, {"dropout": 1.5}, "dropout"),
        (MLP, {"latent": 4, "bits": 4}, "bits must be fewer than latent .4., not 4"),
        (MLP, {"bits": -1}, "bits must be at least 0"),
        (MLP, {"octaves": -1}, "octaves must be at least 0"),
        (Layered, {"image": (4, 1)}, "image: .* odd kernel"),
        (Layered, {"generator": ((8, 2, 3),)}, "kernel 2 with stride 3"),
        (Layered, {"generator": ((8, 0, 1),)}, "generator: .* at least 1"),
        (Layered, {"generator_norm": (3,)}, "generator_norm .* not 3"),
        (Layered, {"discriminator": ((8, 3, 2, 7),)}, "must be 0 or 1, not 7"),
    ],
)
def test_sizes_out_of_range_are_refused_by_name(part: type[Architecture], options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        part(**options)


@pytest.mark.parametrize("options", [{}, {"activation": "leaky"}])
def test_points_have_their_own_shape(options: dict[str, Any]) -> None:
    spec = Spec((2,), GivenSpec(("left", "right")))
    generator, discriminator = MLP((16,), (16,), latent=2, output="linear", **options).build(spec)
    x = generator(torch.randn(6, 2), labels(6, 2))
    assert x.shape == (6, 2)
    assert discriminator(x, labels(6, 2)).scores[0].shape == (6,)


def test_bits_cut_the_points_into_pieces() -> None:
    """A path through the latent jumps where a bit turns, and only there; the others move the sample smoothly."""
    torch.manual_seed(0)
    generator, _ = MLP((32, 32), latent=5, bits=3, output="linear").build(Spec((2,)))
    path = torch.linspace(-1, 1, 400)
    with torch.no_grad():
        for number in range(5):
            z = torch.randn(1, 5).repeat(400, 1)
            z[:, number] = path
            steps = generator(z).diff(dim=0).norm(dim=1)
            if number < 3:
                assert steps.argmax() == 199, "the jump is where the sign turns"
                assert steps.max() > 0.05
                assert steps.sum() == steps.max(), "a bit's size does not matter"
            else:
                assert 0 < steps.max() < 0.05
        z = torch.randn(64, 5)
        away = generator.mapping(z, None)
        near = generator.synthesis(0.5 * away, None)
        assert torch.equal(near, generator(torch.cat([z[:, :3], 0.5 * z[:, 3:]], 1))), "truncation keeps every bit"
    assert torch.isfinite(generator(torch.zeros(1, 5))).all()


def test_bits_of_a_class_conditional_pair_leave_the_class_alone() -> None:
    generator, _ = MLP((16,), latent=3, bits=2, output="linear").build(Spec((2,), GivenSpec(("a", "b"))))
    x = generator(torch.randn(4, 3), torch.tensor([0, 1, 0, 1]))
    x.square().sum().backward()
    assert generator.latent.embed.weight.grad.any(1).all()  # type: ignore[union-attr]


def test_fourier_features_are_their_formula() -> None:
    x = torch.randn(7, 3, dtype=torch.float64)
    fourier = FourierFeatures(3, 4).double()
    features = fourier(x)
    assert features.shape == (7, fourier.size) == (7, 27)
    angles = [x * (math.pi / 2 * 2**k) for k in range(4)]
    expected = [x, *(a.sin() for a in angles), *(a.cos() for a in angles)]
    torch.testing.assert_close(features, torch.cat(expected, 1), rtol=0, atol=1e-5)  # constants in float32
    assert not fourier.state_dict()  # constants of the recipe, not weights


def test_a_discriminator_with_octaves_sees_finer_than_one_without() -> None:
    """At the start its score changes several times as fast over a short distance."""
    x = torch.linspace(-2, 2, 2000)[:, None].repeat(1, 2)
    slopes = []
    for octaves in (0, 4):
        torch.manual_seed(0)
        _, discriminator = MLP((8,), (64, 64), latent=2, output="linear", octaves=octaves).build(Spec((2,)))
        with torch.no_grad():
            score = discriminator(x).scores[0]
        slopes.append(float(score.diff(n=1).square().mean().sqrt() / score.std()))
    assert slopes[1] > 3 * slopes[0]


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_papers_and_articles_networks_have_their_sizes() -> None:
    """Parameters counted by hand from the layers as printed."""
    generator, discriminator = MLP(dropout=0.3).build(spec_of((28, 28), 1))
    assert count(generator) == 101 * 256 + 257 * 512 + 513 * 1024 + 1025 * 784
    assert count(discriminator) == 785 * 1024 + 1025 * 512 + 513 * 256 + 257
    generator, discriminator = Layered().build(spec_of((28, 28), 1))
    norms = 2 * (128 + 128 + 64)
    assert count(generator) == 100 * 6272 + 128 * 128 * 25 + 128 * 64 * 25 + 64 * 49 + 1 + norms
    assert count(discriminator) == 26 * 64 + (64 * 25 + 1) * 128 + (128 * 25 + 1) * 128 + 128 * 16 + 1
    cifar = Layered(
        generator=((128, 3, 2), (128, 3, 2)),
        image=(3, 1),
        discriminator=((128, 3, 2, 0), (128, 3, 2, 1), (128, 3, 2, 1)),
    )
    generator, discriminator = cifar.build(spec_of((32, 32)))
    assert count(generator) == 100 * 8192 + 2 * 128 * 128 * 9 + 128 * 27 + 3 + 2 * 3 * 128
    assert count(discriminator) == 28 * 128 + 2 * (1152 * 128 + 256) + 128 * 16 + 1
    generator, discriminator = DCGAN(width=128, max_width=1024, latent=100).build(spec_of((64, 64)))
    maps = [1024, 512, 256, 128]
    convs = sum(a * b * 16 for a, b in zip(maps, [*maps[1:], 3], strict=True)) + 3
    assert count(generator) == 101 * 1024 * 16 + convs + 2 * sum(maps)
    _, discriminator = SNGAN().build(spec_of((32, 32)))
    first = (27 + 1) * 128 + (1152 + 1) * 128 + (3 + 1) * 128
    second = 2 * (1152 + 1) * 128 + (128 + 1) * 128
    assert count(discriminator) == first + second + 2 * 2 * (1152 + 1) * 128 + 129


def test_spectral_norm_bounds_every_weight() -> None:
    _, discriminator = SNGAN(**SMALL["sngan"]).build(spec_of(classes=5))
    assert isinstance(discriminator, SNGANDiscriminator)
    x, given = torch.randn(4, 3, 16, 16), labels(4, 5)
    with torch.no_grad():
        for _ in range(60):
            discriminator(x, given)
    discriminator.eval()
    layers = [m for m in discriminator.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.Embedding)]
    assert len(layers) > 8
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("additions", [{}, {"minibatch_stddev": 2}, {"packing": 2}, {"san": True}])
@pytest.mark.parametrize("architecture", CONFIGS)
def test_independent_discriminators_see_each_sample_alone(architecture: Any, additions: dict[str, Any]) -> None:
    """What they say of one sample must not change with the others, where they claim so; the others must not claim."""
    spec = spec_of()
    dressed = dataclasses.replace(architecture, critic=Critic(**additions))
    _, discriminator = dressed.build(spec)
    if not discriminator.independent:
        normalised = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in discriminator.modules())
        assert normalised or "minibatch_stddev" in additions or "packing" in additions
        return
    discriminator.eval()  # no dropout, and no steps of power iterations
    x = torch.rand(4, *spec.shape) * 2 - 1
    other = torch.cat([x[:1], -x[1:]])
    scores = []
    for batch in (x, other):
        (found,) = discriminator(batch).scores
        assert found.shape == (4,)
        scores.append(found)
    torch.testing.assert_close(scores[0][0], scores[1][0])
    assert not torch.equal(scores[0], scores[1])


@pytest.mark.parametrize("architecture", CONFIGS)
def test_no_discriminator_leaves_its_convolutions_to_torch(architecture: Any) -> None:
    """torch's second derivative of one is slow, and wrong for small batches (layers/conv.py)."""
    _, discriminator = architecture.build(Spec((3, 32, 32)))
    for module in discriminator.modules():
        if isinstance(module, nn.Conv2d):
            assert isinstance(module, Conv2d | WholeMap)
