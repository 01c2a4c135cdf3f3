"""Evaluations that all processes share: each sees its part, the leader has what one process would have.

This file is also what the processes run: `python test_shared_evaluation.py MODE FOLDER [ARGUMENT ...]`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save, save_file
from torch import Tensor

import gansmith.features
from gansmith.callbacks.draws import draw, draw_part, spread_generator
from gansmith.cli.app import main
from gansmith.contracts import Batch, Dataset, Extractor, Scorer, Seen, Spec
from gansmith.errors import DataError, GansmithError
from gansmith.evaluation import Judge, Scores
from gansmith.features import classifier, fit
from gansmith.features.classifier import Classifier
from gansmith.features.coordinates import Coordinates
from gansmith.features.random import RandomFeatures, second_random
from gansmith.features.recogniser import Recogniser
from gansmith.features.sent import SENT, pack, unpack
from gansmith.features.stacked import StackedFeatures
from gansmith.features.stored import FIRST, SECOND, Stored, new_network
from gansmith.features.together import share
from gansmith.follower import follow
from gansmith.plan import Wish, plan, settled
from gansmith.recipe import Recipe, load_recipe
from gansmith.run import Run
from gansmith.world import ALONE, Word, World, join

Alone = list[tuple[Judge, dict[str, float]]]
SAMPLES = 501  # two calls to draw, of 500 and of 1: of the second the leader makes none
SMALL = ("architecture.width=4", "train.precision=float32", "train.batch=32")


class Darkness(Extractor):
    """A class that cannot be sent."""

    name, hash = "darkness", "0" * 16

    def __init__(self) -> None:
        self.details = {}

    def __call__(self, x: Tensor) -> Seen:
        return Seen(x.flatten(1)[:, 20:28].contiguous())


class Spread(Scorer):
    """Looks at samples themselves, and at more of them than there are features of."""

    name, samples = "spread", 600

    def __init__(self) -> None:
        self.protocol = {}

    def see(self, x: Tensor) -> Tensor:
        return x.flatten(1)

    def score(self, seen: Tensor) -> dict[str, float]:
        return {"std": float(seen.std()), "count": float(len(seen))}


def stored(shape: tuple[int, ...] = (1, 8, 8), made: str = FIRST[0], kind: str = "classifier") -> Stored:
    """A network that nobody has trained, of ten answers."""
    answers, details = tuple("0123456789"), {"labels": list("0123456789"), "most": 3, "features": 128}
    return Stored(kind, made, new_network(made, shape, len(answers), 5), shape, answers, details)


def extractors() -> list[Extractor]:
    return [
        second_random(Spec((1, 8, 8))),
        Classifier(stored(made=SECOND[0])),
        Recogniser(stored(kind="recogniser")),
        StackedFeatures(Classifier(stored()), 1),
        Darkness(),
    ]


def opened(folder: Path, world: World = ALONE) -> Run:
    """A run that nobody has trained, the same in all processes; its samples differ from each other."""
    recipe = settled(plan(Wish("digits", recipe="dcgan", settings=SMALL), None, lambda text: None))
    run = run_of(folder, recipe, world)
    with torch.no_grad():
        for weight in run.game.generator.averaged.parameters():
            weight *= 20 if weight.dim() > 1 else 1
    return run


def run_of(folder: Path, recipe: Recipe, world: World = ALONE) -> Run:
    dataset, codec = recipe.data.open()
    return Run(folder, recipe, dataset, recipe.data.open_test(), codec, torch.device("cpu"), world)


def judged(run: Run, extractor: Extractor, world: World = ALONE, seed: int = 7) -> tuple[Judge, dict[str, float]]:
    judge = Judge(extractor, run.dataset, run.test, SAMPLES, seed, (Spread(),), world)
    return judge, judge.score(partial(draw_part if world.size > 1 else draw, run)).values


def trouble(call: Callable[[], object]) -> str:
    try:
        call()
    except GansmithError as error:
        return str(error)
    return ""


# What the processes do


def evaluate(folder: Path) -> None:
    """One evaluation after the other; then twice something is wrong with the second process."""
    counted = count_rows()
    with join() as world:
        run = opened(folder, world)
        if world.leads:
            (folder / "told.json").write_text(json.dumps(lead(run)))
        else:
            follow(run)
            test, run.test = run.test, Unreadable(run.test)
            follow(run)
            run.test = test
            for weight in run.game.generator.averaged.parameters():
                weight.data.fill_(float("nan"))
            follow(run)
        (folder / f"rows-{world.rank}.json").write_text(json.dumps(counted))


def lead(run: Run) -> dict[str, Any]:
    told: dict[str, Any] = {"scores": [], "said": []}
    reals: dict[str, Tensor] = {}
    for k, extractor in enumerate(extractors()):
        judge, values = judged(run, extractor, share(run.world, extractor, told["said"].append))
        told["scores"].append(values)
        reals[str(k)] = judge.reference.vectors
    save_file(reals, run.folder / "reals.safetensors")
    told["few"] = [len(draw(run, count, 3)[0]) for count in (1, 3)]
    run.world.tell(Word.END, 1)

    random = extractors()[0]
    random.name = "random"  # counted apart from what came before
    world = share(run.world, random, told["said"].append)
    told["unreadable"] = trouble(lambda: judged(run, random, world))
    run.world.tell(Word.END, 1)

    world = share(run.world, random, told["said"].append)
    told["not finite"] = trouble(lambda: judged(run, random, world))
    spread_generator(run)
    told["spread"] = judged(run, random, world)[1]
    run.world.tell(Word.END, 1)
    return told


class Unreadable(Dataset):
    """Held-out samples whose files are gone."""

    def __init__(self, dataset: Dataset | None) -> None:
        assert dataset is not None
        self.dataset, self.spec = dataset, dataset.spec

    def __len__(self) -> int:
        return len(self.dataset)

    def fetch(self, indices: Sequence[int]) -> Batch:
        raise DataError("photos/7.jpg is gone.")


def count_rows() -> Counter[str]:
    """How many samples each class of extractor sees in this process, from now on."""
    rows: Counter[str] = Counter()

    def counting(see: Callable[[Any, Tensor], Seen]) -> Callable[[Any, Tensor], Seen]:
        def counted(extractor: Extractor, x: Tensor) -> Seen:
            rows[f"{type(extractor).__name__} {extractor.name}"] += len(x)
            return see(extractor, x)

        return counted

    for kind in (*SENT, Darkness):
        kind.__call__ = counting(kind.__call__)  # type: ignore[method-assign]
    return rows


def train(folder: Path, *words: str) -> None:
    """`gansmith train`, with a classifier of a few steps, in which the first evaluation is the best."""
    counted, classifiers = count_rows(), []
    fit.samples_to_show = lambda count: 2560
    fitted, score, distances = classifier._fit, Judge.score, iter((1.0, 2.0))

    def rising(judge: Judge, draw: Any, *, whole: bool = True) -> Scores:
        found = score(judge, draw, whole=whole)
        return found if whole else replace(found, values={**found.values, "frechet": next(distances)})

    Judge.score = rising  # type: ignore[method-assign]
    classifier._fit = lambda *asked: classifiers.append(1) or fitted(*asked)
    assert main(["train", "digits", "--run", str(folder / "run"), *words]) == 0
    told = {"rows": counted, "classifiers": len(classifiers)}
    (folder / f"told-{os.environ['RANK']}.json").write_text(json.dumps(told))


def die(folder: Path, *words: str) -> None:
    """`gansmith train`; the second process ends as it looks at its part."""
    if os.environ["RANK"] == "1":
        RandomFeatures.__call__ = lambda *asked: os._exit(3)  # type: ignore[method-assign]
    code = main(["train", "digits", "--run", str(folder / "run"), *words])
    sys.stderr.flush()
    os._exit(code)  # as gansmith.__main__ does, and for its reason


def start(folder: Path, mode: str, *words: str) -> list[tuple[int, str]]:
    """Two processes of this file; their exit codes and what they said."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, mode, str(folder), *words]
    environment = {**os.environ, **shared, "GANSMITH_CACHE": str(folder / "cache")}
    processes = [
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**environment, "RANK": str(rank)})
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=240)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, text) for process, text in zip(processes, said, strict=True)]


