"""The loop in real processes and folders: resume to the bit, kills, signals, non-finite numbers, a full disk."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import gansmith
from gansmith.callbacks import checkpoint as checkpoint_module
from gansmith.callbacks import evaluate as evaluate_module
from gansmith.errors import DataError, Diverged, GansmithError, MemoryShortage, RecipeError, RunFolderError
from gansmith.evaluation import Judge, Scores
from gansmith.folder import checkpoints
from gansmith.folder.alerts import read as read_alerts
from gansmith.folder.metrics_log import read
from gansmith.games import memory
from gansmith.games.duel import Duel
from gansmith.plan import choose_device
from gansmith.recipe import Evaluate, Train

SMALL = ("architecture.name=mlp", "architecture.generator_widths=[16]", "architecture.discriminator_widths=[16]")
QUIET = ("evaluate.times=0", "train.precision=float32")
PROGRAM = """
import sys, torch
torch.set_num_threads(1)
import gansmith, gansmith.callbacks.checkpoint as c
c.SECONDS = 0.0
gansmith.train(sys.argv[1], run=sys.argv[2], samples=int(sys.argv[3]), batch=8, settings=sys.argv[4:])
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 grey 8x8 pictures in one .npz with two classes."""
    path = tmp_path_factory.mktemp("data") / "small.npz"
    pixels = np.random.default_rng(0).integers(0, 255, (48, 8, 8), np.uint8)
    np.savez(path, samples=pixels, labels=np.arange(48) % 2)
    return path


def train(data: Path, run: Path, samples: int = 160, **more: object) -> None:
    settings = (*SMALL, *QUIET, *more.pop("settings", ()))  # type: ignore[misc]
    gansmith.train(data, run=run, samples=samples, batch=8, settings=settings, **more)  # type: ignore[arg-type]


def process(data: Path, run: Path, samples: int, *settings: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(data), str(run), str(samples), *SMALL, *QUIET, *settings]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def state_of(run: Path) -> dict[str, Tensor]:
    found = checkpoints.load_latest(run, print)
    assert found is not None
    flat: dict[str, Tensor] = {}

    def walk(name: str, value: object) -> None:
        if isinstance(value, Tensor):
            flat[name] = value
        elif isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{name}/{key}", inner)

    walk("", found[0]["game"])
    return flat


def assert_same(a: Path, b: Path) -> None:
    left, right = state_of(a), state_of(b)
    assert left.keys() == right.keys()
    for name in left:
        assert torch.equal(left[name], right[name]), name


def test_a_run_folder_holds_what_the_design_lists(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path / "run", settings=("evaluate.times=2", "evaluate.samples=20", "evaluate.features=random"))
    names = {p.name for p in (tmp_path / "run").iterdir()}
    assert {"run.json", "recipe.toml", "metrics.jsonl", "samples", "checkpoints", "generator.safetensors"} <= names
    assert "report.html" in names
    assert any(n.startswith("events.out.tfevents.") for n in names)
    run = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert run["state"] == "finished"
    assert run["samples_seen"] == 160
    assert run["scores"]["values"]["frechet"] > 0
    assert run["scores"]["protocol"]["extractor"] == "random"
    rows = read(tmp_path / "run" / "metrics.jsonl")
    assert {"loss/generator", "loss/discriminator", "verdict/real", "verdict/fake"} <= rows[-1].keys() | rows[0].keys()
    assert sorted(p.name for p in (tmp_path / "run" / "samples").glob("0*.png"))[0] == "000000000.png"


@pytest.mark.parametrize("recipe", ["dcgan", "sngan", "wgan-gp"])
def test_extending_equals_training_on(data: Path, tmp_path: Path, recipe: str) -> None:
    """Stopped after 80 samples and continued to 160 is the same as 160 at once: schedules aside, to the bit."""
    flat = ("optimizer.lr=1e-3", *QUIET)
    width = {"dcgan": "architecture.width=4", "wgan-gp": "architecture.width=4", "sngan": "architecture.width=8"}
    settings = (*flat, width[recipe])
    if recipe == "sngan":
        settings = (*settings, "architecture.discriminator_width=8")
    common = {"batch": 8, "recipe": recipe, "settings": settings}
    gansmith.train(data, run=tmp_path / "whole", samples=160, **common)  # type: ignore[arg-type]
    gansmith.train(data, run=tmp_path / "parts", samples=80, **common)  # type: ignore[arg-type]
    gansmith.train(data, run=tmp_path / "parts", samples=160)  # nothing else said: as the run has it
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_kill_at_random_moments_changes_nothing(data: Path, tmp_path: Path) -> None:
    """Kill -9 again and again while training; the folder is always whole, and the end is that of an undisturbed run.

    `make soak` does it 200 times.
    """
    samples, kills, rng = 4_000, 0, random.Random(0)
    train(data, tmp_path / "whole", samples)
    while kills < 3:
        worker = process(data, tmp_path / "run", samples)
        before = {p.name for p in (tmp_path / "run" / "checkpoints").glob("*.safetensors")}
        deadline = time.monotonic() + 60
        while worker.poll() is None and time.monotonic() < deadline:
            if {p.name for p in (tmp_path / "run" / "checkpoints").glob("*.safetensors")} - before:
                break
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.15))
        assert worker.poll() is None, f"ended before it was killed {kills} times: {worker.communicate()}"
        worker.kill()
        worker.wait()
        kills += 1
        assert checkpoints.load_latest(tmp_path / "run", pytest.fail) is not None
    last = process(data, tmp_path / "run", samples)
    _, errors = last.communicate(timeout=120)
    assert last.returncode == 0, errors
    assert_same(tmp_path / "whole", tmp_path / "run")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_saves_and_says_how_to_go_on(data: Path, tmp_path: Path, number: str) -> None:
    worker = process(data, tmp_path / "run", 10**8)
    while not list((tmp_path / "run" / "checkpoints").glob("*.safetensors")):
        assert worker.poll() is None, worker.communicate()
        time.sleep(0.02)
    time.sleep(0.3)
    worker.send_signal(getattr(signal, number))
    _, errors = worker.communicate(timeout=60)
    run = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert "The same command goes on" in errors
    assert run["state"] == "stopped"
    assert checkpoints.found(tmp_path / "run")[0].name.startswith(f"{run['samples_seen']:012d}-")


def test_a_second_process_is_refused(data: Path, tmp_path: Path) -> None:
    worker = process(data, tmp_path / "run", 10**8)
    try:
        while not list((tmp_path / "run" / "checkpoints").glob("*.safetensors")):
            assert worker.poll() is None, worker.communicate()
            time.sleep(0.02)
        with pytest.raises(RunFolderError, match=f"{worker.pid}"):
            train(data, tmp_path / "run", 10**8)
    finally:
        worker.kill()
        worker.wait()


def plant_nan(monkeypatch: pytest.MonkeyPatch, when: set[int]) -> list[int]:
    """From the steps numbered (over the whole process) in `when`, a NaN enters the generator's weights."""
    calls: list[int] = []
    step = Duel.step

    def poisoned(self: Duel, batch: object, clock: object) -> object:
        calls.append(clock.samples_seen)  # type: ignore[attr-defined]
        if len(calls) in when:
            with torch.no_grad():
                next(iter(self.generator.network.parameters())).fill_(float("nan"))
        return step(self, batch, clock)  # type: ignore[arg-type]

    monkeypatch.setattr(Duel, "step", poisoned)
    return calls


