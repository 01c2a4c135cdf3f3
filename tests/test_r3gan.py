"""R3GAN: the Fixup start, the resampling and the second derivatives, against formulas written out."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from gansmith.contracts import Batch, Clock, GivenSpec, Spec
from gansmith.games.duel import Duel
from gansmith.games.player import Optimizer, Player
from gansmith.layers.critic import Critic
from gansmith.layers.sizes import halved_sizes
from gansmith.losses.relativistic import Relativistic
from gansmith.networks.r3gan import R3GAN, Block, Grow, Shrink, WholeMap
from gansmith.penalties.r1 import R1
from gansmith.penalties.r2 import R2

SPEC = Spec((3, 16, 16))
BOTH = pytest.mark.parametrize("resample", ["bilinear", "strided"])


def of(kind: type, network: nn.Module) -> list[Any]:
    return [module for module in network.modules() if isinstance(module, kind)]


@BOTH
def test_fresh_blocks_add_nothing_and_the_generator_is_linear(resample: Any) -> None:
    generator, discriminator = R3GAN(width=16, latent=8, resample=resample).build(SPEC)
    for block in of(Block, generator) + of(Block, discriminator):
        x = torch.randn(2, block.expand.in_channels, 5, 6)
        assert torch.equal(block(x), x)
    if resample == "bilinear":  # the strided one has a leaky ReLU before the image
        a, b = torch.randn(2, 4, 8)
        torch.testing.assert_close(generator(a + 2 * b), generator(a) + 2 * generator(b), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("blocks", [1, 3])
def test_other_layers_of_a_block_start_at_l_to_the_minus_a_quarter(blocks: int) -> None:
    for player in R3GAN(width=128, max_width=128, latent=8, blocks=blocks).build(SPEC):
        found = of(Block, player)
        assert len(found) == 3 * blocks  # 16, 8 and 4 pixels
        for block in found:
            for layer, inputs in ((block.expand, 128), (block.group, 16 * 9)):
                he = math.sqrt(2 / ((1 + 0.2**2) * inputs))
                assert layer.weight.std().item() == pytest.approx(he * (3 * blocks) ** -0.25, rel=0.03)
                assert not layer.bias.any()


def test_a_block_is_the_papers() -> None:
    block = Block(8, R3GAN(width=8, expansion=4, group_size=16)).double()
    nn.init.normal_(block.project.weight)
    assert block.group.weight.shape == (32, 16, 3, 3)
    x = torch.randn(2, 8, 4, 5, dtype=torch.float64)
    inside = torch.einsum("oi,bihw->bohw", block.expand.weight[:, :, 0, 0], x) + block.expand.bias[:, None, None]
    inside = torch.where(inside > 0, inside, 0.2 * inside)
    weight, bias = block.group.weight, block.group.bias
    groups = (slice(0, 16), slice(16, 32))
    parts = [functional.conv2d(inside[:, g], weight[g], bias[g], padding=1) for g in groups]
    inside = torch.cat(parts, 1)
    inside = torch.where(inside > 0, inside, 0.2 * inside)
    torch.testing.assert_close(block(x), x + torch.einsum("oi,bihw->bohw", block.project.weight[:, :, 0, 0], inside))


def test_resampling_is_bilinear() -> None:
    x = torch.randn(2, 6, 8, 10, dtype=torch.float64)
    shrink, grow = Shrink(6, 4, (8, 10), "bilinear").double(), Grow(6, 4, (16, 19), "bilinear").double()
    halved = functional.interpolate(x, size=(4, 5), mode="bilinear")
    torch.testing.assert_close(shrink(x), shrink.conv(halved))
    torch.testing.assert_close(grow(x), grow.conv(functional.interpolate(x, size=(16, 19), mode="bilinear")))
    assert isinstance(Grow(6, 6, (16, 20), "bilinear").conv, nn.Identity)


def test_the_last_map_is_weighed_by_a_depthwise_convolution() -> None:
    whole, x = WholeMap(5, (4, 6)).double(), torch.randn(3, 5, 4, 6, dtype=torch.float64)
    torch.testing.assert_close(whole(x), functional.conv2d(x, whole.weight, groups=5).flatten(1))


def test_the_papers_networks_for_cifar_10() -> None:
    """Parameters counted by hand; 768 channels, two blocks at 32, 16, 8 and 4 pixels, one 1x1 layer at the image."""
    with torch.device("meta"):
        generator, discriminator = R3GAN(width=768, max_width=768).build(Spec((3, 32, 32)))
    blocks = 8 * (768 * 1536 + 1536 + 1536 * 16 * 9 + 1536 + 1536 * 768)
    assert sum(p.numel() for p in generator.parameters()) == blocks + 768 * 16 + 64 * 768 + 768 * 3 + 3
    assert sum(p.numel() for p in discriminator.parameters()) == blocks + 768 * 4 + 768 * 16 + 769


def test_the_strided_variant_has_no_block_at_the_images_size() -> None:
    with torch.device("meta"):
        _, discriminator = R3GAN(resample="strided").build(Spec((3, 64, 48)))
        features = discriminator(torch.randn(2, 3, 64, 48)).features
    assert [tuple(f.shape[2:]) for f in features] == [(32, 24), (16, 12), (8, 6)]
    assert [f.shape[1] for f in features] == [64, 128, 256]


@BOTH
def test_spectral_normalisation_does_not_divide_by_zero(resample: Any) -> None:
    sizes = R3GAN(width=8, latent=8, blocks=1, resample=resample, critic=Critic(spectral_norm=True))
    _, discriminator = sizes.build(SPEC)
    for _ in range(40):
        scores = discriminator(torch.randn(2, *SPEC.shape)).scores[0]
    assert torch.isfinite(scores).all()
    discriminator.eval()
    layers = of(nn.Conv2d, discriminator)
    assert len(layers) >= 9
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2).item() == pytest.approx(1.0, abs=0.05)


@BOTH
@pytest.mark.parametrize("group_size", [0, 4])
def test_scores_have_right_second_derivatives(resample: Any, group_size: int) -> None:
    sizes = R3GAN(width=4, max_width=4, latent=2, blocks=1, group_size=group_size, resample=resample)
    _, discriminator = sizes.build(Spec((1, 9, 8)))
    discriminator.double()
    for block in of(Block, discriminator):
        nn.init.normal_(block.project.weight)
    x = torch.randn(1, 1, 9, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: discriminator(x).scores[0], x)


@BOTH
def test_a_duel_with_r1_and_r2_moves_every_weight(resample: Any) -> None:
    spec = Spec((1, 12, 10), GivenSpec(("a", "b")))
    players = R3GAN(width=8, latent=8, blocks=1, resample=resample).build(spec)
    before = [p.clone() for player in players for p in player.parameters()]
    slow, fast = (Player(player, Optimizer()) for player in players)
    game = Duel(slow, fast, Relativistic(), [R1(), R2()], precision="bfloat16")
    for step in range(3):
        assert game.step(Batch(torch.randn(4, *spec.shape), torch.arange(4) % 2), Clock(4 * step, 0.0, step)).finite
    after = [(name, p) for player in players for name, p in player.named_parameters()]
    still = [name for (name, p), old in zip(after, before, strict=True) if torch.equal(p, old)]
    assert set(still) <= {"head.score.bias"}  # pairs are compared: what is added to both cancels, but for rounding


def test_levels_are_the_generators_too() -> None:
    """One base for both players, of 4 to 7 pixels."""
    with torch.device("meta"):
        generator, discriminator = R3GAN().build(Spec((3, 100, 45)))
    base: Any = generator.base
    assert tuple(base.shape[1:]) == halved_sizes(100, 45, 7)[-1] == tuple(of(WholeMap, discriminator)[0].kernel_size)