def read(path: Path) -> Any:
    return json.loads(path.read_text())


# The tests


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("evaluated")
    done = start(folder, "evaluate")
    assert [code for code, _ in done] == [0, 0], done
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """What one process, this one, finds with each extractor."""
    folder = tmp_path_factory.mktemp("alone")
    torch.set_num_threads(1)  # this is made before a test's own fixtures, which do so and give it a cache
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANSMITH_CACHE", str(folder / "cache"))
        run = opened(folder)
        return [judged(run, extractor) for extractor in extractors()]


def test_scores_of_two_processes_are_those_of_one(evaluated: Path, alone: Alone) -> None:
    told = read(evaluated / "told.json")
    assert len(told["scores"]) == len(alone)
    for found, (_, wanted) in zip(told["scores"], alone, strict=True):
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-9)
    assert told["spread"] == pytest.approx(alone[0][1], rel=1e-5, abs=1e-9)
    assert told["said"] == []


def test_features_come_in_the_order_of_one_process(evaluated: Path, alone: Alone) -> None:
    found = load_file(evaluated / "reals.safetensors")
    for k, (judge, _) in enumerate(alone):
        torch.testing.assert_close(found[str(k)], judge.reference.vectors, rtol=1e-5, atol=1e-6)


def test_each_process_sees_its_part_and_no_more(evaluated: Path) -> None:
    rows = [read(evaluated / f"rows-{rank}.json") for rank in range(2)]
    kinds = ["RandomFeatures second", "Classifier second", "Recogniser recogniser", "StackedFeatures classifier"]
    for kind in kinds:  # of reals, held-out ones, and samples: 500, and 1; who has none of that looks at a blank one
        assert [r[kind] for r in rows] == [250 + 179 + 250 + 1, 251 + 180 + 250 + 1], kind
    assert [r.get("Darkness darkness") for r in rows] == [501 + 359 + 501, None]