def test_a_planted_nan_is_answered(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checkpoint_module, "SECONDS", 0.0)
    plant_nan(monkeypatch, {7})
    train(data, tmp_path / "run")
    assert "Non-finite" in capsys.readouterr().err
    alert = read_alerts(tmp_path / "run")[0]
    assert (alert.kind, alert.event, alert.samples_seen) == ("non-finite", "recovered", 40)
    assert alert.numbers["back_to"] <= 32
    assert alert.numbers["caution"] == 0.5
    run = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert run["alarms"] == {"open": [], "raised": 1}
    assert all(torch.isfinite(t).all() for t in state_of(tmp_path / "run").values() if t.is_floating_point())
    found = checkpoints.load_latest(tmp_path / "run", pytest.fail)
    assert found is not None
    assert [found[0]["game"][player]["caution"] for player in ("generator", "discriminator")] == [0.5, 0.5]


def test_a_run_that_cannot_be_saved_gives_up_with_its_checkpoint_intact(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(data, tmp_path / "run", 80)
    before = state_of(tmp_path / "run")
    plant_nan(monkeypatch, set(range(1, 1000)))
    with pytest.raises(Diverged, match="4 times"):
        train(data, tmp_path / "run", 160)
    after = state_of(tmp_path / "run")
    assert all(torch.equal(before[n], after[n]) for n in before)
    run = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert run["state"] == "failed"
    assert run["alarms"]["open"] == ["non-finite"]


def test_weights_that_are_not_finite_are_never_saved(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update can break the weights while that step's loss was finite; the run then goes back before it."""
    monkeypatch.setattr(checkpoint_module.Checkpoint, "after_step", lambda self, run, report: self.save(run))
    step, calls = Duel.step, []

    def poisoned(self: Duel, batch: object, clock: object) -> object:
        calls.append(clock.samples_seen)  # type: ignore[attr-defined]
        report = step(self, batch, clock)  # type: ignore[arg-type]
        if len(calls) == 7:
            with torch.no_grad():
                next(iter(self.generator.network.parameters())).fill_(float("inf"))
        return report

    monkeypatch.setattr(Duel, "step", poisoned)
    train(data, tmp_path / "run")
    assert calls[6:9] == [32, 40, 32]  # the broken weights of call 7 show in call 8
    assert all(torch.isfinite(t).all() for t in state_of(tmp_path / "run").values() if t.is_floating_point())


def test_a_full_disk_leaves_the_last_checkpoint(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(data, tmp_path / "run", 80)
    before = state_of(tmp_path / "run")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFolderError, match="full"):
        train(data, tmp_path / "run", 160)
    monkeypatch.undo()
    assert all(torch.equal(before[n], t) for n, t in state_of(tmp_path / "run").items())
    train(data, tmp_path / "run", 160)


def test_a_corrupt_checkpoint_falls_back_to_the_one_before(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checkpoint_module, "SECONDS", 0.0)
    train(data, tmp_path / "whole", 240)
    train(data, tmp_path / "run", 160, settings=("optimizer.lr=1e-3",))
    newest = checkpoints.found(tmp_path / "run")[0]
    newest.write_bytes(newest.read_bytes()[:-7])
    train(data, tmp_path / "run", 240)
    assert "Falling back" in capsys.readouterr().err
    assert json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["samples_seen"] == 240


def test_another_recipe_or_other_data_is_refused(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path / "run", 80)
    kept = {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir() if p.is_file() and p.name != "run.lock"}
    with pytest.raises(RunFolderError, match=r"loss\.name: the run has 'relativistic', the command asks for 'hinge'"):
        train(data, tmp_path / "run", 160, settings=("loss.name=hinge",))
    other = tmp_path / "other.npz"
    np.savez(other, samples=np.zeros((48, 8, 8), np.uint8), labels=np.arange(48) % 2)
    with pytest.raises(RunFolderError, match="other data"):
        train(other, tmp_path / "run", 160)
    assert kept == {
        p.name: p.read_bytes() for p in (tmp_path / "run").iterdir() if p.is_file() and p.name != "run.lock"
    }


def test_a_folder_with_other_files_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "dear.txt").write_text("keep me", encoding="utf-8")
    with pytest.raises(RunFolderError, match="holds other files"):
        train(data, tmp_path / "photos")
    assert [p.name for p in (tmp_path / "photos").iterdir()] == ["dear.txt"]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"batch": 4096}, DataError, "--batch 24"),
        ({"recipe": "dgcan"}, RecipeError, "Did you mean 'dcgan'"),
        ({"settings": ("loss.name=hing",)}, RecipeError, "Did you mean 'hinge'"),
        ({"settings": ("architecture.widht=3",)}, RecipeError, "widht"),
        ({"settings": ("optimizer.lr=-1",)}, RecipeError, "lr must be above 0"),
        ({"settings": ("optimizer.lr=fast",)}, RecipeError, "fast"),
        ({"resolution": "banana"}, RecipeError, "WIDTHxHEIGHT"),
        ({"resolution": 7, "recipe": "dcgan", "batch": 8}, RecipeError, "7x7"),
        ({"device": "cuda"}, RecipeError, "no device 'cuda'"),
        ({"minutes": 1.0, "samples": 5}, RecipeError, "Give one of them"),
        ({"classes": True, "settings": ("data.channels=7",)}, RecipeError, "channels"),
        ({"batch": 8, "settings": ("penalty=auxiliary",)}, RecipeError, "recipe: the penalty auxiliary needs classes"),
    ],
)
def test_bad_options_are_explained_and_leave_nothing(
    data: Path, tmp_path: Path, options: dict[str, object], error: type[GansmithError], words: str
) -> None:
    if "device" in options and torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(error, match=words):
        gansmith.train(data, run=tmp_path / "run", **{"samples": 80, **options})  # type: ignore[arg-type]
    assert not (tmp_path / "run" / "recipe.toml").exists()


