"""FastGAN: skip-layer excitation, noise and reconstruction, against formulas written out.

And what it shares with R3GAN: any size from 8 to 512, and export.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gansmith.contracts import Architecture, Batch, Clock, Generator, Spec
from gansmith.games.duel import Duel
from gansmith.games.player import Optimizer, Player
from gansmith.layers.initial import start_he
from gansmith.losses.hinge import Hinge
from gansmith.losses.relativistic import Relativistic
from gansmith.networks.fastgan import GLU_GAIN, Decoders, Excite, FastGAN, Gate, Noise, quarter
from gansmith.networks.r3gan import R3GAN
from gansmith.penalties.r1 import R1
from gansmith.penalties.r2 import R2
from gansmith.penalties.reconstruction import Reconstruction

SMALL = FastGAN(width=8, max_width=16, latent=8)
BOTH: list[Architecture] = [
    SMALL,
    replace(SMALL, norm="none", reconstruct=True),
    R3GAN(width=8, max_width=16, latent=8, blocks=1),
    R3GAN(width=8, max_width=16, latent=8, blocks=1, resample="strided"),
]
NAMES = ["fastgan", "fastgan-none", "r3gan", "r3gan-strided"]


def test_skip_layer_excitation_is_the_papers_equation() -> None:
    excite = Excite(3, 5).double()
    low, high = torch.randn(2, 3, 8, 12, dtype=torch.float64), torch.randn(2, 5, 6, 7, dtype=torch.float64)
    pooled = low.reshape(2, 3, 4, 2, 4, 3).mean((3, 5))
    h = torch.einsum("ocyx,bcyx->bo", excite.conv.weight, pooled) + excite.conv.bias
    h = torch.where(h > 0, h, 0.2 * h)
    gate = 1 / (1 + torch.exp(-(h @ excite.gate.weight[:, :, 0, 0].T + excite.gate.bias)))
    torch.testing.assert_close(excite(low, high), high * gate[:, :, None, None])


@pytest.mark.parametrize(("side", "pairs"), [(8, [(0, 1)]), (32, [(0, 3)]), (256, [(0, 4), (1, 5), (2, 6)])])
def test_which_map_excites_which(side: int, pairs: list[tuple[int, int]]) -> None:
    """At 256 pixels 4x4 excites 64x64, 8x8 128x128 and 16x16 256x256, as in the paper."""
    with torch.device("meta"):
        generator: Any = FastGAN(width=4, max_width=512).build(Spec((3, side, side)))[0]
    widths = [4 * 2**level for level in range(len(generator.grow), -1, -1)]
    found = [(e.conv.in_channels, e.conv.out_channels) for e in generator.excite]
    assert found == [(widths[low], widths[high]) for low, high in pairs]
    assert generator.skip == pairs[0][1]


def test_noise_is_drawn_in_training_and_fixed_in_evaluation() -> None:
    noise, x = Noise((5, 6)), torch.randn(3, 4, 5, 6)
    assert torch.equal(noise(x), x)  # its strength starts at 0
    nn.init.constant_(noise.strength, 0.5)
    torch.manual_seed(4)
    y = noise(x)
    torch.manual_seed(4)
    torch.testing.assert_close(y, x + 0.5 * torch.randn(3, 1, 5, 6))
    assert not torch.equal(noise(x), y)
    noise.eval()
    torch.testing.assert_close(noise(x), x + 0.5 * noise.fixed)
    assert torch.equal(noise(x), noise(x))
    assert torch.equal(noise(x)[1:2], noise(x[1:2]))


def test_fixed_noise_travels_with_the_weights() -> None:
    first, second = (SMALL.build(Spec((3, 16, 16)))[0].eval() for _ in range(2))
    for module in first.modules():
        if isinstance(module, Noise):
            nn.init.ones_(module.strength)
    z = torch.randn(2, 8)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(z), second(z))


def test_gated_units_keep_a_signals_size() -> None:
    layers = nn.Sequential(nn.Conv2d(64, 256, 3, padding=1), Gate())
    start_he(layers, gain=GLU_GAIN, slope=1.0)
    with torch.no_grad():
        y = layers(torch.randn(8, 64, 24, 24))[:, :, 1:-1, 1:-1]
    assert y.square().mean().sqrt().item() == pytest.approx(1.0, abs=0.03)


def test_four_quarters_cover_the_picture() -> None:
    x = torch.arange(2 * 3 * 5 * 8.0).reshape(2, 3, 5, 8)
    corners = [quarter(x, [row, column]) for row in (0, 1) for column in (0, 1)]
    assert all(c.shape == (2, 3, 3, 4) for c in corners)
    assert torch.equal(corners[1], x[:, :, :3, 4:])
    assert torch.equal(corners[2], x[:, :, 2:, :4])


class Fixed(nn.Module):
    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor) -> Tensor:
        return self.answer


@pytest.mark.parametrize("size", [(8, 8), (16, 12), (28, 28), (33, 50), (64, 96)], ids=str)
def test_the_reconstructions_error_is_the_mean_absolute_one(size: tuple[int, int]) -> None:
    _, discriminator = replace(SMALL, reconstruct=True).build(Spec((3, *size)))
    x = torch.randn(4, 3, *size)
    decoders: Any = discriminator.decoders
    assert isinstance(decoders, Decoders)
    features = list(discriminator(x).features)
    half = (-(-size[0] // 2), -(-size[1] // 2))
    whole, part = torch.randn(2, 4, 3, *half)
    assert decoders.whole(features[decoders.last]).shape == whole.shape
    decoders.whole = Fixed(whole)
    small = functional.adaptive_avg_pool2d(x, half)
    want = (whole - small).abs().mean((1, 2, 3))
    if min(size) > 16:
        assert decoders.part(quarter(features[-3], [0, 1])).shape == part.shape
        decoders.part = Fixed(part)
        torch.manual_seed(7)
        row, column = torch.randint(2, (2,)).tolist()
        cut = x[:, :, row * (size[0] // 2) :, column * (size[1] // 2) :][:, :, : half[0], : half[1]]
        want = (want + (part - cut).abs().mean((1, 2, 3))) / 2
    torch.manual_seed(7)
    torch.testing.assert_close(decoders(features, x), want)


def test_only_the_learning_discriminator_reconstructs() -> None:
    _, discriminator = replace(SMALL, reconstruct=True).build(Spec((3, 32, 32)))
    x = torch.randn(4, 3, 32, 32)
    error = discriminator(x).reconstruction
    assert error.shape == (4,)
    assert torch.equal(discriminator(x).split()[0].scores[0], discriminator(x).scores[0][:2])
    halves = discriminator(x)._replace(reconstruction=error).split()
    assert torch.equal(torch.cat([h.reconstruction for h in halves]), error)
    discriminator.requires_grad_(False)
    assert discriminator(x).reconstruction is None
    discriminator.requires_grad_(True).eval()
    assert discriminator(x).reconstruction is None
    assert SMALL.build(Spec((3, 32, 32)))[1](x).reconstruction is None


def test_the_discriminator_learns_to_reconstruct() -> None:
    torch.manual_seed(0)
    generator, discriminator = replace(SMALL, reconstruct=True).build(Spec((1, 18, 18)))
    players = Player(generator, Optimizer()), Player(discriminator, Optimizer())
    players[1].optimizer.param_groups[0]["lr"] = 1e-2
    game = Duel(*players, Hinge(), [Reconstruction()])
    steps = torch.linspace(-1, 1, 18)
    real = torch.randn(8, 1, 1, 1) * steps[:, None] + torch.randn(8, 1, 1, 1) * steps
    before = [p.clone() for p in discriminator.decoders.parameters()]  # type: ignore[union-attr]
    errors = [float(game.step(Batch(real), Clock(8 * n, 0.0, n)).values["penalty/reconstruction"]) for n in range(40)]
    assert sum(errors[-5:]) < 0.75 * sum(errors[:5])
    after = discriminator.decoders.parameters()  # type: ignore[union-attr]
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_duel_with_r1_and_r2_is_finite_without_normalisation() -> None:
    spec = Spec((3, 20, 16))
    players = [Player(p, Optimizer()) for p in replace(SMALL, norm="none", reconstruct=True).build(spec)]
    game = Duel(players[0], players[1], Relativistic(), [R1(), R2(), Reconstruction()], precision="bfloat16")
    for step in range(3):
        assert game.step(Batch(torch.randn(4, *spec.shape)), Clock(4 * step, 0.0, step)).finite


def test_scores_have_right_second_derivatives() -> None:
    _, discriminator = FastGAN(width=3, max_width=3, norm="none").build(Spec((1, 9, 8)))
    x = torch.randn(1, 1, 9, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: discriminator.double()(x).scores[0], x)


@pytest.mark.parametrize("arch", BOTH, ids=NAMES)
def test_any_size_from_8_to_512(arch: Architecture) -> None:
    """Without memory or arithmetic: shapes only."""
    for channels, *size in [(1, 8, 8), (3, 8, 512), (4, 512, 512), (1, 9, 17), (3, 77, 500), (4, 511, 129)]:
        with torch.device("meta"):
            generator, discriminator = arch.build(Spec((channels, *size)))
            x = generator(torch.randn(2, generator.latent_size))
            assert x.shape == (2, channels, *size)
            assert discriminator.eval()(x).scores[0].shape == (2,)


class Synthesis(nn.Module):
    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, w: Tensor) -> Tensor:
        return self.generator.synthesis(w, None)


@pytest.mark.parametrize("arch", BOTH, ids=NAMES)
def test_synthesis_can_be_exported(arch: Architecture) -> None:
    generator, _ = arch.build(Spec((3, 20, 32)))
    for module in generator.modules():
        if isinstance(module, Noise):
            nn.init.ones_(module.strength)
    synthesis, w = Synthesis(generator).eval(), torch.randn(2, 8)
    with torch.no_grad():
        exported = torch.export.export(synthesis, (torch.randn(3, 8),), dynamic_shapes=({0: torch.export.Dim("b")},))
        torch.testing.assert_close(exported.module()(w), synthesis(w))
