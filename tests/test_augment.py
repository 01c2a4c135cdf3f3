"""Augmentations, found by themselves: unchanged at p = 0, differentiable twice, drawn for each sample; each formula."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageEnhance
from torch import Tensor

from gansmith.augment.ada import ADA, _blits, _moves
from gansmith.augment.diffaugment import DiffAugment
from gansmith.config import parts
from gansmith.contracts import Augmentation, Batch, Clock, Loss, Penalty, Schedule, Spec
from gansmith.folder import checkpoints
from gansmith.games.duel import Duel
from gansmith.games.player import Optimizer, Player
from gansmith.layers.resample import affine
from gansmith.layers.transforms import brighten, flip, recolour, rectangle, shift
from gansmith.networks.dcgan import DCGAN

KINDS = parts(Augmentation, "gansmith.augment")  # type: ignore[type-abstract]
LOSSES = parts(Loss, "gansmith.losses")  # type: ignore[type-abstract]
PENALTIES = parts(Penalty, "gansmith.penalties")  # type: ignore[type-abstract]
SHAPES = [(1, 8, 8), (3, 9, 16), (4, 16, 10), (2, 8, 12)]
EVERY = {"diffaugment": {"policy": ("color", "translation", "cutout", "flip")}}
ONE, NONE = torch.tensor(1.0), torch.tensor(0.0)


def part(name: str) -> Augmentation:
    return KINDS[name](**EVERY.get(name, {}))


def pictures(count: int, *shape: int, seed: int = 0) -> Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", KINDS)
def test_nothing_changes_at_probability_0_and_everything_at_1(name: str, shape: tuple[int, ...]) -> None:
    x = pictures(16, *shape)
    torch.testing.assert_close(part(name)(x, NONE), x, atol=2e-5, rtol=0)
    changed = part(name)(x, ONE)
    assert changed.shape == x.shape
    assert (changed - x).abs().amax((1, 2, 3)).min() > 0.01


@pytest.mark.parametrize("name", KINDS)
def test_each_sample_is_drawn_alone_and_as_often_as_asked(name: str) -> None:
    """32 equal pictures become 32 different ones; at p about p are changed (one draw a picture), never by p alone."""
    same = pictures(1, 3, 16, 16).repeat(32, 1, 1, 1)
    changed = part(name)(same, ONE)
    distances = torch.cdist(changed.flatten(1), changed.flatten(1)) + torch.eye(32) * 9
    assert distances.min() > 0.1
    rates = [
        ((part(name)(pictures(2000, 1, 8, 8), torch.tensor(p)) - pictures(2000, 1, 8, 8)).abs().amax((1, 2, 3)) > 1e-4)
        .float()
        .mean()
        for p in (0.1, 0.5)
    ]
    assert 0.05 < rates[0] < rates[1] < 1
    if name == "diffaugment":
        assert rates[1] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", KINDS)
def test_first_and_second_derivatives(name: str, shape: tuple[int, ...]) -> None:
    x = pictures(2, *shape).double().requires_grad_()

    def seen(x: Tensor) -> Tensor:
        torch.manual_seed(3)
        return part(name)(x, torch.tensor(0.9))

    assert torch.autograd.gradcheck(seen, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(seen, x, fast_mode=True)


@pytest.mark.parametrize("name", KINDS)
def test_only_pictures(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is for pictures"):
        part(name)(torch.randn(4, 2), ONE)


@pytest.mark.parametrize("name", KINDS)
def test_alpha_moves_with_the_picture_and_keeps_its_values(name: str) -> None:
    x = pictures(64, 4, 8, 8)
    x[:, 3] = 1.0  # opaque
    colours: Any = part(name)
    if "translation" in colours.policy:
        assert set(replace(colours, policy=("translation", "cutout"))(x, ONE)[:, 3].unique().tolist()) == {0.0, 1.0}
    changed = replace(colours, policy=("color",))(x, ONE)
    assert torch.equal(changed[:, 3], x[:, 3])
    assert not torch.allclose(changed[:, :3], x[:, :3], atol=0.1)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("loss", ["relativistic", "hinge"])
def test_a_duel_with_gradient_penalties_learns(name: str, loss: str) -> None:
    torch.manual_seed(0)
    generator, discriminator = DCGAN(width=4, latent=5, norm="none").build(Spec((3, 8, 12)))
    before = [p.clone() for p in (*generator.parameters(), *discriminator.parameters())]
    players = Player(generator, Optimizer()), Player(discriminator, Optimizer())
    penalties = [PENALTIES["r1"](), PENALTIES["r2"]()]
    game = Duel(*players, LOSSES[loss](), penalties, replace(part(name), probability=Schedule(0.5)))  # type: ignore[type-var]
    for step in range(3):
        assert game.step(Batch(pictures(8, 3, 8, 12, seed=step)), Clock(8 * step, 0.0, step)).finite
    after = [*generator.parameters(), *discriminator.parameters()]
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True) if a.dim() > 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DiffAugment(policy=()), "policy must name"),
        (lambda: DiffAugment(policy=("color", "color")), "each once"),
        (lambda: DiffAugment(probability=Schedule(0.5, 1.5)), "probability must be in"),
        (lambda: ADA(policy=()), "policy must name"),
        (lambda: ADA(target=1.0), "target must be between"),
        (lambda: ADA(limit=1.1), "limit must be in"),
        (lambda: ADA(ramp_samples=0), "ramp_samples must be at least 1"),
        (lambda: ADA(probability=Schedule(0.0, 0.5)), "set target to none"),
        (lambda: ADA(probability=Schedule(0.9)), "at most limit"),
    ],
)
def test_ranges_are_checked(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


# the elementary changes


def test_shift_is_a_loop_over_pixels() -> None:
    x = pictures(50, 2, 5, 7)
    down, right = torch.randint(-4, 5, (50,)), torch.randint(-4, 5, (50,))
    for edge in ("zero", "repeat", "reflect"):
        expected = torch.zeros_like(x)
        for b in range(50):
            for i in range(5):
                for j in range(7):
                    r, c = i - int(down[b]), j - int(right[b])
                    if edge == "reflect":
                        r, c = (abs(r) if r < 5 else 8 - r), (abs(c) if c < 7 else 12 - c)
                    elif edge == "repeat":
                        r, c = min(max(r, 0), 4), min(max(c, 0), 6)
                    if 0 <= r < 5 and 0 <= c < 7:
                        expected[b, :, i, j] = x[b, :, r, c]
        moved = shift(x, down, right, "reflect" if edge == "reflect" else "repeat")
        if edge == "zero":
            moved = moved * rectangle(x, down, right, x.shape[2:])
        assert torch.equal(moved, expected), edge


def test_rectangle_and_flip() -> None:
    x = pictures(3, 1, 4, 6)
    mask = rectangle(x, torch.tensor([1, -1, 9]), torch.tensor([2, 5, 0]), (2, 3))
    assert mask.shape == (3, 1, 4, 6)
    assert mask[0, 0].nonzero().tolist() == [[1, 2], [1, 3], [1, 4], [2, 2], [2, 3], [2, 4]]
    assert mask[1, 0].nonzero().tolist() == [[0, 5]]
    assert not mask[2].any()
    flipped = flip(x, torch.tensor([True, False, True]))
    assert torch.equal(flipped[[0, 2]], x[[0, 2]].flip(3))
    assert torch.equal(flipped[1], x[1])


def test_brighten_is_the_three_steps_one_after_the_other() -> None:
    x = pictures(6, 3, 5, 4).double()
    b, s, c = torch.rand(3, 6, 1, 1, 1, dtype=torch.float64) * 2
    step = x + b
    step = (step - step.mean(1, keepdim=True)) * s + step.mean(1, keepdim=True)
    step = (step - step.mean((1, 2, 3), keepdim=True)) * c + step.mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(brighten(x, b.flatten(), s.flatten(), c.flatten()), step)
    grey = x[:, :1]
    step = (grey + b - (grey + b).mean((1, 2, 3), keepdim=True)) * c + (grey + b).mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(brighten(grey, b.flatten(), s.flatten(), c.flatten()), step)


def test_contrast_and_brightness_are_pillows() -> None:
    """Pillow's contrast about the mean of greys, on a picture of greys; its brightness is a factor, ours an offset."""
    grey = torch.randint(60, 180, (1, 1, 9, 9), dtype=torch.uint8)
    pillow = ImageEnhance.Contrast(Image.fromarray(grey[0, 0].numpy())).enhance(1.4)
    ours = brighten(grey.double() / 127.5 - 1, torch.zeros(1), torch.ones(1), torch.tensor([1.4])) * 127.5 + 127.5
    assert (ours[0, 0] - torch.tensor(list(pillow.tobytes())).view(9, 9)).abs().max() <= 1.5