def test_sampling_needs_only_the_generator_file(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path / "run", 80)
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes((tmp_path / "run" / "generator.safetensors").read_bytes())
    trained = gansmith.load(alone)
    assert trained.classes == gansmith.load(tmp_path / "run").classes
    a, b = trained.sample(100, seed=5), gansmith.load(tmp_path / "run").sample(70, seed=5)
    torch.testing.assert_close(a.x[:70], b.x)
    assert not torch.equal(a.x, trained.sample(100, seed=6).x)
    still = trained.sample(8, seed=5, truncation=0.0, label=trained.classes[0] if trained.classes else None)
    torch.testing.assert_close(still.x, still.x[:1].expand_as(still.x))
    assert a._repr_png_().startswith(b"\x89PNG")


def test_a_batch_that_does_not_fit_is_refused_with_parts_that_do(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1_000_000)
    with pytest.raises(MemoryShortage, match=r"48 samples at a time do not fit.*\n.*train.micro_batch=\d+") as caught:
        gansmith.train(data, run=tmp_path / "run", samples=480, batch=48, settings=QUIET)
    setting = re.search(r"train.micro_batch=(\d+)", str(caught.value))
    assert setting is not None
    assert 2 <= int(setting[1]) < 48
    gansmith.train(data, run=tmp_path / "run", samples=96, batch=48, settings=(*QUIET, setting[0]))
    gansmith.train(data, run=tmp_path / "run", samples=192, settings=("train.micro_batch=2",))  # may change in a run
    assert json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["samples_seen"] == 192


