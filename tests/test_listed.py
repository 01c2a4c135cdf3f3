"""A step as a list of operations gives the gradients of the step, second derivatives included."""

from __future__ import annotations

import copy
import shutil
from typing import Any

import pytest
import torch
from torch import Tensor

from gansmith.augment.diffaugment import DiffAugment
from gansmith.config import parts
from gansmith.contracts import (
    Architecture,
    Augmentation,
    Batch,
    Clock,
    GivenSpec,
    Loss,
    Penalty,
    Schedule,
    Spec,
)
from gansmith.errors import RecipeError
from gansmith.games.duel import Duel
from gansmith.games.gradients import step_gradients
from gansmith.games.listed import Listed
from gansmith.games.player import Optimizer, Player
from gansmith.layers.critic import Critic
from gansmith.losses.relativistic import Relativistic
from gansmith.networks.dcgan import DCGAN
from gansmith.penalties.gradient_penalty import GradientPenalty
from gansmith.penalties.lecam import LeCam
from gansmith.penalties.r1 import R1
from gansmith.penalties.r2 import R2
from test_critic import small

SHAPE = (3, 8, 8)
KINDS: dict[str, dict[str, type]] = {
    "network": parts(Architecture, "gansmith.networks"),  # type: ignore[type-abstract]
    "loss": parts(Loss, "gansmith.losses"),  # type: ignore[type-abstract]
    "penalty": parts(Penalty, "gansmith.penalties"),  # type: ignore[type-abstract]
    "augment": parts(Augmentation, "gansmith.augment"),  # type: ignore[type-abstract]
}
NEEDS = {"auxiliary": {"critic": Critic(auxiliary=True)}, "reconstruction": {"reconstruct": True}}
PENALTIES: dict[str, list[Any]] = {
    "none": [],
    "r1": [R1(Schedule(0.5, 0.1))],
    "r1 and r2": [R1(Schedule(0.5, 0.1)), R2(Schedule(0.3))],
    "gradient_penalty": [GradientPenalty()],
    "lecam": [LeCam()],
}


def game(norm: str = "none", penalties: str = "r1 and r2", told: bool = False, **more: Any) -> Duel:
    torch.manual_seed(0)
    spec = Spec(SHAPE, GivenSpec(("a", "b"))) if told else Spec(SHAPE)
    networks = DCGAN(width=4, latent=5, norm=norm, upsample="nearest", hidden=6).build(spec)  # type: ignore[arg-type]
    sgd = Optimizer("sgd", Schedule(1e-2))
    return Duel(*(Player(n.double(), sgd) for n in networks), Relativistic(), PENALTIES[penalties], **more)


def gradients(duel: Duel, told: bool, step: int) -> list[Tensor]:
    chance = torch.Generator().manual_seed(step)
    real = torch.rand(6, *SHAPE, generator=chance, dtype=torch.float64) * 2 - 1
    given = torch.arange(6) % 2 if told else None
    torch.set_default_dtype(torch.float64)  # latents
    try:
        return step_gradients(duel, Batch(real, given), Clock(6 * step, step / 10, step))
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    ("penalties", "norm", "told"),
    [
        ("none", "none", False),
        ("r1", "batch", True),
        ("r1 and r2", "none", True),
        ("r1 and r2", "batch", False),
        ("gradient_penalty", "batch", True),
    ],
)
def test_gradients_are_those_of_the_step(penalties: str, norm: str, told: bool) -> None:
    usual = game(norm, penalties, told)
    listed = copy.deepcopy(usual)
    listed.listed = Listed(listed)
    for step in range(3):  # weights of penalties, of networks and running statistics change
        for found, wanted in zip(gradients(listed, told, step), gradients(usual, told, step), strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-9)
    for a, b in zip(listed.discriminator.network.buffers(), usual.discriminator.network.buffers(), strict=True):
        torch.testing.assert_close(a, b)


CASES = [(kind, name) for kind, found in KINDS.items() for name in found]