def test_recolour_turns_hues_and_keeps_greys() -> None:
    x = pictures(4, 3, 3, 3).double()
    one, none = torch.ones(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    turned = recolour(x, one, one, none, one * 2 * math.pi / 3)
    torch.testing.assert_close(turned, x.roll(1, dims=1))  # a third of a turn: red becomes green
    inverted = recolour(x, -one, one, none, none)
    torch.testing.assert_close(inverted, x - 2 * x.mean(1, keepdim=True))
    doubled = recolour(x, one, 2 * one, none, none)
    torch.testing.assert_close(doubled, 2 * x - x.mean(1, keepdim=True))


@pytest.mark.parametrize("shape", [(1, 6, 6), (3, 5, 8)])
def test_affine_equals_flips_turns_and_shifts(shape: tuple[int, ...]) -> None:
    x = pictures(3, *shape).double()

    def seen(rows: list[list[float]]) -> Tensor:
        return affine(x, torch.tensor([*rows, [0, 0, 1]], dtype=torch.float64).repeat(3, 1, 1))

    close = {"rtol": 0.0, "atol": 1e-12}
    torch.testing.assert_close(seen([[1, 0, 0], [0, 1, 0]]), x, **close)
    torch.testing.assert_close(seen([[-1, 0, 0], [0, 1, 0]]), x.flip(3), **close)
    torch.testing.assert_close(seen([[-1, 0, 0], [0, -1, 0]]), x.rot90(2, (2, 3)), **close)
    torch.testing.assert_close(seen([[1, 0, 2], [0, 1, 1]])[..., :-1, :-2], x[..., 1:, 2:], **close)
    torch.testing.assert_close(seen([[1, 0, 0.5], [0, 1, 0]])[..., :-1], (x[..., 1:] + x[..., :-1]) / 2, **close)
    if shape[1] == shape[2]:
        torch.testing.assert_close(seen([[0, -1, 0], [1, 0, 0]]), x.rot90(1, (2, 3)), **close)
    maps = torch.randn(3, 3, 3).double()
    assert torch.autograd.gradcheck(lambda x: affine(x, maps), x.requires_grad_(), fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda x: affine(x, maps), x, fast_mode=True)


def test_affine_rotates_as_pillow() -> None:
    smooth = Image.effect_noise((24, 24), 60).resize((48, 48), Image.Resampling.BICUBIC)
    angle = math.radians(25)
    x = torch.tensor(list(smooth.tobytes()), dtype=torch.float32).view(1, 1, 48, 48)
    cos, sin = math.cos(angle), math.sin(angle)
    ours = affine(x, torch.tensor([[[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]]))
    pillow = torch.tensor(list(smooth.rotate(25, Image.Resampling.BILINEAR).tobytes())).view(48, 48)
    inner = slice(14, 34)
    assert (ours[0, 0] - pillow)[inner, inner].abs().max() < 3


# DiffAugment


def test_diffaugment_has_the_papers_ranges() -> None:
    x = torch.zeros(4000, 1, 16, 16)
    x[:, :, 8, 8] = 1.0
    moved = DiffAugment(("translation",))(x, ONE).flatten(1).argmax(1)
    for offsets in (moved // 16 - 8, moved % 16 - 8):
        counts = torch.bincount(offsets + 2, minlength=5)
        assert len(counts) == 5  # an eighth: up to 2 of 16
        assert counts.min() > 0.8 * 4000 / 5
    cut = DiffAugment(("cutout",))(torch.ones(4000, 1, 16, 16), ONE) == 0
    rows, columns = cut.any(3).sum(2), cut.any(2).sum(2)
    assert rows.max() == columns.max() == 8  # half a side
    assert rows.min() == columns.min() == 4  # a centre on the border
    share = cut.float().mean(0)
    assert share[0, 8, 8] > 0.2 > 0.1 > share[0, 0, 0]
    torch.testing.assert_close(share, share.flip(1), atol=0.05, rtol=0)
    bright = DiffAugment(("color",))(torch.zeros(4000, 3, 2, 2), ONE)[:, 0, 0, 0]
    assert bright.abs().max() <= 0.5
    assert bright.std() == pytest.approx(1 / math.sqrt(12), abs=0.01)
    flipped = DiffAugment(("flip",))(pictures(1, 1, 4, 4).repeat(2000, 1, 1, 1), ONE)
    assert (flipped[:, 0, 0, 0] == flipped[0, 0, 0, 0]).float().mean() == pytest.approx(0.5, abs=0.05)


# ADA


def test_ada_draws_the_papers_moves() -> None:
    """Appendix B: at p the share of pictures with each move, and how far they go."""
    x = torch.zeros(8000, 1, 16, 16)
    mirror, turn, move = _blits(x, torch.tensor(0.6))
    assert (mirror[:, 0, 0] < 0).float().mean() == pytest.approx(0.3, abs=0.02)
    for quarter in range(1, 4):
        angle = torch.atan2(turn[:, 1, 0], turn[:, 0, 0]) % (2 * math.pi)
        hit = (angle - quarter * math.pi / 2).abs() < 1e-3
        assert hit.float().mean() == pytest.approx(0.15, abs=0.02)
    assert set(move[:, 0, 2].tolist()) == {-2.0, -1.0, 0.0, 1.0, 2.0}
    assert ((move[:, :2, 2] != 0).any(1)).float().mean() == pytest.approx(0.6 * 24 / 25, abs=0.02)
    scale, first, stretch, second, shifted = _moves(x, torch.tensor(0.6))
    rotated = (first[:, 0, 1] != 0) | (second[:, 0, 1] != 0)
    assert rotated.float().mean() == pytest.approx(0.6, abs=0.02)
    logs = scale[scale[:, 0, 0] != 1][:, 0, 0].log2()
    assert len(logs) / len(x) == pytest.approx(0.6, abs=0.02)
    assert logs.std() == pytest.approx(0.2, abs=0.01)
    torch.testing.assert_close(stretch[:, 0, 0] * stretch[:, 1, 1], torch.ones(8000))
    assert shifted[shifted[:, 0, 2] != 0][:, 0, 2].std() == pytest.approx(2.0, abs=0.1)
    assert (_blits(torch.zeros(99, 1, 8, 12), ONE)[1][:, 0, 1].abs() < 1e-6).all()  # half turns only


def test_ada_colours_of_grey_and_colour() -> None:
    x = torch.full((8000, 3, 1, 1), 0.5)
    seen = ADA(("color",))(x, ONE)
    torch.testing.assert_close(seen[:, 0], seen[:, 1])  # grey stays grey
    assert (seen[:, 0] < 0).float().mean() == pytest.approx(0.5, abs=0.03)  # half inverted
    torch.manual_seed(1)
    grey = ADA(("color",))(x[:, :1], ONE)
    torch.manual_seed(1)
    torch.testing.assert_close(ADA(("color",))(x, ONE)[:, :1], grey)
    assert (grey.abs().log2() + 1).median() == pytest.approx(0, abs=0.1)
    # brightness comes before contrast: the variance of c b, with b normal (.2) and log2 c normal (.5)
    spread = 0.2 * math.exp(math.log(2) ** 2 / 4)
    assert ADA(("color",))(torch.zeros(20000, 1, 1, 1), ONE).std() == pytest.approx(spread, abs=0.005)


def test_p_follows_how_sure_the_discriminator_is() -> None:
    ada = ADA(ramp_samples=1000)
    memory: dict[str, Tensor] = {}
    assert ada.current(Clock(), memory) == 0
    for _ in range(5):
        ada.adapt(memory, torch.tensor(0.9), 20)
    torch.testing.assert_close(ada.current(Clock(), memory), torch.tensor(0.1))
    for _ in range(100):
        ada.adapt(memory, torch.tensor(0.9), 20)
    torch.testing.assert_close(ada.current(Clock(), memory), torch.tensor(0.8))  # no further
    for _ in range(20):
        ada.adapt(memory, torch.tensor(0.1), 20)
    assert 0.4 < ada.current(Clock(), memory) < 0.55  # a few steps later, the sign being smoothed
    for _ in range(100):
        ada.adapt(memory, torch.tensor(0.1), 20)
    assert ada.current(Clock(), memory) == 0
    ada.adapt(memory, torch.tensor(0.9), 20)
    assert ada.current(Clock(), memory) == 0  # one step does not count


def test_without_a_target_p_follows_its_schedule() -> None:
    ada = ADA(probability=Schedule(0.0, 0.5, "linear"), target=None)
    memory: dict[str, Tensor] = {}
    ada.adapt(memory, torch.tensor(0.9), 20)
    assert ada.current(Clock(progress=0.5), memory) == 0.25
    assert memory == {}


def _duel(lr: float, loss: str = "relativistic") -> Duel:
    torch.manual_seed(1)
    generator, discriminator = DCGAN(width=4, latent=5, norm="none").build(Spec((1, 8, 8)))
    players = Player(generator, Optimizer(lr=Schedule(1e-9))), Player(discriminator, Optimizer(lr=Schedule(lr)))
    return Duel(*players, LOSSES[loss](), (), ADA(ramp_samples=1000))


def _play(game: Duel, start: int, end: int) -> list[float]:
    return [
        float(game.step(Batch(pictures(8, 1, 8, 8)), Clock(8 * i, 0.0, i)).values["augment/probability"])
        for i in range(start, end)
    ]


@pytest.mark.parametrize("loss", ["relativistic", "non_saturating"])
def test_p_rises_where_the_discriminator_learns_by_heart_and_not_where_it_cannot(loss: str) -> None:
    assert _play(_duel(1e-2, loss), 0, 60)[-1] > 0.1  # eight pictures, a generator that stands still
    game = _duel(1e-9, loss)
    with torch.no_grad():
        for p in game.discriminator.network.parameters():
            p.mul_(0)  # it knows nothing: sign 0
    assert _play(game, 0, 10)[-1] == 0


def test_p_goes_on_exactly_from_a_checkpoint(tmp_path: Path) -> None:
    whole = _duel(1e-2)
    expected = _play(whole, 0, 40)
    assert expected[-1] > expected[20] > 0
    first = _duel(1e-2)
    _play(first, 0, 25)
    path = checkpoints.save(tmp_path, first.state_dict(), 200)
    second = _duel(1e-2)
    second.load_state_dict(checkpoints.load(path))
    assert _play(second, 25, 40) == expected[25:]
    for name, value in whole.memory.items():
        assert torch.equal(value, second.memory[name])
    for a, b in zip(whole.discriminator.network.parameters(), second.discriminator.network.parameters(), strict=True):
        assert torch.equal(a, b)