def test_what_cannot_be_scored_does_not_end_a_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    same = tmp_path / "same.npz"
    np.savez(same, samples=np.zeros((48, 8, 8), np.uint8))
    settings = (*SMALL, "train.precision=float32", "evaluate.features=random", "evaluate.times=4")
    gansmith.train(same, run=tmp_path / "run", samples=160, batch=8, settings=settings)
    assert capsys.readouterr().err.count("No more scores in this run") == 1
    assert json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["state"] == "finished"


def test_the_best_evaluation_s_generator_is_handed_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distances = iter([5.0, 1.0, 2.0, 3.0, 9.0])  # four evaluations, of which the second is best, and the final one
    judged: list[Tensor] = []

    def score(self: Judge, draw: Callable[[int, int], tuple[Tensor, Tensor | None]], *, whole: bool = True) -> Scores:
        judged.append(draw(4, 0)[0])
        return Scores({"frechet": next(distances)}, {})

    monkeypatch.setattr(Judge, "score", score)
    train(data, tmp_path / "run", settings=("evaluate.times=4", "evaluate.features=random"))
    run = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert run["best"] == {"frechet": 1.0, "samples_seen": 80}
    assert run["samples_seen"] == 160
    assert gansmith.load(tmp_path / "run").metadata["samples_seen"] == 80
    assert torch.equal(judged[-1], judged[1])
    assert not torch.equal(judged[-1], judged[3])
    assert {int(p.name[:12]) for p in checkpoints.found(tmp_path / "run")} >= {80, 160}  # goes on from the newest


