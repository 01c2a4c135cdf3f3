"""What users call from Python, and what the command line calls: train, load, evaluate, check."""

from __future__ import annotations

import io
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import gansmith
from gansmith.callbacks.checkpoint import Checkpoint
from gansmith.callbacks.evaluate import Evaluate
from gansmith.callbacks.log import Log
from gansmith.callbacks.preview import Preview
from gansmith.callbacks.progress import Progress
from gansmith.callbacks.report import write_report
from gansmith.config import build
from gansmith.contracts import Codec, Dataset, Source
from gansmith.data import check as data_check
from gansmith.data.announce import Announce
from gansmith.data.findings import Findings
from gansmith.errors import DataError, GansmithError, RecipeError, RunFolderError, nearest
from gansmith.evaluation import Judge, Scores
from gansmith.explore import sampling
from gansmith.export.generator import read_generator
from gansmith.features import find as find_extractor
from gansmith.folder import atomic
from gansmith.folder.lock import RunLock
from gansmith.folder.run_json import read_run, update_run
from gansmith.plan import Wish, choose_device, names_own_code, plan
from gansmith.recipe import Recipe, load_recipe
from gansmith.run import Run


def say(text: str) -> None:
    """To people, not to programs: what is printed on standard output stays clean."""
    print(text, file=sys.stderr, flush=True)


class Samples:
    """Samples as tensor [N, *shape] in [-1, 1] with their labels; notebooks show them as a grid."""

    def __init__(self, x: Tensor, codec: Codec, labels: Tensor | None = None) -> None:
        self.x, self.codec, self.labels = x, codec, labels

    @property
    def items(self) -> list[Any]:
        """One PIL image a sample."""
        return self.codec.decode(self.x)

    def save(self, path: str | Path) -> Path:
        """.png or .webp: a grid; .npz: arrays `samples` (uint8 [N, H, W, C]) and `labels`; a folder: single files."""
        try:
            return self.codec.save(self.x, Path(path), self.labels)
        except OSError as error:
            raise atomic.refusal(error, Path(path)) from error

    def __len__(self) -> int:
        return len(self.x)

    def _repr_png_(self) -> bytes:
        from gansmith.data.images import grid

        file = io.BytesIO()
        grid(self.x).save(file, "png")
        return file.getvalue()


