"""`bench speed`: the plain step it compares with is ours, and what it tells is told right."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from gansmith import tune
from gansmith.bench import speed
from gansmith.bench._ceiling import ceilings
from gansmith.bench._plain import Plain
from gansmith.cli.app import main
from gansmith.contracts import Batch, Clock, Schedule, Spec
from gansmith.games.duel import Duel
from gansmith.games.parts import parts_of
from gansmith.games.player import Average, Optimizer, Player
from gansmith.losses.non_saturating import NonSaturating
from gansmith.losses.relativistic import Relativistic
from gansmith.networks.dcgan import DCGAN
from gansmith.penalties.r1 import R1
from gansmith.penalties.r2 import R2
from gansmith.world import ALONE


@pytest.mark.parametrize("loss", [Relativistic(), NonSaturating()])
@pytest.mark.parametrize("gammas", [(0.0, 0.0), (0.7, 0.0), (0.7, 0.3)])
def test_the_plain_step_is_ours(loss: Relativistic | NonSaturating, gammas: tuple[float, float]) -> None:
    torch.manual_seed(3)
    generator, discriminator = DCGAN(width=4, latent=5, norm="none").build(Spec((3, 8, 8)))
    plain = Plain(
        copy.deepcopy(generator),
        copy.deepcopy(discriminator),
        loss,
        gammas,
        optimizer=lambda parameters: torch.optim.SGD(parameters, 1e-2),
        decay=0.5,
    )
    sgd = Optimizer("sgd", Schedule(1e-2))
    penalties = [part(Schedule(gamma)) for part, gamma in zip((R1, R2), gammas, strict=True) if gamma]
    average = Average(Schedule(6), ramp=1e9)
    game = Duel(Player(generator, sgd, average), Player(discriminator, sgd), loss, penalties)
    for k in range(4):
        batch, clock = Batch(torch.rand(6, 3, 8, 8)), Clock(6 * k, 0.0, k)
        (part,) = parts_of(batch, None, 5, 0, clock, ALONE)
        plain.step(batch.real, None, part.latents)
        game.step(batch, clock)
    for ours, theirs in (
        (game.generator.network, plain.generator),
        (game.generator.averaged, plain.averaged),
        (game.discriminator.network, plain.discriminator),
    ):
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.quick
def test_speed_in_miniature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = [speed.Case("small", "auto", 8, ("architecture.width=4", "train.batch=4"), "ceiling and plain")]
    monkeypatch.setattr(speed, "SECONDS", 0)
    monkeypatch.setitem(tune.SECONDS, "quick", 0.5)
    monkeypatch.setattr(speed, "CEILING_SECONDS", 0)
    monkeypatch.setattr(speed, "cases", lambda device: small)
    monkeypatch.chdir(tmp_path)
    assert main(["bench", "speed", "--json", "speed.json", "--figure", "speed.webp"]) == 0
    text, table = capsys.readouterr().out, json.loads(Path("speed.json").read_text())
    (row,), (bar,) = table["rows"], table["bars"]
    assert row["name"] == bar["group"] == "small"
    assert row["rounds"] == len(row["milliseconds"]) == 3
    seconds = row["milliseconds"]["tuned"]["median"] / 1e3
    assert row["gflops"] == pytest.approx(row["gflop_a_step"] / seconds)
    peak = table["ceilings_gflops"][row["precision"]]["convolution"]
    assert row["share_of_convolution_ceiling"] == pytest.approx(row["gflops"] / peak)
    assert bar["met"] == (row["times_plain"]["median"] >= 2 and row["share_of_convolution_ceiling"] >= 0.7)
    assert "small" in text
    assert 0.3 < sum(row["busiest"].values()) <= 1
    assert next(iter(row["busiest"])) in text
    assert row["peak_megabytes"] is None  # of a GPU's memory
    assert Image.open("speed.webp").width >= 1000
    assert not Path("runs").exists()


def test_what_only_trainings_have_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for option in (["--seeds", "2"], ["--data-root", "."], ["--jobs", "2"], ["--set", "train.batch=4"]):
        assert main(["bench", "speed", *option]) == 2
        assert f"there is no {option[0]}" in capsys.readouterr().err


def test_every_network_of_auto_is_timed() -> None:
    names = [case.name for case in speed.cases(torch.device("cpu"))]
    assert len(names) == len(set(names)) == 1 + len(speed.networks.names())
    assert len(speed.cases(torch.device("cuda"))) == 1 + 3 * len(speed.networks.names())


def test_ceilings_are_above_what_any_machine_does_by_loops() -> None:
    found = ceilings(torch.device("cpu"), "float32", 0.0)
    assert set(found) == {"matmul", "convolution"}
    assert all(value > 0.5 for value in found.values())
