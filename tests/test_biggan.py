"""BigGAN against its papers' formulas: attention, normalisation by class, chunks, orthogonal and spectral weights."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from gansmith.contracts import Batch, Clock, GivenSpec, Schedule, Spec
from gansmith.explore.sampling import draw, mean_latent
from gansmith.games.duel import Duel
from gansmith.games.player import Average, Optimizer, Player
from gansmith.layers.attention import Attention
from gansmith.layers.spectral import normalise_spectrally
from gansmith.losses.hinge import Hinge
from gansmith.networks.biggan import BigGAN, BigGANDiscriminator, BigGANGenerator, ToldNorm, start_orthogonal

SMALL = BigGAN(width=4, max_width=12, latent=10, embedding=3)


def pair_of(
    sizes: BigGAN = SMALL, size: tuple[int, int] = (16, 16), classes: int = 0
) -> tuple[BigGANGenerator, BigGANDiscriminator]:
    generator, discriminator = sizes.build(Spec((3, *size), GivenSpec(tuple("abcdefg"[:classes])) if classes else None))
    assert isinstance(generator, BigGANGenerator)
    assert isinstance(discriminator, BigGANDiscriminator)
    return generator, discriminator


@pytest.mark.parametrize("size", [(4, 6), (5, 7)], ids=str)
def test_attention_is_the_papers_formula(size: tuple[int, int]) -> None:
    """Pixel by pixel, in float64: share_ij = softmax_j(f(x_i) . g(x_j)), out_i = v(sum_j share_ij h(x_j))."""
    layer = Attention(16).double()
    nn.init.constant_(layer.gate, 0.6)
    x = torch.randn(2, 16, *size, dtype=torch.float64)
    matrix = {name: getattr(layer, name).weight[:, :, 0, 0] for name in ("query", "key", "value", "out")}
    assert [tuple(m.shape) for m in matrix.values()] == [(2, 16), (2, 16), (8, 16), (16, 8)]
    for sample in range(2):
        pixels = x[sample].flatten(1)  # [C, N]
        cells = []  # [C', M]: the largest of each 2x2 cell, fewer at an odd border
        for name in ("key", "value"):
            maps = (matrix[name] @ pixels).unflatten(1, size)
            corners = [(i, j) for i in range(0, size[0], 2) for j in range(0, size[1], 2)]
            cells.append(torch.stack([maps[:, i : i + 2, j : j + 2].amax((1, 2)) for i, j in corners], dim=1))
        for i in range(pixels.shape[1]):
            likeness = (matrix["query"] @ pixels[:, i]) @ cells[0]
            share = likeness.exp() / likeness.exp().sum()
            want = pixels[:, i] + 0.6 * matrix["out"] @ (cells[1] @ share)
            torch.testing.assert_close(layer(x)[sample].flatten(1)[:, i], want)
    nn.init.zeros_(layer.gate)
    assert torch.equal(layer(x), x)


def test_attention_sees_far_pixels_and_has_a_second_derivative() -> None:
    layer = Attention(8).double()
    nn.init.constant_(layer.gate, 1.0)
    x = torch.randn(1, 8, 6, 6, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(layer(x)[0, :, 0, 0].sum(), x, create_graph=True)
    assert (slope[0].abs().sum(0) > 0).sum() > 9, "one output pixel depends on pixels everywhere"
    assert torch.autograd.gradgradcheck(layer, x, atol=1e-4)


def test_told_normalisation_is_the_papers_formula() -> None:
    layer = ToldNorm(5, 3).double()
    x, told = torch.randn(4, 5, 6, 6, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
    scale, shift = 1 + told @ layer.scale.weight.T, told @ layer.shift.weight.T
    want = (x - mean) / (variance + 1e-5).sqrt() * scale[:, :, None, None] + shift[:, :, None, None]
    torch.testing.assert_close(layer(x, told), want)


@pytest.mark.parametrize("layer", [nn.Linear(7, 4), nn.Linear(4, 7), nn.Conv2d(3, 8, 3), nn.Embedding(5, 9)])
def test_orthogonal_weights(layer: nn.Module) -> None:
    start_orthogonal(layer)
    matrix = layer.get_parameter("weight").detach().flatten(1)
    matrix = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(len(matrix)), rtol=1e-5, atol=1e-5)


def test_both_players_start_orthogonal_with_a_largest_singular_value_of_one() -> None:
    for player in pair_of(classes=4):
        layers = [m for m in player.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.Embedding)]
        assert len(layers) > 8
        for layer in layers:
            values = torch.linalg.svdvals(layer.weight.detach().flatten(1))
            torch.testing.assert_close(values, torch.ones_like(values), rtol=1e-4, atol=1e-4)


def test_spectral_normalisation_finds_the_largest_singular_value() -> None:
    for layer in (nn.Linear(6, 9), nn.Conv2d(4, 5, 3), nn.Embedding(4, 6)):
        nn.init.normal_(layer.weight, 0.0, 3.0)
        want = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
        before = layer.weight.detach().clone()
        normalise_spectrally(layer, nn.Linear, nn.Conv2d, nn.Embedding)
        for _ in range(200):
            layer.weight  # noqa: B018  each use is one step of power iteration
        torch.testing.assert_close(layer.weight.detach(), before / want, rtol=1e-3, atol=1e-3)
        layer.eval()
        spectral = layer.get_submodule("parametrizations.weight.0")
        u = spectral.get_buffer("u")
        weight = layer.weight.detach().clone()
        u.mul_(0.3)  # as in a running average, whose u is a mean of unit vectors
        torch.testing.assert_close(layer.weight.detach(), weight)
        torch.testing.assert_close(u.norm().item(), 0.3)  # evaluation changes nothing


def test_each_chunk_of_the_latent_reaches_the_image_from_its_level_on() -> None:
    generator, _ = pair_of(classes=3)
    generator.eval()
    assert generator.chunks == [4, 3, 3]
    seen: list[Tensor] = []
    for module in (generator.base, *generator.blocks):
        module.register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach()))
    w = generator.mapping(torch.randn(2, 10), torch.tensor([0, 2]))
    assert w.shape == (2, 13)
    generator.synthesis(w, None)
    first, seen[:] = list(seen), []
    for level, part in enumerate((slice(0, 4), slice(4, 7), slice(7, 10))):
        other = w.clone()
        other[:, part] += 1
        generator.synthesis(other, None)
        assert [torch.equal(a, b) for a, b in zip(first, seen, strict=True)] == [n < level for n in range(3)]
        seen.clear()
    other = w.clone()
    other[:, 10:] += 1  # the class speaks to every block, and not to the base
    generator.synthesis(other, None)
    assert [torch.equal(a, b) for a, b in zip(first, seen, strict=True)] == [True, False, False]


def test_without_classes_the_chunks_alone_modulate() -> None:
    generator, discriminator = pair_of()
    norms = [m for m in generator.modules() if isinstance(m, ToldNorm)]
    assert {norm.scale.in_features for norm in norms} == {3}
    z = torch.randn(4, 10)
    assert generator.mapping(z, None) is z
    assert discriminator.head.embed is None
    x = generator(z)
    other = z.clone()
    other[:, 7:] = torch.randn(4, 3)  # the last block's
    assert (generator(other) - x).abs().mean() > 1e-3


def test_attention_has_one_place_in_each_player() -> None:
    def places(attention: int, size: tuple[int, int]) -> list[tuple[int, ...]]:
        found: list[tuple[int, ...]] = []
        generator, discriminator = pair_of(BigGAN(4, max_width=12, latent=10, attention=attention), size)
        for player in (generator, discriminator):
            for module in player.modules():
                if isinstance(module, Attention):
                    module.register_forward_hook(lambda _module, _inputs, output: found.append(output.shape[2:]))
        discriminator(generator(torch.randn(2, 10)))
        return [tuple(size) for size in found]

    assert places(32, (64, 64)) == [(32, 32)] * 2
    assert places(32, (32, 32)) == [(16, 16)] * 2  # never at the image's own size
    assert places(16, (48, 64)) == [(12, 16)] * 2
    assert places(3, (30, 50)) == [(4, 7)] * 2
    assert places(0, (16, 16)) == []


def test_truncation_leaves_the_class() -> None:
    generator, _ = pair_of(classes=3)
    generator.eval()
    given = torch.tensor([0, 1, 1])
    mean = mean_latent(generator, given)
    torch.testing.assert_close(mean[:, 10:], generator.mapping(torch.zeros(3, 10), given)[:, 10:])
    at_mean = next(iter(draw(generator, 3, 0, given, truncation=0.0)))
    torch.testing.assert_close(at_mean[1], at_mean[2])
    assert (at_mean[0] - at_mean[1]).abs().max() > 1e-3


@pytest.mark.parametrize("classes", [0, 3])
def test_synthesis_exports_and_gives_the_same_images(classes: int) -> None:
    generator, _ = pair_of(size=(12, 18), classes=classes)
    nn.init.constant_(generator.attention.gate, 0.5)  # type: ignore[arg-type]
    generator.eval()

    class Synthesis(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.generator = generator

        def forward(self, w: Tensor) -> Tensor:
            return self.generator.synthesis(w, None)

    w = generator.mapping(torch.randn(2, 10), torch.tensor([0, 2]) if classes else None).detach()
    program = torch.export.export(Synthesis(), (w,))
    torch.testing.assert_close(program.module()(w), generator.synthesis(w, None))


@pytest.mark.parametrize("size", [(8, 8), (512, 512), (256, 384), (8, 300)], ids=str)
def test_shapes_up_to_512_pixels(size: tuple[int, int]) -> None:
    spec = Spec((4, *size), GivenSpec(("a", "b")))
    given = torch.zeros(4, dtype=torch.int64, device="meta")
    with torch.device("meta"):
        generator, discriminator = BigGAN(width=16, max_width=64).build(spec)
        x = generator(torch.randn(4, 128), given)
        assert x.shape == (4, 4, *size)
        assert discriminator(x, given).scores[0].shape == (4,)


def duel() -> Duel:
    torch.manual_seed(1)
    generator, discriminator = SMALL.build(Spec((1, 8, 8), GivenSpec(("a", "b"))))
    return Duel(
        Player(generator, Optimizer(lr=Schedule(1e-2)), Average(Schedule(500))),
        Player(discriminator, Optimizer(lr=Schedule(1e-2))),
        Hinge(),
        discriminator_steps=2,
    )


def play(game: Duel, first: int, last: int) -> None:
    data = torch.randn(32, 8, 1, 8, 8, generator=torch.Generator().manual_seed(7)).clamp(-1, 1)
    for i in range(first, last):
        assert game.step(Batch(data[i], torch.arange(8) % 2), Clock(8 * i, i / 100, i)).finite


def test_resuming_is_exact_with_spectral_norms_in_both() -> None:
    whole, first, second = duel(), duel(), duel()
    play(whole, 0, 8)
    play(first, 0, 5)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    play(second, 5, 8)
    for player in ("generator", "discriminator"):
        a, b = (getattr(game, player).network.state_dict() for game in (whole, second))
        assert all(torch.equal(a[key], b[key]) for key in a)


def test_impossible_sizes_are_refused_with_a_way_out() -> None:
    with pytest.raises(ValueError, match="latent must be at least 5 for 64x64"):
        BigGAN(latent=4).build(Spec((3, 64, 64)))
    with pytest.raises(ValueError, match="attention must be at least 0"):
        BigGAN(attention=-1)
    with pytest.raises(ValueError, match="max_width must be at least 99"):
        BigGAN(width=8, discriminator_width=99, max_width=64)


def test_nothing_is_wider_than_asked() -> None:
    for player in pair_of(BigGAN(3, discriminator_width=6, max_width=9, latent=10)):
        assert max(max(m.in_channels, m.out_channels) for m in player.modules() if isinstance(m, nn.Conv2d)) == 9