class Trained:
    """A trained generator, from a run folder or from a generator.safetensors alone."""

    def __init__(self, path: Path, *, trust: bool = False) -> None:
        self.path = path
        self.folder = path if path.is_dir() else None
        file = path / "generator.safetensors" if path.is_dir() else path
        if not file.exists():
            what = "has no generator.safetensors yet" if path.is_dir() else "does not exist"
            raise RunFolderError(f"{path} {what}. Wanted: a run folder of gansmith train, or a generator.safetensors.")
        self.generator, self.codec, self.metadata = read_generator(file, trust=trust)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names to choose from in `sample(label=...)`; empty where the generator is unconditional."""
        given = self.codec.spec.given
        return given.names if given else ()

    def sample(
        self, count: int = 16, seed: int = 0, label: str | int | None = None, truncation: float = 1.0
    ) -> Samples:
        """`count` samples; the k-th of a seed is always the same. Without `label`, the classes take turns."""
        if count < 1:
            raise RecipeError(f"--count must be 1 or more, not {count}.")
        if not 0 <= truncation <= 1:
            raise RecipeError(f"--truncation must be in [0, 1] (1: none, 0.7: safer samples), not {truncation}.")
        labels = self._labels(count, label)
        parts = sampling.draw(self.generator, count, seed, labels, truncation)
        return Samples(torch.cat(list(parts)), self.codec, labels)

    def _labels(self, count: int, label: str | int | None) -> Tensor | None:
        if not self.classes:
            if label is not None:
                raise RecipeError(f"This generator has no classes, but '{label}' was asked for. Leave --class out.")
            return None
        if label is None:
            return torch.arange(count) % len(self.classes)
        name = str(label)
        if name not in self.classes:
            raise RecipeError(f"There is no class '{name}'.{nearest(name, self.classes)}")
        return torch.full((count,), self.classes.index(name))

    def draw_like(self, dataset: Dataset) -> Callable[[int, int], tuple[Tensor, Tensor | None]]:
        """For judges: (count, seed) -> samples and labels, with classes as frequent as in `dataset`."""
        if self.classes and (dataset.labels is None or dataset.label_names != self.classes):
            raise DataError(f"The data has other classes than the generator, which knows: {', '.join(self.classes)}.")

        def draw(count: int, seed: int) -> tuple[Tensor, Tensor | None]:
            labels = None
            if self.classes and dataset.labels is not None:
                chance = torch.Generator().manual_seed(seed)
                labels = dataset.labels[torch.randint(len(dataset.labels), (count,), generator=chance)]
            return torch.cat(list(sampling.draw(self.generator, count, seed, labels))), labels

        return draw


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
) -> Trained:
    """Train on `data` into the folder `run`, or go on with the training that is there; returns the generator.

    The options are those of `gansmith train`; `settings` are its --set ("loss.name=hinge"). Raises GansmithError.
    """
    root = None if data_root is None else str(data_root)
    wish = Wish(str(data), recipe, samples, minutes, resolution, batch, classes, seed, device, tuple(settings), root)
    folder = Path(run)
    train_in(folder, wish)
    return Trained(folder, trust=True)


def train_in(folder: Path, wish: Wish) -> bool:
    """Train as wished; True when complete, False when the process was asked to stop on the way."""
    before = _existing(folder, trust=names_own_code(wish))
    recipe = plan(wish, before, say)
    device = choose_device(recipe.train.device)
    dataset, codec = recipe.data.open()
    if len(dataset) < recipe.train.batch:
        raise DataError(
            f"The batch is larger than the data: {recipe.train.batch} > {len(dataset)} samples.\n"
            f"What to do: add pictures, or use --batch {max(2, len(dataset) // 2)}."
        )
    with RunLock(folder):
        _same_data(folder, dataset)
        try:
            training = Run(folder, recipe, dataset, recipe.data.open_test(), codec, device)
        except ValueError as error:
            raise RecipeError(f"[architecture]: {error}") from error
        _begin(folder, recipe, dataset, device)
        return _train(training)


def _train(run: Run) -> bool:
    plan = run.recipe.train
    progress = Progress(plan.samples, None if plan.minutes is None else 60 * plan.minutes)
    preview, checkpoint = Preview(), Checkpoint()
    log = Log(progress, preview)
    state = "failed"
    try:
        complete = run.train([preview, log, checkpoint, Evaluate(log, checkpoint)], progress.say)
        state = "finished" if complete else "stopped"
    finally:
        progress.close()
        _end(run, state, progress.say)
    if not complete:
        progress.say(f"Stopped and saved. The same command goes on from {run.clock.samples_seen:,} samples seen.")
    progress.say(f"Samples: {preview.newest}\nReport:  {run.folder / 'report.html'}")
    return complete


def _existing(folder: Path, *, trust: bool) -> Recipe | None:
    """The recipe of the run that is in `folder`; None where it is new. Raises RunFolderError where it is foreign.

    Only where the command itself names code of the user's own may the folder's recipe name some too.
    """
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"--run {folder} is a file. Wanted: a folder for the run, new or an earlier run's.")
    names = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
    if "run.json" in names and "recipe.toml" in names:
        read_run(folder)
        return Recipe.from_table(load_recipe(folder / "recipe.toml"), trust=trust)
    if names - {"run.lock", "run.json"}:
        raise RunFolderError(
            f"--run {folder} holds other files ({', '.join(sorted(names)[:3])} ...) and no run of gansmith's.\n"
            "Nothing was changed. Choose a new folder, or an earlier run's."
        )
    return None


def _same_data(folder: Path, dataset: Dataset) -> None:
    data = read_run(folder).get("data", {}) if (folder / "run.json").exists() else {}
    if data and data.get("fingerprint") != dataset.fingerprint:
        raise RunFolderError(
            f"This run was trained on other data: {data.get('count')} samples of {data.get('path')} then, "
            f"{len(dataset)} now, or other contents.\nNothing was changed. Give the same data, or another --run."
        )


def _begin(folder: Path, recipe: Recipe, dataset: Dataset, device: torch.device) -> None:
    atomic.write_text(folder / "recipe.toml", recipe.to_toml())  # an extended run keeps its new length
    data = {
        "path": str(getattr(recipe.data, "path", "")),
        "fingerprint": dataset.fingerprint,
        "count": len(dataset),
        "shape": list(dataset.spec.shape),
        "classes": list(dataset.spec.given.names) if dataset.spec.given else [],
    }
    versions = {"gansmith": gansmith.__version__, "torch": torch.__version__, "python": platform.python_version()}
    update_run(
        folder,
        state="running",
        name=folder.resolve().name,
        recipe=recipe.name,
        versions=versions,
        device=str(device),
        threads=torch.get_num_threads(),
        data=data,
        command=["gansmith", *sys.argv[1:]],
        started=time.strftime("%Y-%m-%d %H:%M:%S"),
    )


def _end(run: Run, state: str, say: Callable[[str], None]) -> None:
    """Leave the folder in order, whatever happened; a full disk must not hide the error that is on its way up."""
    try:
        unreadable = dict(getattr(run.dataset, "unreadable", {}))
        data = read_run(run.folder)["data"]
        if unreadable:
            listing = run.folder / "unreadable.txt"
            atomic.write_text(listing, "".join(f"{name}\t{why}\n" for name, why in sorted(unreadable.items())))
            say(f"{len(unreadable)} unreadable file(s) left out, listed with reasons in {listing}.")
        update_run(
            run.folder,
            state=state,
            samples_seen=run.clock.samples_seen,
            seconds=run.seconds,
            data_wait_share=run.seconds_waiting / max(run.seconds, 1e-9),
            data={**data, "unreadable": len(unreadable)},
        )
        write_report(run.folder)
    except GansmithError as error:
        if state != "failed":
            raise
        say(str(error))


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
        path = Path(data).expanduser()
        table["path"] = str(path.resolve()) if path.exists() else str(data)
    source: Any = build(Source, table, "[data]", trust=False)  # type: ignore[type-abstract]
    dataset, _ = source.open()
    test = source.open_test()
    extractor = find_extractor(features, dataset, test, say)
    return Judge(extractor, dataset, test, samples=samples or 5000).score(trained.draw_like(dataset))


def check(data: str | Path) -> Findings:
    """What is in a data set, and what is wrong with it."""
    return data_check.check(str(data), Announce(" of the pictures looked at"))
