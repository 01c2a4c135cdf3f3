"""Benchmarks of trainings: each is found and run in miniature; resuming, bars, failures, and the copies' arithmetic."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gansmith import api, bench
from gansmith.bench import (
    _benchmark,
    _curves,
    _judge,
    _runs,
    _throughput,
    auto,
    auto_longer,
    auto_shorter,
    babysitting,
    few_shot,
    losses,
)
from gansmith.bench._bench import (
    FIRST,
    SECOND,
    Bar,
    Bench,
    Column,
    Data,
    Group,
    Outcome,
    Series,
    Training,
    by_seed,
    shares,
)
from gansmith.bench._benchmark import Ask
from gansmith.bench._figure import curves, heat
from gansmith.bench._report import Result, published
from gansmith.bench._table import lines
from gansmith.bench._throughput import throughput
from gansmith.bench.few_shot import shares_of_copies
from gansmith.cli.app import main
from gansmith.errors import DataError, GansmithError, RunFolderError
from gansmith.evaluation import Scores
from gansmith.folder.run_json import update_run

NAMES = [name for name in bench.names() if isinstance(bench.find(name), Bench)]  # of trainings
TINY = ["--minutes", "0.002", "--seeds", "1", "--samples", "20", "--set", "train.batch=4", "evaluate.times=0"]
NARROW = {"few-shot": ["architecture.width=4"]}  # 64 x 64 takes a while


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """24 + 12 noisy grey pictures, which stand for every data set."""
    chance = np.random.default_rng(0)
    for split, count in (("train", 24), ("test", 12)):
        folder = tmp_path / "pictures" / split
        folder.mkdir(parents=True)
        for k in range(count):
            Image.fromarray(chance.integers(0, 255, (16, 16), np.uint8)).save(folder / f"{k}.png")
    monkeypatch.setattr(Data, "find", lambda self, root: str(tmp_path / "pictures"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "pictures"


def start_here(command: Sequence[str], ask: Ask, training: Training) -> Any:
    """In place of a process of its own, which takes seconds to begin: the same command line, here and now."""
    log = ask.work / f"{training.name}.log"
    with log.open("w") as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        code = main(command)
    return types.SimpleNamespace(poll=lambda: code, returncode=code, terminate=lambda: None, wait=lambda: code)


@pytest.mark.quick
@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_runs_in_miniature(
    name: str, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_runs, "_start", start_here)
    monkeypatch.setattr(_runs, "LOOK_SECONDS", 0)
    monkeypatch.setattr(type(bench.find(name)), "pictured", 9)
    monkeypatch.setattr(auto, "SETS", auto.SETS[:1])
    monkeypatch.setattr(auto.networks, "names", lambda: ["dcgan", "r3gan"])
    for some in (auto_longer.AutoLonger, auto_shorter.AutoShorter):
        monkeypatch.setattr(some, "unlabelled", auto.SETS[:1])
        monkeypatch.setattr(some, "labelled", ())
    monkeypatch.setattr(babysitting, "SETS", babysitting.SETS[:2])
    monkeypatch.setattr(few_shot, "DRAWN", few_shot.CHUNK // 10)
    monkeypatch.setattr(few_shot, "CHUNK", few_shot.CHUNK // 10)
    monkeypatch.setattr(losses, "part_names", lambda kind, package: ["hinge"] if "loss" in package else ["r1"])
    assert main(["bench", name, "--json", "result.json", "--figure", "result.png", *TINY, *NARROW.get(name, [])]) == 0
    text = capsys.readouterr().out
    result = json.loads(Path("result.json").read_text())
    assert result["bench"] == name
    assert result["command"].startswith(f"gansmith bench {name} --seeds 1 --minutes 0.002 --samples 20")
    assert not result["protocol"]["as_stated"]
    assert {bar["title"] for bar in result["bars"]} == {bar.title for bar in bench.find(name).bars}
    done = [run for run in result["runs"] if run["state"] == "finished"]
    assert done
    assert all(run["scores"]["first"] for run in done)
    groups = [group.name for group in bench.find(name).groups()]
    assert [run["group"] for run in result["runs"]] == groups
    assert all(group in text for group in groups)
    assert all(row["name"] in text and row["source"] in text for row in published(name))
    assert str(pictures.parent) not in Path("result.json").read_text() + text
    assert Image.open("result.png").width >= 1000


def test_all_of_the_benchmarks_are_found() -> None:
    of_the_data = {"points", "stacked-mnist", "mnist", "race", "cifar10", "few-shot", "scenes"}
    of_gansmith = {"losses", "auto", "auto-longer", "auto-shorter", "babysitting"}
    assert of_the_data | of_gansmith == set(NAMES) == set(bench.names()) - {"speed"}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_benchmark_says_fits_together(name: str) -> None:
    found = bench.find(name)
    groups = [group.name for group in found.groups()]
    assert len({t.name for t in _runs.trainings(found, Ask(Path()))}) == len(groups) * found.seeds
    derived = {(series.group, series.score) for series in found.derived([])}
    for bar in found.bars:
        assert bar.group in groups or (bar.group, bar.score) in derived
        assert (bar.group, bar.score) in derived or bar.score in {column.score for column in found.columns}
    for row in published(name):
        assert row["source"]
        assert set(row.get("values", {})) <= {column.score for column in found.columns}


def test_the_race_gives_one_side_a_fortieth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = bench.find("race")
    ours, theirs = _runs.trainings(found, Ask(Path(), seeds=1))
    assert (60 * ours.minutes, 60 * theirs.minutes) == (22.5, 900)
    assert (ours.group.classes, theirs.group.classes) == (False, False)
    told = Result(found, Ask(tmp_path, minutes=4), [], 1.0).lengths
    assert told == "4 minutes each (auto: 6 seconds)"


def test_processes_are_clocked_where_they_were_not_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "two-0").mkdir()  # it went on

    def start(command: Sequence[str], ask: Ask, training: Training) -> Any:
        (ask.work / f"{training.name}.log").write_text("")
        update_run(ask.work / training.name, state="finished")
        (ask.work / training.name / "recipe.toml").write_text("")
        return types.SimpleNamespace(poll=lambda: 0, returncode=0, terminate=lambda: None, wait=lambda: 0)

    monkeypatch.setattr(_runs, "_start", start)
    one, two = _runs.run_all(Two("two"), Ask(tmp_path), lambda _: None)
    assert -0.1 <= one.facts["startup_seconds"] <= one.facts["process_seconds"] < 60  # file systems round times
    assert "process_seconds" not in two.facts
    scores = bench.find("race").run_scores(one)
    assert scores.keys() == {"run/startup_seconds", "run/process_seconds"}


def test_babysitting_is_thirty_runs_of_ten_sets() -> None:
    found = bench.find("babysitting")
    assert len(_runs.trainings(found, Ask(Path()))) == 30
    assert len({group.data.place for group in found.groups()}) == 10
    assert all(group.recipe is None and not group.settings for group in found.groups())


@pytest.mark.quick
def test_points_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_runs, "_start", start_here)
    monkeypatch.setattr(type(bench.find("points")), "pictured", 50)
    small = ["--minutes", "0.005", "--seeds", "1", "--samples", "300", "--json", "p.json", "--figure", "p.png"]
    assert main(["bench", "points", *small, "--set", "evaluate.times=0"]) == 0
    rows = {(r["group"], r["score"]): r["median"] for r in json.loads(Path("p.json").read_text())["rows"]}
    assert rows["ring", "modes/hit"] >= 0
    assert rows["grid", "modes/kl"] >= 0


# how it goes on


def test_processes_are_started_once_and_another_protocol_is_refused(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    words = ["bench", "stacked-mnist", *TINY]
    assert main(words) == 0
    assert "1 trainings, 0 of them there already" in capsys.readouterr().err
    log = Path("runs/bench/stacked-mnist/auto-0.log").read_text()
    assert "Report:" in log, log
    assert json.loads(Path("runs/bench/stacked-mnist/auto-0/run.json").read_text())["threads"] == 1

    def never(*anything: Any) -> None:
        raise AssertionError("a finished training was started again")

    monkeypatch.setattr(subprocess, "Popen", never)
    assert main(words) == 0
    assert "1 of them there already" in capsys.readouterr().err
    assert main([*words, "train.batch=8"]) == 2
    message = capsys.readouterr().err
    assert "by another command" in message
    assert "train.batch=8" in message


class Two(Bench):
    """Two trainings, for the tests below."""

    summary = "two"
    minutes = 1
    seeds = 1
    columns = (Column("frechet", "Frechet"),)

    def groups(self) -> list[Group]:
        return [Group("one", Data("d", "digits")), Group("two", Data("d", "digits"))]


def ends(monkeypatch: pytest.MonkeyPatch, told: str, code: int, state: str | None) -> list[str]:
    """Let trainings end so; returns the list that will hold the names of those that were started."""
    started: list[str] = []

    def start(command: Sequence[str], ask: Ask, training: Training) -> Any:
        started.append(training.name)
        (ask.work / f"{training.name}.log").write_text(told)
        if state:
            update_run(ask.work / training.name, state=state)
        return types.SimpleNamespace(poll=lambda: code, returncode=code, terminate=lambda: None, wait=lambda: code)

    monkeypatch.setattr(_runs, "_start", start)
    return started


def test_a_diverged_training_is_a_result_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = "gansmith: Training became non-finite (loss/generator) 4 times, the last at 64 samples seen."
    started = ends(monkeypatch, told, 2, "failed")
    for _ in range(2):
        outcomes = _runs.run_all(Two("two"), Ask(tmp_path), lambda _: None)
        assert [o.state for o in outcomes] == ["diverged", "diverged"]
        assert "4 times" in outcomes[0].message
    assert started == ["one-0", "two-0"]


@pytest.mark.parametrize("keeps", [True, False])
def test_a_refused_training_is_a_result_only_where_that_is_asked(
    keeps: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends(monkeypatch, "gansmith: [loss]: there is no such thing", 2, None)
    monkeypatch.setattr(Two, "keeps_refused", keeps)
    if keeps:
        assert _runs.run_all(Two("two"), Ask(tmp_path), lambda _: None)[0].state == "refused"
    else:
        with pytest.raises(GansmithError, match="no such thing"):
            _runs.run_all(Two("two"), Ask(tmp_path), lambda _: None)


@pytest.mark.parametrize(("code", "state"), [(1, "failed"), (130, "stopped"), (-9, "running"), (2, "failed")])
def test_what_is_no_result_is_told_and_can_go_on(
    code: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends(monkeypatch, "gansmith: Out of memory", code, state)
    with pytest.raises(GansmithError, match=r"goes on(.|\n)*\.log"):
        _runs.run_all(Two("two"), Ask(tmp_path), lambda _: None)
    started = ends(monkeypatch, "", 0, "finished")
    assert [o.state for o in _runs.run_all(Two("two"), Ask(tmp_path), lambda _: None)] == ["finished"] * 2
    assert started == ["one-0", "two-0"]


def test_what_runs_is_ended_when_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    def start(command: Sequence[str], ask: Ask, training: Training) -> Any:
        (ask.work / f"{training.name}.log").write_text("")
        code = 1 if training.name == "one-0" else None
        end = lambda: ended.append(training.name)  # noqa: E731
        return types.SimpleNamespace(poll=lambda: code, returncode=code, terminate=end, wait=lambda: 0)

    monkeypatch.setattr(_runs, "_start", start)
    with pytest.raises(GansmithError):
        _runs.run_all(Two("two"), Ask(tmp_path, jobs=2), lambda _: None)
    assert ended == ["two-0"]


def test_asked_to_end_it_ends_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    def start(command: Sequence[str], ask: Ask, training: Training) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        end = lambda: ended.append(training.name)  # noqa: E731
        return types.SimpleNamespace(poll=lambda: 130, returncode=130, terminate=end, wait=lambda: 130)

    monkeypatch.setattr(_runs, "_start", start)
    with pytest.raises(KeyboardInterrupt):
        _runs.run_all(Two("two"), Ask(tmp_path), lambda _: None)
    assert ended == ["one-0"]


def test_what_was_judged_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lambda folder, features, samples: Scores({"x": 1.0}, {"extractor": features})  # noqa: E731
    monkeypatch.setattr(api, "evaluate", made)
    training = Training(Group("one", Data("d", "digits")), 0, 1)
    (tmp_path / "one-0").mkdir()
    (tmp_path / "one-0" / "generator.safetensors").write_bytes(b"")

    def judged(judges: tuple[str, ...] = (FIRST, SECOND)) -> dict[str, dict[str, float]]:
        monkeypatch.setattr(Two, "judges", judges)
        outcome = Outcome(training, tmp_path / "one-0", "finished")
        _judge.judge_all(Two("two"), [outcome], 20, lambda _: None)
        return outcome.scores

    assert judged((FIRST,)) == {"first": {"x": 1.0}}
    assert judged() == {"first": {"x": 1.0}, "second": {"x": 1.0}}
    made = lambda folder, features, samples: Scores({"x": 2.0})  # noqa: E731
    monkeypatch.setattr(api, "evaluate", made)
    assert judged()["first"] == {"x": 1.0}
    (tmp_path / "one-0" / "generator.safetensors").write_bytes(b"another")
    assert judged()["first"] == {"x": 2.0}


def test_what_cannot_be_judged_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*anything: Any, **more: Any) -> None:
        raise DataError("all black")

    monkeypatch.setattr(api, "evaluate", refuse)
    training = Training(Group("one", Data("d", "digits")), 0, 1)
    (tmp_path / "one-0").mkdir()
    (tmp_path / "one-0" / "generator.safetensors").write_bytes(b"")
    outcome = Outcome(training, tmp_path / "one-0", "finished")
    _judge.judge_all(Two("two"), [outcome], 20, lambda _: None)
    text = "\n".join(lines(Result(Two("two"), Ask(tmp_path), [outcome], 1.0)))
    assert "one, seed 0: not judged by the first judge. all black" in text


def test_a_damaged_note_is_told(tmp_path: Path) -> None:
    (tmp_path / "one-0.json").write_text("{")
    with pytest.raises(RunFolderError, match="damaged"):
        _runs.run_all(Two("two"), Ask(tmp_path), lambda _: None)


def test_data_is_looked_for_below_a_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "c.zip").write_bytes(b"")
    assert Data("c", "cells/c.zip/train/hat").find(tmp_path).endswith("c.zip/train/hat")
    monkeypatch.setenv("GANSMITH_DATA", str(tmp_path))
    assert Data("c", "cells/c.zip").find(None) == str(tmp_path / "cells" / "c.zip")
    assert Data("m", "mnist").find(None) == "mnist"
    with pytest.raises(DataError, match="--data-root"):
        Data("d", "cells/d.zip").find(None)


@pytest.mark.parametrize(("jobs", "asked", "threads"), [(1, "", 4), (2, "", 2), (8, "", 1), (2, "1", 1), (1, "9", 4)])
def test_the_cores_are_shared_out(jobs: int, asked: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_benchmark, "cores", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert Ask(Path(), jobs=jobs).threads == threads


# arithmetic


def test_bars() -> None:
    series = Series("g", "s", FIRST, (1.0, 5.0, 3.0))
    assert (series.of("median"), series.of("lowest"), series.of("highest")) == (3, 1, 5)
    assert Bar("g", "s", 3, "at most").met(series)
    assert not Bar("g", "s", 2.9, "at most").met(series)
    assert Bar("g", "s", 1, "at least", "every seed").met(series)
    assert not Bar("g", "s", 1.1, "at least", "every seed").met(series)
    assert not Bar("g", "s", 4, "at most", "every seed").met(series)
    assert Bar("g", "s", 3, "at most", "every seed").value(series) == 5
    for values in ((1.0, None), (), (None,)):
        assert not Bar("g", "s", 100, "at most").met(Series("g", "s", FIRST, values))
        assert not Bar("g", "s", -100, "at least", "every seed").met(Series("g", "s", FIRST, values))


def test_shares_and_series_by_seed() -> None:
    assert shares([1.0, None, 3.0, 1.0], [2.0, 2.0, None, 0.0]) == (0.5, None, None, None)
    group = Group("g", Data("d", "d"))
    outcomes = [Outcome(Training(group, s, 1), Path(), "finished", scores={FIRST: {"x": s}}) for s in (2, 0, 1)]
    assert by_seed(outcomes, "g", "x").values == (0, 1, 2)
    assert by_seed(outcomes, "g", "y").values == (None, None, None)


def test_copies_are_counted_as_the_bar_says() -> None:
    reals = torch.tensor([[0.0, 0.0], [4.0, 0.0], [4.0, 3.0], [4.0, 3.0]])  # the last two are duplicates
    samples = torch.tensor([[0.0, 0.1], [0.0, 2.9], [0.0, 3.1], [20.0, 0.0]])
    found = shares_of_copies([samples], [reals])
    assert found == {"copies/share": 0.5, "copies/closer": 0.5}  # nearest neighbours of reals: 4, 3, 3, 3
    assert shares_of_copies([reals + 0.01], [reals])["copies/share"] == 1
    mirrored = torch.tensor([[4.0, 0.5], [9.0, 9.0], [9.0, 9.0], [9.0, 9.0]])  # the first's mirror is near the second
    assert shares_of_copies([samples], [reals, mirrored])["copies/share"] == 0.25
    near = torch.full((4, 2), 4.0) - torch.tensor([0.0, 4.2])  # the samples' mirror images are near the second
    assert shares_of_copies([samples, near], [reals])["copies/share"] == 1


def test_alarms_of_babysitting() -> None:
    found = bench.find("babysitting")
    training = Training(found.groups()[0], 0, 1)

    def scores(state: Any, **facts: Any) -> dict[str, float]:
        return found.run_scores(Outcome(training, Path(), state, facts=facts))

    open_ = {"open": ["mode collapse", {"kind": "overfitting"}], "raised": 3}
    told = scores("finished", alarms=open_, went_back=1)
    assert told == {"run/diverged": 0, "run/went_back": 1, "run/open_alarms": 2, "run/open_collapse": 1}
    assert scores("diverged")["run/diverged"] == 1
    assert "run/open_collapse" not in scores("finished")
    total = next(s for s in found.derived([Outcome(training, Path(), "finished")]) if s.score == "run/open_collapse")
    assert not found.bars[1].met(total), "without alarms nobody knows"


def test_pictures_of_nothing_and_of_something() -> None:
    assert curves("c", {}).height == 300
    some = np.asarray(curves("c", {"a": [(0.0, 10.0), (1.0, 1.0)], "b": [(0.0, 0.0)]}))
    assert len(np.unique(some.reshape(-1, 3), axis=0)) > 5
    spread = np.asarray(curves("c", {"a": [(1.0, 10.0), (1000.0, 1.0)], "b": [(0.0, 1.0)]}, log_x=True))
    assert len(np.unique(spread.reshape(-1, 3), axis=0)) > 5
    green, red = (np.asarray(heat("h", {"r": {"c": (share, "x")}}))[96, 210].astype(int) for share in (1.0, 0.0))
    assert green[1] > green[0]
    assert red[0] > red[1]


def test_evaluations_are_drawn_on_logarithmic_axes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, Any] = {}
    monkeypatch.setattr(_curves, "curves", lambda title, lines, **more: drawn.update(lines) or more)
    outcome = Outcome(Training(Group("g", Data("d", "d")), 3, 1), tmp_path, "finished")
    rows = [{"samples_seen": k, "seconds": 10.0 * k, "score/frechet_ratio": 5.0 / k} for k in (1, 2)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert _curves.ratio_against_time([outcome]) == {"log_x": True}
    assert drawn == {"g, seed 3": [(10.0, 5.0), (20.0, 2.5)]}


def test_throughput_is_drawn_of_a_speed_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def row(name: str, plain: float, ours: float) -> dict[str, Any]:
        return {
            "name": name,
            "batch": 32,
            "milliseconds": {"plain float32": {"median": plain}, "tuned": {"median": ours}},
        }

    table = {"rows": [row("recipe dcgan", 1, 1), row("auto with a, 32 px", 64, 32), row("auto with b, 32 px", 32, 16)]}
    image = np.asarray(throughput(table))
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 5
    drawn: dict[str, Any] = {}
    monkeypatch.setattr(_throughput, "bars", lambda title, values: drawn.update(values))
    throughput(table)
    assert list(drawn.items()) == [
        ("b, 32 px", {"plain float32": 1000.0, "tuned": 2000.0}),
        ("a, 32 px", {"plain float32": 500.0, "tuned": 1000.0}),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bench", "mnits"], "Did you mean 'mnist'"),
        (["bench", "mnist", "--figure", "f.jpg"], ".png or .webp"),
        (["bench", "mnist", "--seeds", "0"], "at least 1"),
    ],
)
def test_wrong_words(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_without_a_name_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in NAMES)