def test_fewer_samples_than_processes_are_drawn(evaluated: Path) -> None:
    assert read(evaluated / "told.json")["few"] == [1, 3]


def test_what_stops_one_process_is_the_leaders_error(evaluated: Path) -> None:
    told = read(evaluated / "told.json")
    assert told["unreadable"] == "photos/7.jpg is gone."
    assert "NaN or infinity" in told["not finite"]


def test_a_training_of_two_trains_one_classifier_and_scores_the_best_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--recipe", "dcgan", "--samples", "256", "--set", *SMALL, "evaluate.features=classifier"]
    words += ["evaluate.times=2", "evaluate.samples=64", f"evaluate.final_samples={SAMPLES}"]
    done = start(tmp_path, "train", *words)
    assert [code for code, _ in done] == [0, 0], done[0][1]
    told = [read(tmp_path / f"told-{rank}.json") for rank in range(2)]
    assert [t["classifiers"] for t in told] == [1, 0]
    twice_64 = 32 + 32 + 2 * 32  # of reals, held-out ones, and samples of both evaluations
    pool = 1438 // 2  # all digits, of which the leader shows the nearest to 32 samples
    assert told[0]["rows"]["Classifier classifier"] == twice_64 + 250 + 179 + 250 + 1 + pool + 32
    assert told[1]["rows"]["Classifier classifier"] == twice_64 + 251 + 180 + 250 + 1 + pool

    about = read(tmp_path / "run" / "run.json")
    assert (about["best"]["samples_seen"], about["samples_seen"]) == (128, 256)
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path / "cache"))
    run = run_of(tmp_path / "run", Recipe.from_table(load_recipe(tmp_path / "run" / "recipe.toml"), trust=False))
    run.game.generator.averaged.load_state_dict(load_file(tmp_path / "run" / "generator.safetensors"))
    extractor = gansmith.features.find("classifier", run.dataset, run.test, pytest.fail)
    wanted = Judge(extractor, run.dataset, run.test, SAMPLES, seed=1).score(partial(draw, run)).values
    assert about["scores"]["values"] == pytest.approx(wanted, rel=1e-5, abs=1e-9)


def test_a_process_lost_in_an_evaluation_ends_all(tmp_path: Path) -> None:
    words = ["--recipe", "dcgan", "--samples", "128", "--set", *SMALL, "evaluate.features=random", "evaluate.times=1"]
    leader, other = start(tmp_path, "die", *words)
    assert (leader[0], other[0]) == (2, 3)
    assert "Another process of this training has ended" in leader[1]
    assert "No more scores" not in leader[1]


@pytest.mark.parametrize("extractor", extractors()[:-1], ids=lambda e: f"{type(e).__name__}-{e.name}")
def test_what_is_sent_is_the_same_extractor(extractor: Extractor) -> None:
    extractor.name = "mine.safetensors"  # as of a file
    data = pack(extractor)
    assert data is not None
    again = unpack(data)
    assert (type(again), again.name, again.hash) == (type(extractor), extractor.name, extractor.hash)
    x = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found, wanted = again(x), extractor(x)
    assert torch.equal(found.vectors, wanted.vectors)
    assert (found.probabilities is None) == (wanted.probabilities is None)


def test_every_extractor_can_be_sent_and_no_class_of_a_user() -> None:
    found = {kind for kind in Extractor.__subclasses__() if kind.__module__.startswith("gansmith.features.")}
    assert found == set(SENT)

    class Mine(RandomFeatures):
        pass

    assert pack(Mine(Spec((1, 8, 8)))) is None
    again = unpack(pack(Coordinates(Spec((2,)))) or b"")
    assert isinstance(again, Coordinates)
    assert again.shape == (2,)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"cos\nsystem\n(S'false'\ntR.",
        b'{"kind": "os.system"}\n' + save({}),
        b"[]\n" + save({}),
        (pack(extractors()[1]) or b"")[:-4],
        (pack(extractors()[0]) or b"").replace(b'"seed": 1', b'"seed": 2'),
    ],
)
def test_what_is_no_extractor_is_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="no feature extractor"):
        unpack(data)


if __name__ == "__main__":
    {"evaluate": evaluate, "train": train, "die": die}[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