@pytest.mark.parametrize(("kind", "name"), CASES, ids=[f"{kind} {name}" for kind, name in CASES])
def test_every_part_can_be_listed(kind: str, name: str) -> None:
    """But for what remembers; the rest is listed unasked."""
    torch.manual_seed(0)
    part: Any = KINDS[kind][name]
    least = "fastgan" if name == "reconstruction" else "mlp"
    arch = small(name) if kind == "network" else small(least, **NEEDS.get(name, {}))
    penalties = [part()] if kind == "penalty" else [R1()] if kind == "network" else []
    loss = part() if kind == "loss" else Relativistic()
    sgd = Optimizer("sgd", Schedule(1e-2))
    networks = arch.build(Spec((3, 16, 16), GivenSpec(("a", "b"))))
    usual = Duel(*(Player(n, sgd) for n in networks), loss, penalties, part() if kind == "augment" else None)
    listed = copy.deepcopy(usual)
    listed.listed = Listed(listed)
    batch = Batch(torch.randn(4, 3, 16, 16), torch.arange(4) % 2)
    if getattr(part, "remembers", False) and part.player == "discriminator":
        with pytest.raises(RecipeError, match="remembers"):
            step_gradients(listed, batch, Clock())
        return
    found, wanted = (step_gradients(duel, batch, Clock(4, 0.1, 1)) for duel in (listed, usual))
    for a, b in zip(found, wanted, strict=True):
        assert torch.equal(a, b)


def test_augmentation_is_drawn_anew_in_every_step() -> None:
    usual = game(augment=DiffAugment(probability=Schedule(1.0)))
    listed = copy.deepcopy(usual)
    listed.listed = Listed(listed)
    found = [gradients(listed, False, 1)[1] for _ in range(2)]
    assert not torch.equal(*found)
    still = game(augment=DiffAugment(probability=Schedule(0.0)))
    listed = copy.deepcopy(still)
    listed.listed = Listed(listed)
    torch.testing.assert_close(gradients(listed, False, 1)[1], gradients(still, False, 1)[1], rtol=1e-6, atol=1e-9)


def test_steps_of_the_discriminator_alone_and_parts_of_a_batch() -> None:
    usual = game(discriminator_steps=2, micro_batch=4)
    listed = copy.deepcopy(usual)
    listed.listed = Listed(listed)
    for step in range(3):
        for found, wanted in zip(gradients(listed, False, step), gradients(usual, False, step), strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-9)


def test_what_remembers_is_refused_in_words() -> None:
    duel = game(penalties="lecam")
    duel.listed = Listed(duel)
    with pytest.raises(RecipeError, match=r"(?s)remembers .*lecam.*Leave train.execution out"):
        gradients(duel, False, 0)


@pytest.mark.skipif(shutil.which("c++") is None, reason="inductor wants a C++ compiler on processors")
def test_the_compiler_of_gpus_gives_them_too() -> None:
    """With second derivatives in the first step, and without in the next; dense, or it compiles for a minute."""
    torch.manual_seed(0)
    sgd = Optimizer("sgd", Schedule(1e-2))
    players = [Player(n.double(), sgd) for n in small("mlp").build(Spec(SHAPE))]
    usual = Duel(*players, Relativistic(), [R1(Schedule(0.5), every=2)])
    listed = copy.deepcopy(usual)
    listed.listed = Listed(listed, compiled=True)
    for step in range(2):
        for found, wanted in zip(gradients(listed, False, step), gradients(usual, False, step), strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-9)


def test_buffers_that_forward_passes_change_are_changed_by_the_list() -> None:
    """The largest singular values' vectors of spectral normalisation."""
    torch.manual_seed(0)
    networks = DCGAN(width=4, latent=5, norm="none", critic=Critic(spectral_norm=True)).build(Spec(SHAPE))
    sgd = Optimizer("sgd", Schedule(1e-2))
    usual = Duel(*(Player(n.double(), sgd) for n in networks), Relativistic(), [R1(), R2()])
    listed = copy.deepcopy(usual)
    listed.listed = Listed(listed)
    start = [b.clone() for b in usual.discriminator.network.buffers()]
    for step in range(3):
        for found, wanted in zip(gradients(listed, False, step), gradients(usual, False, step), strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-9)
    kept = list(usual.discriminator.network.buffers())
    assert any(not torch.equal(a, b) for a, b in zip(start, kept, strict=True))
    for a, b in zip(listed.discriminator.network.buffers(), kept, strict=True):
        torch.testing.assert_close(a, b)


def test_gradients_lie_in_memory_as_their_weights_do() -> None:
    """Fused optimisers go through both by their addresses."""
    duel = game()
    for player in duel.players.values():
        player.network.to(memory_format=torch.channels_last)
    duel.listed = Listed(duel)
    seen = []

    def look(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        seen.extend((p, p.grad) for group in optimizer.param_groups for p in group["params"])

    for player in duel.players.values():
        player.optimizer.register_step_pre_hook(look)
    gradients(duel, False, 0)
    assert any(p.dim() == 4 and not p.is_contiguous() for p, _ in seen)
    assert all(g is not None and g.stride() == p.stride() for p, g in seen)
