"""How a step is computed, found by trying: what is right and fast is taken, kept, and goes on with the run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import pytest
import torch

import gansmith
from gansmith import plan as plan_module
from gansmith import tune
from gansmith.cli.app import main
from gansmith.contracts import Codec, Dataset
from gansmith.games.gradients import disagreement
from gansmith.plan import Wish, plan, settled
from gansmith.recipe import Recipe, Train, load_recipe
from gansmith.run import Run
from gansmith.tune import Way, tuned, worth_tuning

CPU = torch.device("cpu")
SMALL = ("architecture.width=4", "train.batch=8", "train.minutes=5")
Opened = tuple[Recipe, Dataset, Codec]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tuned"


@pytest.fixture(autouse=True)
def processor_with_bfloat16_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tune.SECONDS, "quick", 60.0)  # whatever else this machine does
    monkeypatch.setattr(tune, "ROUNDS", {"quick": tune.LAPS, "full": tune.LAPS})
    monkeypatch.setattr(tune._Tuning, "_bfloat16_is_no_slower", lambda self: True)


def opened(*settings: str, data: str = "digits", recipe: str = "dcgan") -> Opened:
    found = plan(Wish(data, recipe, tune="quick", settings=(*SMALL, *settings)), None, lambda text: None)
    return found, *found.data.open()


def choose(case: Opened, depth: Any = "quick", said: list[str] | None = None) -> Recipe:
    return tuned(*case, CPU, depth, 8, (said if said is not None else []).append)


def paces(monkeypatch: pytest.MonkeyPatch, pace: Callable[[Way], float]) -> None:
    monkeypatch.setattr(tune._Tuning, "_seconds", lambda self, game, way: pace(way))


@pytest.mark.parametrize(
    ("train", "worth"),
    [
        (Train(minutes=1), False),
        (Train(minutes=5, samples=10), True),
        (Train(samples=10_000), False),
        (Train(samples=1_000_000), True),
    ],
)
def test_a_short_training_is_not_held_up(train: Train, worth: bool) -> None:
    assert worth_tuning(train) == worth


def test_real_steps_choose_a_way_and_say_all_of_them(own_cache: Path) -> None:
    said: list[str] = []
    found = choose(opened(), said=said)
    assert found.train.precision in ("float32", "bfloat16")
    assert re.match(r"Tuned in [\d.]+ s: .* ms a step .*\(.*float32.*--tune off", said[0])
    assert len(list(own_cache.glob("*.json"))) == 1


def test_the_fastest_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = Way("float32", "channels_last", "resized")
    paces(
        monkeypatch, lambda way: 0.01 * sum(a != b for a, b in zip(astuple(way), astuple(wanted), strict=True)) + 0.01
    )
    train = choose(opened("architecture.upsample=nearest", "train.layout=channels_last")).train
    assert Way(train.precision, train.layout, train.upsampling) == wanted
    assert choose(opened()).train.layout == "channels_last"


def test_what_is_hardly_faster_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = settled(opened()[0]).train
    eager = replace(usual, execution="eager")
    paces(monkeypatch, lambda way: 0.0100 if way.of(usual) == eager else 0.0098)
    assert choose(opened("architecture.upsample=nearest")).train == usual


def test_wrong_gradients_are_refused_aloud(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    paces(monkeypatch, lambda way: 0.01 if way.precision == "bfloat16" else 0.02)
    real = tune._Tuning._gradients

    def broken(self: Any, game: Any, way: Way) -> list[torch.Tensor]:
        return [g * (0.2 if way.precision == "bfloat16" else 1) for g in real(self, game, way)]

    monkeypatch.setattr(tune._Tuning, "_gradients", broken)
    assert choose(opened(), said=said).train.precision == "float32"
    assert any("bfloat16" in text and re.search(r"(79|80|81)% off", text) for text in said)
    monkeypatch.setattr(tune._Tuning, "_gradients", lambda self, game, way: [torch.full((2,), torch.nan)] * 2)
    assert choose(opened(), "full").train.precision == "auto"  # nothing is right: left to the rule


def test_what_was_found_is_found_again_at_once(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paces(monkeypatch, lambda way: 0.01 if way.layout == "contiguous" else 0.02)
    first, said = choose(opened()), []
    monkeypatch.setattr(tune, "_Tuning", None)
    assert choose(opened(), said=said) == first
    assert choose(opened(), "known") == first
    assert "as tuned before" in said[0]
    assert choose(opened("architecture.width=8"), "known").train.layout == "auto"  # another recipe
    for damaged in ("", "[]", '{"precision": 3, "speed": 1}', "\0"):
        next(own_cache.glob("*.json")).write_text(damaged)
        assert choose(opened(), "known").train.precision == "auto"


def test_what_a_user_says_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Way] = []
    paces(monkeypatch, lambda way: tried.append(way) or 0.01)  # type: ignore[func-returns-value]
    assert choose(opened("train.precision=float32")).train.precision == "float32"
    assert {way.precision for way in tried} == {"float32"}
    tried.clear()
    chosen = ("train.layout=contiguous", "train.upsampling=composed", "train.execution=eager")
    fixed = opened("train.precision=float32", *chosen)
    assert choose(fixed) == fixed[0]
    assert choose(opened(), "off").train.precision == "auto"
    assert not tried


def test_points_stay_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Way] = []
    paces(monkeypatch, lambda way: tried.append(way) or 0.01)  # type: ignore[func-returns-value]
    case = plan(Wish("ring", "auto", tune="quick", settings=("train.precision=auto",)), None, lambda text: None)
    chosen = tuned(case, *case.data.open(), CPU, "quick", 8, print)
    assert settled(chosen).train.precision == "float32"
    assert {(way.precision, way.layout) for way in tried} <= {("float32", "auto")}


def test_a_processor_that_multiplies_bfloat16_slowly_is_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Way] = []
    paces(monkeypatch, lambda way: tried.append(way) or 0.01)  # type: ignore[func-returns-value]
    monkeypatch.setattr(tune._Tuning, "_bfloat16_is_no_slower", lambda self: False)
    choose(opened())
    assert {way.precision for way in tried} == {settled(opened()[0]).train.precision} | {"float32"}


def test_threads_are_tried_when_asked_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        paces(monkeypatch, lambda way: 0.01 if way.threads == 1 else 0.02)
        assert choose(opened()).train.threads is None
        assert choose(opened(), "full").train.threads == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_steps_that_cannot_be_listed_are_not_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no rule decides: on a GPU."""
    monkeypatch.setattr(tune._Tuning, "_ruled", False)
    monkeypatch.setattr(plan_module, "LIST_MINUTES", float("inf"))
    paces(monkeypatch, lambda way: 0.01 if way.execution == "listed" else 0.02)
    assert choose(opened()).train.execution == "listed"
    said: list[str] = []
    assert choose(opened("penalty.lecam.weight=0.3")).train.execution == "eager"
    monkeypatch.setattr(Recipe, "listable", True)
    assert choose(opened("penalty.lecam.weight=0.2"), said=said).train.execution == "eager"
    assert any(text.startswith("Not used:") and "listed" in text and "remembers" in text for text in said)


