"""Every failure made to happen on purpose in a real training, and the alarm that must say so; and healthy ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gansmith
from gansmith.alarms.watch import Vitals
from gansmith.callbacks import checkpoint, checkup, health
from gansmith.callbacks.averages import Averages
from gansmith.callbacks.checkup import Scores, undecided_loss, undisturbed, verdicts
from gansmith.callbacks.health import Health
from gansmith.contracts import Spec, Verdict
from gansmith.folder import alerts, checkpoints
from gansmith.folder.metrics_log import read as read_metrics
from gansmith.losses.hinge import Hinge
from gansmith.losses.least_squares import LeastSquares
from gansmith.losses.relativistic import Relativistic
from gansmith.losses.wasserstein import Wasserstein
from gansmith.networks.mlp import MLPGenerator
from gansmith.networks.sngan import SNGAN
from gansmith.run import Run

SMALL = (
    "architecture.name=mlp",
    "architecture.generator_widths=[32,32]",
    "architecture.discriminator_widths=[32,32]",
    "architecture.latent=8",
    "train.precision=float32",
    "evaluate.times=0",
)
CLASSIC = ("loss.name=non_saturating", "penalty=none", "optimizer.lr=1e-3", "data.classes=false")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """scikit-learn's digits, 1,200 to train on and 300 held out, without classes."""
    pixels = pytest.importorskip("sklearn.datasets").load_digits().images.astype(np.uint8) * 15
    order = np.random.default_rng(0).permutation(len(pixels))
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, x_train=pixels[order[:1200]], x_test=pixels[order[1200:1500]])
    return path


