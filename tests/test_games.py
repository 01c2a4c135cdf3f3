"""Players and the duel: what one step changes, what it must not change, and that state goes round."""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass, field, replace
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from gansmith.config import parts
from gansmith.contracts import (
    Architecture,
    Augmentation,
    Batch,
    Clock,
    Discriminator,
    Generator,
    GivenSpec,
    Loss,
    Penalty,
    Schedule,
    Spec,
    Step,
    Verdict,
)
from gansmith.games.duel import Duel
from gansmith.games.player import Average, Optimizer, Player
from gansmith.games.precision import Precision
from gansmith.games.seeds import step_seed
from gansmith.layers.critic import Critic
from gansmith.networks.dcgan import DCGAN
from gansmith.networks.fastgan import FastGAN
from gansmith.networks.mlp import MLP

LOSSES = parts(Loss, "gansmith.losses")  # type: ignore[type-abstract]
PENALTIES = parts(Penalty, "gansmith.penalties")  # type: ignore[type-abstract]
SPEC = Spec((1, 8, 8))


def duel(
    loss: str = "relativistic", penalties: tuple[str, ...] = ("r1", "r2"), norm: str = "none", **more: int
) -> Duel:
    torch.manual_seed(1)
    auxiliary = "auxiliary" in penalties  # needs classes, and a discriminator that tells them
    spec = replace(SPEC, given=GivenSpec(("a", "b"))) if auxiliary else SPEC
    architecture: Architecture = DCGAN(width=4, latent=5, norm=norm, critic=Critic(auxiliary=auxiliary))  # type: ignore[arg-type]
    if "reconstruction" in penalties:
        architecture = FastGAN(width=4, max_width=8, latent=5, reconstruct=True)
    generator, discriminator = architecture.build(spec)
    return Duel(
        Player(generator, Optimizer(lr=Schedule(1e-2)), Average(Schedule(1000))),
        Player(discriminator, Optimizer(lr=Schedule(1e-2))),
        LOSSES[loss](),
        [PENALTIES[p]() for p in penalties],
        **more,  # type: ignore[arg-type]
    )


def play(game: Duel, steps: int, start: int = 0) -> None:
    data = torch.randn(64, 8, 1, 8, 8, generator=torch.Generator().manual_seed(7)).clamp(-1, 1)
    told = any(isinstance(m, nn.Embedding) for m in game.generator.network.modules())
    given = torch.arange(8) % 2 if told else None
    for i in range(start, start + steps):
        report = game.step(Batch(data[i], given), Clock(8 * i, i / 100, i))
        assert report.finite, report


def weights(game: Duel) -> list[Tensor]:
    networks = (game.generator.network, game.generator.averaged, game.discriminator.network)
    return [t.clone() for n in networks for t in n.state_dict().values()]


@pytest.mark.parametrize(("loss", "penalty"), list(itertools.product(LOSSES, [None, *PENALTIES])))
def test_every_loss_with_every_penalty_takes_steps(loss: str, penalty: str | None) -> None:
    game = duel(loss, (penalty,) if penalty else ())
    learnt = [p for player in (game.generator, game.discriminator) for p in player.network.parameters() if p.dim() > 1]
    before = [p.detach().clone() for p in learnt]
    play(game, 3)
    assert not any(torch.equal(a, b) for a, b in zip(before, learnt, strict=True))


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_state_round_trip_is_exact(norm: str) -> None:
    whole = duel(norm=norm)
    play(whole, 9)
    first = duel(norm=norm)
    play(first, 5)
    second = duel(norm=norm)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    torch.rand(100)  # whatever else used random numbers in between must not matter
    play(second, 4, start=5)
    for a, b in zip(weights(whole), weights(second), strict=True):
        assert torch.equal(a, b)


