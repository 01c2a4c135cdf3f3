"""What a step costs, against products written out by hand and against torch's own counter, for every network."""

from __future__ import annotations

import contextlib
import itertools
from typing import ClassVar

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from gansmith.config import parts
from gansmith.contracts import Architecture, Batch, Clock, Loss, Penalty, Schedule, Spec
from gansmith.games.cost import step_cost
from gansmith.games.duel import Duel
from gansmith.games.player import Optimizer, Player

NETWORKS = parts(Architecture, "gansmith.networks")  # type: ignore[type-abstract]
LOSSES = parts(Loss, "gansmith.losses")  # type: ignore[type-abstract]
PENALTIES = parts(Penalty, "gansmith.penalties")  # type: ignore[type-abstract]
BATCH = 4
THIN = {"width": 8}
SMALL = {"dcgan": THIN, "fastgan": THIN, "r3gan": THIN, "biggan": THIN, "stylegan2": THIN, "sngan": THIN}


def duel(
    name: str,
    shape: tuple[int, ...],
    penalties: tuple[str, ...] = (),
    loss: str = "non_saturating",
    **sizes: int | tuple[int, ...],
) -> Duel:
    torch.manual_seed(0)
    generator, discriminator = NETWORKS[name](**sizes).build(Spec(shape))
    players = (Player(network, Optimizer(lr=Schedule(1e-3))) for network in (generator, discriminator))
    return Duel(*players, LOSSES[loss](), [PENALTIES[p]() for p in penalties])


def products(widths: tuple[int, ...], count: int) -> list[int]:
    return [2 * count * a * b for a, b in itertools.pairwise(widths)]


def test_a_perceptrons_step_is_the_products_by_hand() -> None:
    game = duel("mlp", (1, 4, 4), latent=3, generator_widths=(8, 12), discriminator_widths=(10, 6))
    g, d = products((3, 8, 12, 16), BATCH), products((16, 10, 6, 1), BATCH)
    generator_moves = 3 * sum(g) - g[0] + sum(d)  # forward, both backward products but latents'; back through D
    discriminator_moves = 2 * (3 * sum(d) - d[0])  # reals and fakes
    cost = step_cost(game, Batch(torch.rand(BATCH, 1, 4, 4)))
    assert cost.flops == generator_moves + discriminator_moves


def test_both_penalties_cost_four_passes_and_the_generator_none() -> None:
    """Forward, back to the samples, along the layers but the last again, to the weights; six with the loss's own."""
    sizes = {"latent": 3, "generator_widths": (8, 12), "discriminator_widths": (10, 6)}
    game = duel("mlp", (1, 4, 4), ("r1", "r2"), **sizes)
    g, d = products((3, 8, 12, 16), BATCH), products((16, 10, 6, 1), BATCH)
    batch = Batch(torch.rand(BATCH, 1, 4, 4))
    assert step_cost(game, batch).flops == 3 * sum(g) - g[0] + 2 * (4 * sum(d) - d[-1])
    game.homogeneous = False
    assert step_cost(game, batch).flops == 3 * sum(g) - g[0] + 2 * (6 * sum(d) - d[-1] - d[0])


def test_bytes_are_at_least_the_weights_read_and_written() -> None:
    game = duel("mlp", (1, 4, 4), latent=3, generator_widths=(8, 12), discriminator_widths=(10, 6))
    players = (game.generator, game.discriminator)
    weights = sum(p.numel() * 4 for player in players for p in player.network.parameters())
    few, more = (step_cost(game, Batch(torch.rand(n, 1, 4, 4))).bytes for n in (2, 4))
    assert 6 * weights < few < more < 2 * few  # forward, backward, and Adam's weight, gradient and two moments


class Nowhere(contextlib.nullcontext[None]):
    """In place of a tracker of modules."""

    parents: ClassVar[set[str]] = {"Global"}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_networks_step_is_counted_as_torch_counts(name: str) -> None:
    shape = (3, 16, 16)
    # no penalties: torch's counter refuses gradients of gradients
    game = duel(name, shape, loss="relativistic", **SMALL.get(name, {}))
    before = [p.clone() for p in game.generator.network.parameters()]
    batch = Batch(torch.rand(BATCH, *shape) * 2 - 1)
    cost = step_cost(game, batch)
    assert all(torch.equal(a, b) for a, b in zip(before, game.generator.network.parameters(), strict=True))
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = Nowhere()  # its own cannot follow torch.autograd.grad
    with counter:
        game.step(batch, Clock())
    assert cost.flops == counter.get_total_flops() > 0


def test_a_penalty_on_one_side_does_not_cost_the_other() -> None:
    batch = Batch(torch.rand(BATCH, 1, 8, 8))
    games = [duel("dcgan", (1, 8, 8), p, norm="none") for p in ((), ("r1",), ("r2",), ("r1", "r2"))]
    shared = [step_cost(game, batch).flops for game in games]
    for game in games:
        game.independent = game.homogeneous = False
    plain, r1, r2, _ = (step_cost(game, batch).flops for game in games)
    assert shared[:2] == [plain, r1]
    assert 0 < r1 - plain == r2 - plain  # the same on either side
    assert shared[2] < r2  # the generator takes the fakes' gradients, which are there
    assert shared[3] - plain < 2 * (r1 - plain)
