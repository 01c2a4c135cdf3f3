"""StyleGAN2 against its paper's formulas: modulation, noise, styles a layer, equalised rates, resuming."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gansmith.contracts import Batch, Clock, GivenSpec, Schedule, Spec
from gansmith.explore.sampling import draw, mean_latent
from gansmith.games.duel import Duel
from gansmith.games.player import Average, Optimizer, Player
from gansmith.layers.critic import Critic
from gansmith.layers.equal import HE, equalised
from gansmith.losses.non_saturating import NonSaturating
from gansmith.networks.stylegan2 import ModulatedConv, StyledLayer, StyleGAN2, StyleGAN2Generator
from gansmith.penalties.path_length import PathLength
from gansmith.penalties.r1 import R1

SMALL = StyleGAN2(width=4, max_width=8, latent=8, mapping_layers=2, critic=Critic(minibatch_stddev=4))


def generator_of(sizes: StyleGAN2 = SMALL, size: tuple[int, int] = (16, 16), classes: int = 0) -> StyleGAN2Generator:
    generator, _ = sizes.build(Spec((3, *size), GivenSpec(tuple("abcdefg"[:classes])) if classes else None))
    assert isinstance(generator, StyleGAN2Generator)
    return generator


@pytest.mark.parametrize(("kernel", "demodulate"), [(3, True), (1, False)])
def test_modulation_is_a_convolution_with_weights_of_ones_own(kernel: int, demodulate: bool) -> None:
    """Equations 1 to 3 as printed: every sample's weights scaled, demodulated, convolved."""
    layer = ModulatedConv((5, 7), kernel, 4, demodulate).double()
    x, w = torch.randn(3, 5, 6, 9, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    style = w @ layer.style.weight.T + layer.style.bias
    for sample in range(3):
        weight = layer.conv.weight * style[sample][None, :, None, None]
        if demodulate:
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        want = functional.conv2d(x[sample : sample + 1], weight, padding=kernel // 2)
        torch.testing.assert_close(layer(x, w, (6, 9))[sample : sample + 1], want, rtol=1e-9, atol=1e-9)


def test_doubling_is_the_papers_filter() -> None:
    """Inside, where no border is near: zeros between the pixels, then [1, 3, 3, 1] / 4 a side."""
    layer = ModulatedConv((1, 1), 1, 4, demodulate=False)
    nn.init.zeros_(layer.style.parametrizations.weight.original)  # type: ignore[union-attr, arg-type, index]
    x = torch.randn(1, 1, 8, 8)
    tap = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
    want = functional.conv_transpose2d(x, (tap[:, None] * tap)[None, None], stride=2, padding=1) * layer.conv.weight
    have = layer(x, torch.zeros(1, 4), (16, 16))
    torch.testing.assert_close(have[..., 2:-2, 2:-2], want[..., 2:-2, 2:-2])


def test_equalised_weights_keep_the_size_of_a_signal_and_learn_alike() -> None:
    for layer in (equalised(nn.Linear(400, 300), HE), equalised(nn.Linear(400, 300), HE, multiplier=0.01)):
        y = functional.leaky_relu(layer(torch.randn(500, 400)), 0.2)
        assert y.square().mean().sqrt().item() == pytest.approx(1.0, abs=0.05)
    for width, multiplier in ((64, 1.0), (1024, 1.0), (64, 0.01)):
        layer = equalised(nn.Linear(width, 8), multiplier=multiplier)
        before = layer.weight.detach().clone()
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.01)
        layer(torch.randn(4, width)).square().sum().backward()
        optimizer.step()
        change = (layer.weight - before).abs().mean() / before.std()
        assert change.item() == pytest.approx(0.01 * multiplier, rel=0.1)


def test_noise_is_new_in_training_and_fixed_in_evaluation() -> None:
    layer = StyledLayer((4, 4), (8, 8), 6)
    nn.init.constant_(layer.strength, 0.7)
    x, w = torch.randn(1, 4, 8, 8).expand(3, -1, -1, -1), torch.randn(1, 6).expand(3, -1)
    y = layer(x, w)
    assert (y[0] - y[1]).abs().mean() > 0.1  # each sample its own
    assert (y - layer(x, w)).abs().mean() > 0.1
    torch.manual_seed(5)
    y = layer(x, w)
    torch.manual_seed(5)
    assert torch.equal(y, layer(x, w))  # from torch's global generator
    y = layer.eval()(x, w)
    assert torch.equal(y, layer(x, w))
    torch.testing.assert_close(y[0], y[1])
    inside = layer.modulated(x, w, (8, 8)) + 0.7 * layer.noise
    torch.testing.assert_close(y, functional.leaky_relu(inside, 0.2) * HE)


def test_mixed_styles_start_at_some_layer_and_never_in_evaluation() -> None:
    generator = generator_of(StyleGAN2(4, 8, 8, 2, mixing=0.75))
    z = torch.randn(400, 8)
    plain = generator.eval().mapping(z, None)
    assert plain.shape == (400, 6, 8)  # levels 4, 8 and 16, two vectors each
    assert torch.equal(plain, plain[:, :1].expand_as(plain))
    mixed = generator.train().mapping(z, None)
    same = torch.isclose(mixed, plain).all(2)  # [B, L]
    assert same[:, 0].all()
    assert not (same[:, 1:] & ~same[:, :-1]).any(), "once another latent's, always another's"
    starts = same.sum(1)
    assert (starts == 6).float().mean().item() == pytest.approx(0.25, abs=0.07)
    assert set(starts.tolist()) == {1, 2, 3, 4, 5, 6}
    first = mixed[0, -1]
    assert all(torch.equal(v, first) for v in mixed[0, starts[0] :])  # one other w, not one a layer
    generator.mixing = 0.0
    assert torch.equal(generator.mapping(z, None), plain)


def test_layers_later_than_the_crossover_alone_change() -> None:
    """w of a layer reaches the image from that layer on: coarse maps do not see fine styles."""
    generator = generator_of().eval()
    seen: list[Tensor] = []
    for layer in generator.layers:
        layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach()))
    w = generator.mapping(torch.randn(2, 8), None).clone()
    generator.synthesis(w, None)
    other = w.clone()
    other[:, 3:] = torch.randn(2, 3, 8)
    generator.synthesis(other, None)
    same = [torch.equal(a, b) for a, b in zip(seen[:5], seen[5:], strict=True)]
    assert same == [True, True, True, False, False]