def test_one_step_equals_the_formulas_by_hand() -> None:
    """A generator's and a discriminator's SGD step, computed again with plain autograd in float64."""

    class G(Generator):
        latent_size = 3

        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Parameter(torch.randn(3, 2))

        def mapping(self, z: Tensor, given: Tensor | None) -> Tensor:
            return z

        def synthesis(self, w: Tensor, given: Tensor | None) -> Tensor:
            return w @ self.a

    class D(Discriminator):
        def __init__(self) -> None:
            super().__init__()
            self.b = nn.Parameter(torch.randn(2, 2))

        def forward(self, x: Tensor, given: Tensor | None = None) -> Verdict:
            return Verdict(((x @ self.b * x).sum(1),))

    generator, discriminator = G(), D()
    a, b = generator.a.detach().double().requires_grad_(), discriminator.b.detach().double().requires_grad_()
    sgd = Optimizer("sgd", Schedule(0.1))
    weight = Schedule(0.7)
    penalties = (PENALTIES["r1"](weight=weight), PENALTIES["r2"](weight=weight))  # type: ignore[call-arg]
    game = Duel(Player(generator, sgd), Player(discriminator, sgd), LOSSES["relativistic"](), penalties, seed=4)
    real = torch.randn(6, 2)
    game.step(Batch(real), Clock())

    torch.manual_seed(step_seed(4, 0))
    z, x = torch.randn(6, 3).double(), real.double()
    score = lambda v, m: (v @ m * v).sum(1)  # noqa: E731
    loss = torch.nn.functional.softplus(score(x, b.detach()) - score(z @ a, b.detach())).mean()
    (grad_a,) = torch.autograd.grad(loss, a)
    fake = (z @ a).detach()  # of the generator before its update, as the discriminator sees it
    sym = b + b.T
    r = 0.5 * ((x @ sym).square().sum(1).mean() + (fake @ sym).square().sum(1).mean())
    loss = torch.nn.functional.softplus(score(fake, b) - score(x, b)).mean() + 0.7 * r
    (grad_b,) = torch.autograd.grad(loss, b)
    torch.testing.assert_close(generator.a.double(), a - 0.1 * grad_a, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(discriminator.b.double(), b - 0.1 * grad_b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", [name for name, part in LOSSES.items() if name != "relativistic_average"])
@pytest.mark.parametrize("one_pass", [True, False])
def test_a_batch_in_parts_learns_the_same(loss: str, one_pass: bool) -> None:
    whole, parted = duel(loss), duel(loss, micro_batch=3)  # of eight: three, three, two
    for game in (whole, parted):
        game.independent = one_pass
        for player in (game.generator, game.discriminator):
            player.optimizer = Optimizer("sgd", Schedule(1e-2)).build(player.network)
    play(whole, 4)
    play(parted, 4)
    for a, b in zip(weights(whole), weights(parted), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
    batch = torch.rand(8, *SPEC.shape)
    told, told_in_parts = (game.step(Batch(batch), Clock(99, 0.5, 9)).values for game in (whole, parted))
    assert told.keys() == told_in_parts.keys()
    for tag, value in told.items():
        torch.testing.assert_close(value, told_in_parts[tag], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("augmented", [False, True])
@pytest.mark.parametrize("critic", [Critic(), Critic(san=True), Critic(spectral_norm=True)])
def test_one_pass_for_both_players_is_the_same_game(loss: str, critic: Critic, augmented: bool) -> None:
    """The chain rule through the scores, against a pass of the generator's own."""
    games = []
    for one_pass in (True, False):
        torch.manual_seed(1)
        generator, discriminator = DCGAN(width=4, latent=5, norm="none", critic=critic).build(SPEC)
        sgd = Optimizer("sgd", Schedule(1e-2))
        penalties = [PENALTIES[p](weight=Schedule(0.5)) for p in ("r1", "r2")]
        augment = Doubling() if augmented else None
        games.append(Duel(Player(generator, sgd), Player(discriminator, sgd), LOSSES[loss](), penalties, augment))
        if critic.spectral_norm:  # each pass of training moves its estimate of the largest singular value
            discriminator.eval()
        games[-1].independent = one_pass
        play(games[-1], 4)
    for a, b in zip(weights(games[0]), weights(games[1]), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_the_discriminator_looks_once_for_both_players() -> None:
    """However it is penalised; a generator that pays a penalty of its own looks for itself."""
    for penalties, looks in (((), 2), (("r1",), 2), (("r1", "r2"), 1), (("r1", "r2", "feature_matching"), 3)):
        game, seen = duel(penalties=penalties), []
        game.discriminator.network.register_forward_hook(lambda *_, seen=seen: seen.append(1))
        play(game, 1)
        assert len(seen) == looks, penalties
    assert not DCGAN(width=4, latent=5, norm="batch").build(Spec((1, 16, 16)))[1].independent  # type: ignore[union-attr]


def test_several_discriminator_steps_to_one_of_the_generator() -> None:
    game = duel("wasserstein", ("gradient_penalty",), discriminator_steps=3)
    before = [p.clone() for p in game.generator.network.parameters()]
    play(game, 2)
    assert all(torch.equal(a, b) for a, b in zip(before, game.generator.network.parameters(), strict=True))
    play(game, 1, start=2)
    assert not all(torch.equal(a, b) for a, b in zip(before, game.generator.network.parameters(), strict=True))


def test_batch_normalising_discriminators_see_reals_and_fakes_apart() -> None:
    assert duel(norm="none").together
    plain = Optimizer()
    generator, discriminator = DCGAN(width=4, latent=5).build(Spec((1, 16, 16)))
    assert not Duel(Player(generator, plain), Player(discriminator, plain), LOSSES["hinge"]()).together


def test_average_follows_with_the_stated_half_life() -> None:
    average = Average(Schedule(1000), ramp=1.0)
    assert average.decay(Clock(10**9), 1000) == pytest.approx(0.5)
    assert average.decay(Clock(0), 500) == pytest.approx(0.5)  # the ramp: no longer than the samples seen
    network = nn.Linear(2, 2)
    player = Player(network, Optimizer("sgd", Schedule(1.0)), Average(Schedule(8), 1.0))
    before = network.weight.detach().clone()
    player.learn(network(torch.ones(1, 2)).sum())
    player.update(Clock(8), 8)
    torch.testing.assert_close(player.averaged.weight, (before + network.weight) / 2)


@pytest.mark.parametrize(("name", "reference"), [("adam", "Adam"), ("sgd", "SGD"), ("rmsprop", "RMSprop")])
def test_optimizers_are_torch_s(name: str, reference: str) -> None:
    assert type(Optimizer(name, Schedule(1e-3)).build(nn.Linear(1, 1))).__name__ == reference  # type: ignore[arg-type]


def test_schedules() -> None:
    assert Schedule(2.0)(0.3) == 2.0
    assert Schedule(1.0, 0.0, "linear")(0.25) == pytest.approx(0.75)
    assert Schedule(1.0, 0.0, "cosine")(0.25) == pytest.approx(0.5 * (1 + 2**-0.5))
    assert Schedule(1.0, 0.0, "linear", until=0.5)(0.6) == 0.0


@pytest.mark.parametrize("precision", get_args(Precision))
def test_a_gpu_may_round_to_tf32_where_that_is_the_precision(precision: Precision) -> None:
    game = duel()
    game.precision = precision
    play(game, 1)
    allowed = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    assert allowed == (precision == "tf32",) * 2


def test_players_of_points_are_the_same_game() -> None:
    generator, discriminator = MLP(generator_widths=(8,), discriminator_widths=(8,), latent=4).build(Spec((2,)))
    game = Duel(Player(generator, Optimizer()), Player(discriminator, Optimizer()), LOSSES["hinge"]())
    assert game.step(Batch(torch.randn(4, 2)), Clock()).finite
    assert game.sample(torch.randn(3, 4)).shape == (3, 2)


def test_second_beta_and_half_life_follow_their_schedules() -> None:
    network = nn.Linear(2, 1)
    player = Player(network, Optimizer(betas=(0.0, Schedule(0.9, 0.99, "linear"))), Average(Schedule(0, 100), 1.0))
    player.learn(network(torch.ones(1, 2)).sum())
    player.update(Clock(10**6, 0.5), 8)
    assert player.optimizer.param_groups[0]["betas"] == pytest.approx((0.0, 0.945))
    assert player.average is not None
    assert player.average.decay(Clock(10**6, 0.5), 50) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="betas must be in"):
        Optimizer(betas=(0.0, Schedule(0.9, 1.0)))
    with pytest.raises(ValueError, match="half_life_samples must be"):
        Average(Schedule(10, -1))


@dataclass(frozen=True)
class Doubling(Augmentation):
    """Changes every sample; counts how often it was asked and what it was told."""

    probability: Schedule = Schedule(0.25, 0.75, "linear")
    seen: list[Tensor] = field(default_factory=list)

    def __call__(self, x: Tensor, probability: Tensor) -> Tensor:
        self.seen.append(x)
        return (1 + probability) * x

    def adapt(self, memory: dict[str, Tensor], real_sign: Tensor, samples: int) -> None:
        memory["told"] = real_sign * samples


def test_augmentation_is_what_the_discriminator_sees_and_nobody_else() -> None:
    generator, discriminator = MLP(generator_widths=(8,), discriminator_widths=(), latent=4).build(Spec((2,)))
    augment = Doubling()
    plain = Optimizer("sgd", Schedule(1e-9))
    penalty = PENALTIES["r1"](weight=Schedule(1.0))  # type: ignore[call-arg]
    game = Duel(Player(generator, plain), Player(discriminator, plain), LOSSES["relativistic"](), [penalty], augment)
    real = torch.randn(4, 2)
    report = game.step(Batch(real), Clock(progress=0.5))
    assert report.values["augment/probability"] == 0.5
    assert len(augment.seen) == 2  # reals and fakes, once for both players
    assert torch.equal(augment.seen[0], real)
    weight = next(m for m in discriminator.modules() if isinstance(m, nn.Linear)).weight
    # d D(1.5 x) / dx = 1.5 w: the penalty's gradient is with respect to the sample before augmentation
    torch.testing.assert_close(report.values["penalty/r1"], (1.5 * weight).square().sum() / 2)
    assert game.memory["told"] == report.values["verdict/real_sign"] * 4


def test_a_penalty_may_read_gradients_of_the_latent() -> None:
    class OfLatent(Penalty):
        player = "generator"
        needs = frozenset({"latent"})
        weight, every = Schedule(1.0), 1

        def __call__(self, step: Step) -> Tensor:
            assert step.latent is not None
            (slope,) = torch.autograd.grad(step.fake.sum(), step.latent, create_graph=True)
            return slope.square().mean()

    generator, discriminator = MLP(generator_widths=(8,), discriminator_widths=(8,), latent=4).build(Spec((2,)))
    game = Duel(Player(generator, Optimizer()), Player(discriminator, Optimizer()), LOSSES["hinge"](), [OfLatent()])
    values = game.step(Batch(torch.randn(4, 2)), Clock()).values
    assert any(tag.startswith("penalty/") and value > 0 for tag, value in values.items())