def test_a_processor_lists_its_steps_untried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Way] = []
    paces(monkeypatch, lambda way: tried.append(way) or 0.01)  # type: ignore[func-returns-value]
    assert choose(opened()).train.execution == "listed"
    assert {way.execution for way in tried} == {"eager"}
    assert settled(opened()[0]).train.execution == "listed"
    assert settled(opened("train.minutes=0.1")[0]).train.execution == "eager"
    assert settled(opened("penalty.lecam.weight=0.3")[0]).train.execution == "eager"
    assert settled(opened("train.execution=compiled")[0]).train.execution == "compiled"


def test_steps_that_take_long_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    paces(monkeypatch, lambda way: 30.0)
    case = opened()
    assert choose(case, said=said) == case[0]
    assert "a step takes 30.0 s" in said[0]


def test_disagreement_is_the_larger_relative_error() -> None:
    a, b = torch.tensor([3.0, 4.0]), torch.tensor([1.0])
    assert disagreement([a, b], [a, b]) == 0
    assert disagreement([a * 1.1, b * 0.5], [a, b]) == pytest.approx(0.5)
    assert disagreement([torch.zeros(0), b], [torch.zeros(0), b]) == 0


def test_a_run_keeps_its_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "digits", "--run", str(tmp_path / "run"), "--recipe", "dcgan", "--tune", "full"]
    command += ["--set", "architecture.width=4", "train.batch=8", "evaluate.times=0", "evaluate.final_samples=10"]
    assert main([*command, "--samples", "64"]) == 0
    assert "Tuned in" in capsys.readouterr().err
    chosen = load_recipe(tmp_path / "run" / "recipe.toml")["train"]
    assert chosen["precision"] != "auto"
    assert main([*command, "--samples", "128"]) == 0
    told = capsys.readouterr().err
    assert "Continuing at 64" in told
    assert "Tuned" not in told
    again = load_recipe(tmp_path / "run" / "recipe.toml")["train"]
    assert {**again, "samples": 64} == chosen


def test_trying_leaves_no_trace_in_the_weights(tmp_path: Path) -> None:
    settings = ("architecture.width=4", "train.batch=8", "train.precision=float32", "evaluate.times=0")
    words: dict[str, Any] = {"recipe": "dcgan", "samples": 64, "settings": settings}
    with_tries = gansmith.train("digits", run=tmp_path / "a", tune="full", **words)
    chosen = load_recipe(tmp_path / "a" / "recipe.toml")["train"]
    settings = (*settings, f"train.layout={chosen['layout']}", f"train.upsampling={chosen['upsampling']}")
    without = gansmith.train("digits", run=tmp_path / "b", tune="off", **(words | {"settings": settings}))
    assert torch.equal(with_tries.sample(4, seed=1).x, without.sample(4, seed=1).x)


def test_layout_and_threads_of_a_recipe_are_used(tmp_path: Path) -> None:
    for layout, last in (("contiguous", False), ("channels_last", True)):
        case = opened(f"train.layout={layout}", "train.precision=float32", "architecture.upsample=nearest")
        game = Run(tmp_path, *case[:2], None, case[2], CPU).game
        weights = [p for p in game.generator.network.parameters() if p.dim() == 4 and min(p.shape) > 1]
        assert weights
        assert all(w.is_contiguous(memory_format=torch.channels_last) == last for w in weights)
    before = torch.get_num_threads()
    try:
        settings = ("architecture.width=4", "train.batch=8", "train.threads=1", "evaluate.times=0")
        gansmith.train("digits", run=tmp_path / "run", recipe="dcgan", samples=16, settings=settings)
        assert json.loads((tmp_path / "run" / "run.json").read_text())["threads"] == 1
    finally:
        torch.set_num_threads(before)