def test_truncation_pulls_every_layer_to_the_mean_of_its_class() -> None:
    generator = generator_of(classes=3).eval()
    given = torch.tensor([0, 1, 1])
    mean = mean_latent(generator, given)
    assert mean.shape == (3, 6, 8)
    assert torch.equal(mean[1], mean[2])
    assert not torch.equal(mean[0], mean[1])
    at_mean = next(iter(draw(generator, 3, 0, given, truncation=0.0)))
    torch.testing.assert_close(at_mean[1], at_mean[2])
    torch.testing.assert_close(at_mean, generator.synthesis(mean.clone(), given).detach())
    whole = next(iter(draw(generator, 3, 0, given)))
    assert (whole[1] - whole[2]).abs().max() > 1e-3


@pytest.mark.parametrize("classes", [0, 3])
def test_synthesis_exports_and_gives_the_same_images(classes: int) -> None:
    generator = generator_of(classes=classes, size=(12, 18)).eval()
    for layer in generator.layers:
        nn.init.constant_(layer.strength, 0.3)
    given = torch.tensor([0, 2]) if classes else None

    class Synthesis(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.generator = generator

        def forward(self, w: Tensor) -> Tensor:
            return self.generator.synthesis(w, None)

    w = generator.mapping(torch.randn(2, 8), given)
    program = torch.export.export(Synthesis(), (w.detach(),))
    torch.testing.assert_close(program.module()(w), generator.synthesis(w, given))
    assert not any("bernoulli" in str(n.target) or "randn" in str(n.target) for n in program.graph.nodes)


@pytest.mark.parametrize("size", [(8, 8), (16, 16), (512, 512), (256, 384), (45, 512)], ids=str)
def test_shapes_up_to_512_pixels(size: tuple[int, int]) -> None:
    spec = Spec((4, *size), GivenSpec(("a", "b")))
    with torch.device("meta"):
        generator, discriminator = StyleGAN2(width=32).build(spec)
        x = generator(torch.randn(4, 512), torch.zeros(4, dtype=torch.int64))
        assert x.shape == (4, 4, *size)
        assert discriminator(x, torch.zeros(4, dtype=torch.int64)).scores[0].shape == (4,)


def duel() -> Duel:
    torch.manual_seed(1)
    generator, discriminator = SMALL.build(Spec((1, 8, 8)))
    return Duel(
        Player(generator, Optimizer(lr=Schedule(1e-2)), Average(Schedule(500))),
        Player(discriminator, Optimizer(lr=Schedule(1e-2))),
        NonSaturating(),
        [R1(every=3), PathLength(every=2)],
    )


def play(game: Duel, first: int, last: int) -> None:
    data = torch.randn(16, 8, 1, 8, 8, generator=torch.Generator().manual_seed(7)).clamp(-1, 1)
    for i in range(first, last):
        assert game.step(Batch(data[i]), Clock(8 * i, i / 100, i)).finite


def test_resuming_with_path_lengths_memory_is_exact() -> None:
    whole, first, second = duel(), duel(), duel()
    play(whole, 0, 9)
    play(first, 0, 5)
    assert set(first.memory) == {"path_length"}
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    torch.rand(100)
    play(second, 5, 9)
    assert torch.equal(whole.memory["path_length"], second.memory["path_length"])
    assert not torch.equal(whole.memory["path_length"], first.memory["path_length"])
    for a, b in zip(_tensors(whole), _tensors(second), strict=True):
        assert torch.equal(a, b)
    forgotten = duel()
    forgotten.load_state_dict({**copy.deepcopy(first.state_dict()), "memory": {}})
    play(forgotten, 5, 9)
    assert not all(torch.equal(a, b) for a, b in zip(_tensors(whole), _tensors(forgotten), strict=True))


def _tensors(game: Duel) -> list[Tensor]:
    networks = (game.generator.network, game.generator.averaged, game.discriminator.network)
    return [t for network in networks for t in network.state_dict().values()]


def test_the_average_keeps_the_noise_maps() -> None:
    game = duel()
    before = [b.clone() for name, b in game.generator.averaged.named_buffers() if name.endswith("noise")]
    play(game, 0, 4)
    after = [b for name, b in game.generator.averaged.named_buffers() if name.endswith("noise")]
    assert before
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_path_length_is_felt_through_bfloat16() -> None:
    game = duel()
    game.bfloat16 = True
    play(game, 0, 3)
    assert 0 < game.memory["path_length"] < math.inf
    assert game.memory["path_length"].dtype == torch.float32


def test_sizes_out_of_range_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="mixing must be in"):
        StyleGAN2(mixing=1.5)
    with pytest.raises(ValueError, match="mapping_layers must be at least 1"):
        StyleGAN2(mapping_layers=0)
    with pytest.raises(ValueError, match="max_width must be at least 600"):
        StyleGAN2(width=600)