@pytest.fixture(scope="module")
def few(data: Path) -> Path:
    """20 digits to train on, 200 held out."""
    path = data.with_name("few.npz")
    with np.load(data) as whole:
        np.savez(path, x_train=whole["x_train"][:20], x_test=whole["x_test"][:200])
    return path


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks every 1,000 samples, so that a failure shows within seconds."""
    monkeypatch.setattr(health, "FIRST", 500)
    monkeypatch.setattr(health, "STEP", 1000)
    monkeypatch.setattr(checkup, "POOL", 400)


def train(data: Path, run: Path, samples: int, *settings: str, batch: int = 50) -> list[alerts.Episode]:
    gansmith.train(data, run=run, samples=samples, batch=batch, settings=(*SMALL, *settings))
    found = alerts.episodes(alerts.read(run))
    summary = json.loads((run / "run.json").read_text(encoding="utf-8"))["alarms"]
    assert summary["raised"] == len(found)
    assert summary["open"] == sorted(e.first.kind for e in found if e.closed is None)
    return found


def kinds(found: list[alerts.Episode]) -> set[str]:
    return {episode.first.kind for episode in found}


# --- failures on purpose


def test_collapse_of_a_generator_that_ignores_its_latent(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(MLPGenerator, "mapping", lambda self, z, given: torch.ones_like(z))
    found = train(data, tmp_path / "run", 3000, "data.clusters=0")  # else one picture a cluster
    collapse = next(e for e in found if e.first.kind == "collapse")
    assert collapse.closed is None
    assert collapse.latest.severity == "alarm"
    assert collapse.latest.numbers["duplicates"] == 1.0
    assert "collapse at 1,500 samples seen" in capsys.readouterr().err
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "--recipe auto" in page
    assert ">open<" in page


def test_a_cluster_that_collapses_while_the_others_hide_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with np.load(data) as whole:
        digits = torch.from_numpy(whole["x_train"])[:, None] / 127.5 - 1

    def shrunk(self: MLPGenerator, w: Tensor, given: Tensor | None) -> Tensor:
        """Any digit, but always the same one in the first cluster."""
        assert given is not None
        index = (w[:, 0].sigmoid() * len(digits)).long() * (given > 0)
        return digits[index] + 0 * self.sample(self.layers(w)).reshape(-1, *self.shape)

    monkeypatch.setattr(MLPGenerator, "synthesis", shrunk)
    collapse = next(e for e in train(data, tmp_path / "run", 3000, "data.clusters=10") if e.first.kind == "collapse")
    assert collapse.latest.numbers == {"diversity_within": pytest.approx(0, abs=1e-6)}
    looks = [row for row in read_metrics(tmp_path / "run" / "metrics.jsonl") if "health/diversity" in row]
    assert looks[-1]["health/diversity"] > 0.8


def test_collapse_of_a_classic_game(data: Path, tmp_path: Path) -> None:
    """Cross-entropy without penalties, and a generator that runs after every whim of the discriminator."""
    found = train(data, tmp_path / "run", 4000, *CLASSIC, "optimizer.generator.lr=1e-1")
    assert "collapse" in kinds(found)


def test_overfitting_of_a_large_discriminator_on_20_digits(few: Path, tmp_path: Path) -> None:
    settings = (*CLASSIC, "architecture.discriminator_widths=[256,256]")
    found = train(few, tmp_path / "run", 6000, *settings, batch=20)
    overfitting = next(e for e in found if e.first.kind == "overfitting")
    assert overfitting.first.numbers["held_out_gap"] > 0.5


def test_a_discriminator_that_is_too_strong(data: Path, tmp_path: Path) -> None:
    settings = (*CLASSIC, "optimizer.generator.lr=2e-5", "optimizer.discriminator.lr=1e-2")
    assert "discriminator_strong" in kinds(train(data, tmp_path / "run", 6000, *settings))


@pytest.mark.parametrize(
    "settings",
    [
        (*CLASSIC, "optimizer.discriminator.lr=1e-7"),
        ("penalty.r1.weight=10000", "penalty.r2.weight=10000"),
        ("loss.name=wasserstein", "penalty=none", "optimizer.discriminator.lr=1e-7"),
    ],
    ids=["slow", "pressed flat", "slow critic"],
)
def test_a_discriminator_that_is_too_weak(data: Path, tmp_path: Path, settings: tuple[str, ...]) -> None:
    assert "discriminator_weak" in kinds(train(data, tmp_path / "run", 4000, *settings))


def test_gradients_that_vanish_in_the_minimax_loss(data: Path, tmp_path: Path) -> None:
    settings = (*CLASSIC, "loss.name=minimax", "optimizer.discriminator.lr=1e-2", "optimizer.generator.lr=1e-4")
    found = train(data, tmp_path / "run", 5000, *settings)
    assert "push" in next(e for e in found if e.first.kind == "vanishing").first.numbers


def test_gradients_that_vanish_in_a_dead_generator(data: Path, tmp_path: Path) -> None:
    found = train(data, tmp_path / "run", 6000, "optimizer.generator.lr=1", "architecture.output=tanh")
    assert "gradient" in next(e for e in found if e.first.kind == "vanishing").first.numbers


@pytest.mark.parametrize("loss", ["relativistic", "wasserstein"])
def test_divergence_at_an_absurd_rate(data: Path, tmp_path: Path, loss: str) -> None:
    found = train(data, tmp_path / "run", 1000, f"loss.name={loss}", "penalty=none", "optimizer.lr=10")
    assert "divergence" in kinds(found)


def test_memorisation_is_said_and_shown(few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with np.load(few) as arrays:
        copies = torch.from_numpy(arrays["x_train"]).float()[:, None] / 127.5 - 1

    def copy(self: MLPGenerator, w: Tensor, given: Tensor | None) -> Tensor:
        index = (w[:, 0].sigmoid() * len(copies)).long()
        return copies[index] + 0 * self.sample(self.layers(w)).reshape(-1, *self.shape)

    monkeypatch.setattr(MLPGenerator, "synthesis", copy)
    found = train(few, tmp_path / "run", 2000, batch=20)
    copied = next(e for e in found if e.first.kind == "memorization")
    assert copied.first.numbers["copies"] == 1.0
    assert (tmp_path / "run" / "samples" / "copies.png").stat().st_size > 500
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "the training sample nearest to it" in page


# --- health


def test_a_healthy_training_of_auto_raises_nothing(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    settings = (
        *(f"architecture.{size}" for size in ("width=8", "discriminator_width=16", "hidden=64")),
        *("evaluate.times=2", "evaluate.samples=200", "evaluate.final_samples=200", "evaluate.features=random"),
    )
    gansmith.train("digits", run=tmp_path / "run", samples=8000, settings=settings)
    assert alerts.read(tmp_path / "run") == []
    run = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert run["alarms"] == {"open": [], "raised": 0}
    looks = [row for row in read_metrics(tmp_path / "run" / "metrics.jsonl") if "health/diversity" in row]
    assert len(looks) >= 5
    assert looks[-1]["health/diversity"] > 0.6
    assert looks[-1]["health/copies"] < 0.05


class _Scored:
    """Stands in for `Evaluate`."""

    def __init__(self, **newest: float) -> None:
        self.newest, self.best = newest, {"frechet": 10.0, "samples_seen": 1}


def test_recall_counts_only_where_samples_cover_something() -> None:
    scored = {"frechet": 20.0, "recall": 0.7, "memorization/share_close": 0.01}
    watch = Health(None, _Scored(coverage=0.1, **scored))  # type: ignore[arg-type]
    assert watch._scores() == {"scored_coverage": 0.1, "scored_copies": 0.01, "frechet_rise": 2.0}
    watch = Health(None, _Scored(coverage=0.5, **scored))  # type: ignore[arg-type]
    assert watch._scores()["scored_recall"] == 0.7


def script(monkeypatch: pytest.MonkeyPatch, looks: list[Vitals]) -> None:
    """What the looks of a run find, in order; the last one again and again."""
    rest: Iterator[Vitals] = iter(looks)
    monkeypatch.setattr(Health, "_measure", lambda self, run: next(rest, looks[-1]))


def test_an_alarm_is_said_once_again_when_worse_and_cleared_when_well(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shares = [0.2, 0.0, 0.2, 0.2, 0.2, 0.9, 0.9, 0.09, 0.05, 0.0]  # chance, then trouble, worse, nearly well, well
    monkeypatch.setattr(Health, "_raise", _without_picture(Health._raise))
    script(monkeypatch, [Vitals(copies=share) for share in shares])
    train(data, tmp_path / "run", 10_000, "architecture.generator_widths=[4]")
    written = alerts.read(tmp_path / "run")
    assert [(a.samples_seen, a.event, a.severity) for a in written] == [
        (3500, "raised", "warn"),
        (5500, "raised", "alarm"),
        (9550, "cleared", "warn"),  # looks become rarer
    ]
    assert written[-1].numbers == {"copies": 0.05}
    said = capsys.readouterr().err
    assert said.count("Alarm: memorization at") == 2
    assert said.count("is over at 9,550") == 1


def _without_picture(say: Callable[..., None]) -> Callable[..., None]:
    def quietly(self: Health, *arguments: object) -> None:
        self._checkup = None
        say(self, *arguments)

    return quietly


# --- nothing is disturbed


def test_looking_changes_no_weight_and_resuming_looks_at_the_same(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between two looks and continued: the same looks, averages and weights as in one go, or unwatched."""
    settings = ("architecture.dropout=0.3", "penalty.r1.weight=1000")
    train(data, tmp_path / "whole", 3000, *settings)
    with monkeypatch.context() as patch:
        patch.setattr(health, "FIRST", 10**9)
        train(data, tmp_path / "unwatched", 3000, *settings)
    steps = 0

    def killed(self: checkpoint.Checkpoint, run: object, report: object) -> None:
        nonlocal steps
        steps += 1
        if steps == 37:  # at 1,850 samples
            self.save(run)  # type: ignore[arg-type]
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.Checkpoint, "after_step", killed)
        with pytest.raises(KeyboardInterrupt):
            train(data, tmp_path / "parts", 3000, *settings)
    train(data, tmp_path / "parts", 3000, *settings)
    whole, parts, unwatched = (_network(tmp_path / name) for name in ("whole", "parts", "unwatched"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert all(torch.equal(whole[name], unwatched[name]) for name in whole)
    states = [_state(tmp_path / name)["callbacks"]["health"]["looks"] for name in ("whole", "parts")]
    assert states[0]["seen"] == 3000
    assert states[0]["last"] == states[1]["last"]
    assert states[0] == states[1]


def _state(run: Path) -> dict[str, dict[str, dict[str, dict[str, object]]]]:
    found = checkpoints.load_latest(run, pytest.fail)
    assert found is not None
    return found[0]  # type: ignore[no-any-return]


def _network(run: Path) -> dict[str, Tensor]:
    return _state(run)["game"]["generator"]["network"]  # type: ignore[return-value]


def test_a_network_answers_as_in_training_and_stays_as_it_was() -> None:
    normed = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    _, spectral = SNGAN(width=8, discriminator_width=8).build(Spec((1, 16, 16)))
    for network, x in ((normed, torch.randn(6, 3)), (spectral, torch.randn(4, 1, 16, 16))):
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        random = torch.get_rng_state()
        answer = undisturbed(network, x)
        assert torch.equal(torch.get_rng_state(), random)
        assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
        assert all(module.training for module in network.modules())
        if isinstance(answer, Verdict):
            assert answer.scores[0].requires_grad is False
        else:
            expected = nn.functional.batch_norm(normed[0](x), None, None, training=True)
            torch.testing.assert_close(answer, expected)


@pytest.mark.parametrize("setting", ["packing=2", "minibatch_stddev=4", "spectral_norm=true", "san=true"])
def test_every_kind_of_critic_can_be_looked_at(data: Path, tmp_path: Path, setting: str) -> None:
    train(data, tmp_path / "run", 500, f"architecture.critic.{setting}", batch=20)
    looked = [row for row in read_metrics(tmp_path / "run" / "metrics.jsonl") if "health/separation" in row]
    assert -1 <= looked[0]["health/separation"] <= 1


def test_what_an_undecided_discriminator_pays() -> None:
    assert undecided_loss(Relativistic()) == pytest.approx(np.log(2))
    assert undecided_loss(Hinge()) == pytest.approx(2)
    assert undecided_loss(LeastSquares()) == pytest.approx(0.25)
    assert undecided_loss(Wasserstein()) is None


def test_the_discriminators_lead_is_compared_within_classes() -> None:
    real, given = torch.tensor([5.0, 6.0, 1.0, 2.0]), torch.tensor([0, 0, 1, 1])
    fake = torch.tensor([4.0, 4.0, 0.0, 0.0])
    assert checkup._lead(real, given, fake, given)[0] == pytest.approx(1.5)
    assert checkup._lead(real[:2], given[:2], fake, given)[0] == pytest.approx(1.5)  # not 5.5 - 2
    assert checkup._separation(real, fake, given) == 1.0
    assert checkup._separation(real, fake, None) == pytest.approx(0.5)


def test_averages_are_means_and_survive_a_restart() -> None:
    first, second = Averages(), Averages()
    for value in (1.0, 2.0, 6.0):
        first.add({"a": torch.tensor(value)} | ({"b": torch.tensor(5.0)} if value < 2 else {}))
    second.load_state_dict(first.state_dict())
    second.add({"a": torch.tensor(3.0)})
    assert second.take() == {"a": 3.0, "b": 5.0}
    assert not second
    assert second.take() == {}


def test_held_out_samples_are_compared_with_samples_of_their_own_group() -> None:
    """Every group has an offset of its own, far larger than what is compared."""
    chance = torch.Generator().manual_seed(0)
    offset, other = 1_000 * torch.randn(2, 200, generator=chance)
    noise = torch.randn(4, 200, generator=chance)
    real, fake = noise[0] + offset + 10, noise[1] + offset
    held_out, beside = noise[2] + other + 5, noise[3] + other
    scores = Scores(real, fake, torch.arange(200), held_out, beside, torch.arange(1_000, 1_200))  # each is met once
    found = verdicts(scores, Relativistic())
    assert found["separation"] == 1.0
    assert found["held_out_gap"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("told", [False, True])
def test_the_fakes_beside_held_out_samples_are_told_what_these_are(
    told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    looks: list[Scores] = []
    look, ask = checkup.Checkup.scores, checkup._answers
    given: list[object] = []

    def seen(self: checkup.Checkup, run: Run) -> Scores:
        looks.append(look(self, run))
        return looks[-1]

    def asked(run: Run, network: nn.Module, x: Tensor, of: Tensor | None) -> Tensor:
        given.append(of if network is run.game.generator.network else None)
        return ask(run, network, x, of)

    monkeypatch.setattr(checkup.Checkup, "scores", seen)
    monkeypatch.setattr(checkup, "_answers", asked)
    settings = [*SMALL, f"data.classes={str(told).lower()}", "data.clusters=0"]
    gansmith.train("digits", run=tmp_path / "run", samples=2_000, settings=settings)
    assert looks
    for scores in looks:
        assert scores.held_out is not None
        assert scores.held_out_fake is not None
        assert len(scores.held_out) == len(scores.held_out_fake) == len(scores.fake)
        assert (scores.held_out_given is not None) == told
        assert torch.equal(scores.held_out_fake, scores.fake) != told
        if told:
            assert any(isinstance(x, Tensor) and torch.equal(x, scores.held_out_given) for x in given)