@pytest.mark.parametrize(
    ("minutes", "lasts", "at"),
    [
        (0.5, 1.5, [11.25, 30.0]),  # a tenth of 11 seconds and more, and then none before the end
        (0.1, 1.5, [6.0]),
        (2.0, 0.1, [15.0 * k for k in range(1, 9)]),
        (None, 9.0, [15.0 * k for k in range(1, 9)]),  # of so many samples nothing is lost
    ],
)
def test_evaluations_take_a_tenth_of_the_minutes_at_most(
    minutes: float | None, lasts: float, at: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, whole = types.SimpleNamespace(seconds=0.0), 60 * (minutes or 2.0)
    plan = types.SimpleNamespace(train=Train(minutes=minutes, samples=100), evaluate=Evaluate(times=8))
    run: Any = types.SimpleNamespace(recipe=plan, watch=watch, progress=lambda: watch.seconds / whole)
    log: Any = types.SimpleNamespace(scores=lambda *_: None)
    judge = types.SimpleNamespace(extractor=types.SimpleNamespace(ranks=False))
    evaluate, scored = evaluate_module.Evaluate(log, None), list[float]()  # type: ignore[arg-type]

    def scores(*_: object, **__: object) -> Scores:
        scored.append(watch.seconds)
        watch.seconds += lasts
        return Scores({"frechet": 1.0}, {})

    monkeypatch.setattr(evaluate_module, "_scores", scores)
    monkeypatch.setattr(evaluate, "judge", lambda *_: judge)
    while watch.seconds < whole:
        watch.seconds = min(watch.seconds + 0.25, whole)
        evaluate.after_step(run, None)  # type: ignore[arg-type]
    assert scored == pytest.approx(at, abs=0.5)


def test_features_that_are_not_there_are_refused_at_the_start(data: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="classifier"):
        gansmith.train(data, run=tmp_path / "run", samples=10**7, batch=8, settings=("evaluate.features=clasifier",))


def test_minutes_end_a_run(data: Path, tmp_path: Path) -> None:
    gansmith.train(data, run=tmp_path / "run", minutes=0.03, batch=8, settings=(*SMALL, *QUIET))
    run = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert run["state"] == "finished"
    assert 1.8 <= run["seconds"] < 20


@pytest.mark.parametrize(
    ("there", "found"),
    [("", {"auto": "cpu", "cpu": "cpu"}), ("mps", {"auto": "mps", "gpu": "mps"}), ("cuda mps", {"gpu": "cuda"})],
)
def test_a_gpu_is_whatever_there_is(there: str, found: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, backend in (("cuda", torch.cuda), ("mps", torch.backends.mps)):
        monkeypatch.setattr(backend, "is_available", lambda kind=kind: kind in there)
    assert {name: choose_device(name).type for name in found} == found
    for name in {"gpu", "cuda", "mps"} - found.keys() - set(there.split()):
        with pytest.raises(RecipeError, match=f"no device '{name}'"):
            choose_device(name)


def test_evaluations_give_back_what_they_freed(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    monkeypatch.setattr(evaluate_module, "give_back_freed_memory", lambda: given.append(1))
    settings = (*SMALL, "evaluate.times=3", "evaluate.samples=16", "evaluate.final_samples=16")
    gansmith.train(data, run=tmp_path / "run", samples=96, batch=8, settings=(*settings, "evaluate.features=random"))
    assert len(given) == 3
