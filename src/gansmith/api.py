"""What users call from Python, and what the command line calls: train, load, evaluate, check."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from gansmith.callbacks.checkpoint import Checkpoint
from gansmith.callbacks.evaluate import Evaluate
from gansmith.callbacks.health import Health
from gansmith.callbacks.log import Log
from gansmith.callbacks.preview import Preview
from gansmith.callbacks.progress import Progress
from gansmith.config import build
from gansmith.contracts import Source
from gansmith.data import check as data_check
from gansmith.data.announce import Announce
from gansmith.data.findings import Findings
from gansmith.data.images import Images
from gansmith.data.kind import source_for
from gansmith.data.locate import made_absolute
from gansmith.data.pack import Packed, require_new
from gansmith.data.pack import pack as pack_pictures
from gansmith.errors import DataError, RecipeError
from gansmith.evaluation import Judge, Scores
from gansmith.features import find as find_extractor
from gansmith.folder import atomic
from gansmith.folder.lock import RunLock
from gansmith.folder.run_json import read_run
from gansmith.follower import say_nothing
from gansmith.games.memory import require_memory
from gansmith.heap import keep_freed_memory
from gansmith.machine import cores
from gansmith.plan import Tune, Wish, choose_device, names_own_code, parse_resolution, plan, settled
from gansmith.recipe import Recipe
from gansmith.run import Run
from gansmith.scorers import find as find_scorers
from gansmith.session import begin, end, existing, same_data
from gansmith.trained import Samples, Trained
from gansmith.tune import Depth, tuned
from gansmith.world import Word, World, join

__all__ = ["Samples", "Trained", "check", "evaluate", "load", "train", "train_in"]


def say(text: str) -> None:
    """To people, not to programs: what is printed on standard output stays clean."""
    print(text, file=sys.stderr, flush=True)


def train(
    data: str | Path,
    *,
    run: str | Path,
    recipe: str | None = None,
    samples: int | None = None,
    minutes: float | None = None,
    resolution: str | int | None = None,
    batch: int | None = None,
    classes: bool | None = None,
    seed: int | None = None,
    device: str | None = None,
    settings: Sequence[str] = (),
    data_root: str | Path | None = None,
    tune: Tune = "quick",
) -> Trained:
    """Train on `data` into the folder `run`, or go on with the training that is there; returns the generator.

    The options are those of `gansmith train`; `settings` are its --set ("loss.name=hinge"). Raises GansmithError.
    """
    root = None if data_root is None else str(data_root)
    wish = Wish(
        str(data), recipe, samples, minutes, resolution, batch, classes, seed, device, tuple(settings), root, tune
    )
    folder = Path(run)
    train_in(folder, wish)
    return Trained(folder, trust=True)


def train_in(folder: Path, wish: Wish) -> bool:
    """Train as wished; True when complete, False when the process was asked to stop on the way."""
    with join() as world:
        with world.leader_first():
            before = existing(folder, trust=names_own_code(wish))
            training = _planned(folder, wish, before, world)
        if not world.leads:
            return training.train((), say_nothing)
        with RunLock(folder):
            return _train_as_leader(training, before)


def _planned(folder: Path, wish: Wish, before: Recipe | None, world: World) -> Run:
    """The training, ready to start; nothing has been written."""
    keep_freed_memory()
    tell = say if world.leads else say_nothing
    recipe = plan(wish, before, tell)
    device = choose_device(recipe.train.device)
    if recipe.train.batch % world.size or recipe.train.batch < 2 * world.size:
        raise RecipeError(
            f"A batch of {recipe.train.batch} cannot be shared out among {world.size} processes, at least 2 samples "
            f"each. Use --batch {max(2, round(recipe.train.batch / world.size)) * world.size}, or other --processes."
        )
    dataset, codec = recipe.data.open()
    if len(dataset) < recipe.train.batch:
        raise DataError(
            f"The batch is larger than the data: {recipe.train.batch} > {len(dataset)} samples.\n"
            f"What to do: add data, or use --batch {max(2, len(dataset) // 2)}."
        )
    test = recipe.data.open_test()
    try:
        training = Run(folder, settled(recipe), dataset, test, codec, device, world)
    except ValueError as error:
        raise RecipeError(f"[architecture]: {error}") from error
    try:
        require_memory(training.game, dataset, training.batch, device)  # takes the first steps, on a copy
    except ValueError as error:
        raise RecipeError(f"recipe: {error}") from error
    if before is None:
        follows = not world.leads and wish.tune != "off"  # what the leader has found is known by now
        depth: Depth = "known" if follows else wish.tune
        recipe = settled(tuned(recipe, dataset, codec, device, depth, training.batch, tell))
        if recipe != training.recipe:
            training = Run(folder, recipe, dataset, test, codec, device, world)
    if recipe.train.threads is not None:
        torch.set_num_threads(min(recipe.train.threads, cores()))
    return training


def _train_as_leader(run: Run, before: Recipe | None) -> bool:
    same_data(run.folder, run.dataset)
    if before and before.train == run.recipe.train and read_run(run.folder)["state"] == "finished":
        say("This training is complete. To go on with it, give a larger --samples or --minutes.")
        run.world.tell(Word.END, 1)
        return True
    begin(run)
    return _train(run)


def _train(run: Run) -> bool:
    plan = run.recipe.train
    progress = Progress(plan.samples, None if plan.minutes is None else 60 * plan.minutes)
    preview, checkpoint = Preview(), Checkpoint()
    log = Log(progress, preview)
    state = "failed"
    try:
        evaluate = Evaluate(log, checkpoint)
        complete = run.train([preview, log, Health(log, evaluate), checkpoint, evaluate], progress.say)
        state = "finished" if complete else "stopped"
    except KeyboardInterrupt:  # a second Ctrl-C, or one while the final scores are made
        state = "stopped"
        raise
    finally:
        progress.close()
        end(run, state, progress.say)
    if not complete:
        progress.say(f"Stopped and saved. The same command goes on from {run.clock.samples_seen:,} samples seen.")
    progress.say(f"Samples: {preview.newest}\nReport:  {run.folder / 'report.html'}")
    return complete


def load(run: str | Path, *, trust: bool = False) -> Trained:
    """The generator of a run folder, or of a generator.safetensors. Executes no code of the folder's.

    With `trust`, an architecture of your own (a dotted path in the recipe) is imported from your modules.
    """
    return Trained(Path(run), trust=trust)


def evaluate(
    run: str | Path,
    data: str | Path | None = None,
    features: str = "auto",
    samples: int | None = None,
    *,
    trust: bool = False,
) -> Scores:
    """Score a run's generator against its own data, or `data`, on `samples` samples (5,000 where there are as many)."""
    trained = load(run, trust=trust)
    table = dict(trained.metadata["recipe"]["data"])
    if data is not None:
        table["path"] = made_absolute(str(data))
    source: Any = build(Source, table, "[data]", trust=False)  # type: ignore[type-abstract]
    dataset, _ = source.open()
    test = source.open_test()
    asked = features, dataset, test, say
    judge = Judge(find_extractor(*asked), dataset, test, samples=samples or 5000, scorers=find_scorers(*asked))
    return judge.score(trained.draw_like(dataset))


def check(data: str | Path) -> Findings:
    """What is in a data set, and what is wrong with it."""
    return data_check.check(str(data), Announce(" of it looked at"))


def pack(
    data: str | Path,
    out: str | Path,
    *,
    resolution: str | int | None = None,
    fit: str = "crop",
    channels: int | None = None,
) -> Packed:
    """Put the pictures of `data` into the file `out` (.safetensors) at training size, so that it opens at once.

    Pictures that cannot be read are left out and told. Raises GansmithError; an existing file is never replaced.
    """
    path = Path(out).expanduser()
    require_new(path)
    if source_for(str(data)) == "points":
        raise DataError(f"'{data}' are points, which lie in memory anyway. Packing is for pictures.")
    asked = {"channels": channels, "resolution": None if resolution is None else list(parse_resolution(resolution))}
    table = {"name": "images", "path": str(data), "fit": fit, **{k: v for k, v in asked.items() if v is not None}}
    source = build(Source, table, "[data]")  # type: ignore[type-abstract]
    assert isinstance(source, Images)
    with atomic.writing(path) as file:
        return pack_pictures(source, path, file)
