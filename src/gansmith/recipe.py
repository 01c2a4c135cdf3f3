"""A recipe: every choice of one training, frozen, readable and writable as TOML.

Built-in recipes are package data (`recipes/*.toml`); the header comment of each explains it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from gansmith import zoo
from gansmith.config import apply_settings, build, dumps, to_table
from gansmith.contracts import Architecture, Augmentation, Loss, Penalty, Source
from gansmith.errors import RecipeError, nearest
from gansmith.games.player import Average, Layout, Optimizer
from gansmith.games.precision import Precision

Upsampling = Literal["auto", "resized", "composed"]
Execution = Literal["auto", "eager", "listed", "compiled"]

_COMPUTED = ("samples", "minutes", "device", "micro_batch", "layout", "upsampling", "execution", "threads")
_OF_TRAIN = tuple(f"train.{key}" for key in _COMPUTED)
ALTERABLE = ("name", "summary", "paper", *_OF_TRAIN, "data.path", "data.workers", "evaluate.")
"""Keys that may differ when a run is continued: they do not change what is learned (data has its fingerprint)."""


def _at_least(name: str, value: int, least: int, usual: str) -> None:
    if value < least:
        raise ValueError(f"{name} must be {least} or more, not {value} ({usual})")


@dataclass(frozen=True)
class Train:
    """How long, on what, and how many at a time.

    `samples` real samples shown in all, or `minutes` of training, which decide where both are given; `batch` samples a
    step, shared out where there are several processes; `micro_batch` of them at a time, whose gradients are summed: it
    takes less memory and learns the same, but what compares samples within a batch then sees that many;
    `discriminator_steps` for each step of the generator; `sync_batchnorm`: batch normalisation sees the batch of all
    processes, and not each process its part; `layout` of maps in memory, `upsampling` (maps resized and then convolved,
    or both in one), `execution` (a step's operations one by one with autograd, as a list without, or compiled, which
    takes minutes at the start) and processor `threads` of each process decide how fast it is, and of what is learned
    the rounding alone.
    """

    batch: int = 64
    micro_batch: int | None = None
    samples: int | None = None
    minutes: float | None = None
    discriminator_steps: int = 1
    seed: int = 0
    device: Literal["auto", "cpu", "gpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", Precision] = "auto"
    layout: Layout = "auto"
    upsampling: Upsampling = "auto"
    execution: Execution = "auto"
    threads: int | None = None
    sync_batchnorm: bool = True

    def __post_init__(self) -> None:
        _at_least("batch", self.batch, 2, "64 is usual; halve it where memory is short")
        _at_least("discriminator_steps", self.discriminator_steps, 1, "5 is usual for Wasserstein losses, else 1")
        if self.micro_batch is not None:
            _at_least("micro_batch", self.micro_batch, 2, "leave it out to take the whole batch at a time")
        if self.threads is not None:
            _at_least("threads", self.threads, 1, "leave it out to take the processor's cores")
        if self.samples is not None:
            _at_least("samples", self.samples, 1, "the number of real samples shown over the whole training")
        if self.minutes is not None and self.minutes <= 0:
            raise ValueError(f"minutes must be above 0, not {self.minutes}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be a whole number from 0 to 2^63 - 1, not {self.seed}")


@dataclass(frozen=True)
class Evaluate:
    """How the generator is judged: `times` over the training on `samples` samples, at its end on `final_samples`.

    `features` names an extractor ("auto", "classifier", "recogniser", "random", "inception", or "second", which is auto
    with other networks) or a file of one.
    """

    features: str = "auto"
    samples: int = 2000
    times: int = 8
    final_samples: int = 5000

    def __post_init__(self) -> None:
        _at_least("times", self.times, 0, "the number of evaluations over the whole training; 0 for none")
        _at_least("samples", self.samples, 10, "2000 is usual; distances of fewer samples are biased")
        _at_least("final_samples", self.final_samples, 10, "5000 is usual")


@dataclass(frozen=True)
class Recipe:
    """Every choice of one training."""

    name: str
    data: Source
    architecture: Architecture
    loss: Loss
    summary: str = ""  # one line
    paper: str = ""  # where the recipe comes from
    penalty: tuple[Penalty, ...] = ()
    augment: Augmentation | None = None
    generator: Optimizer = Optimizer()
    discriminator: Optimizer = Optimizer()
    average: Average = Average()
    train: Train = Train()
    evaluate: Evaluate = Evaluate()

    def __post_init__(self) -> None:
        critic = getattr(self.architecture, "critic", None)
        group = max(getattr(critic, "packing", 1), 1) * max(getattr(critic, "minibatch_stddev", 0), 1)
        for key in ("batch", "micro_batch"):
            count = getattr(self.train, key)
            if count is not None and count % group:
                raise ValueError(
                    f"[train] {key} must be a multiple of {group}, for packing and minibatch_stddev compare samples in "
                    f"groups of that size; {count} is not, try {-(-count // group) * group}"
                )

    @property
    def listable(self) -> bool:
        """Whether steps can be run as lists of operations (games/listed.py), which see tensors alone: not what a user's
        own code does beside them, nor what a penalty remembers."""
        parts = (self.architecture, self.loss, *self.penalty, self.augment)
        ours = all(part is None or type(part).__module__.startswith("gansmith.") for part in parts)
        return ours and not any(penalty.remembers for penalty in self.penalty)

    @classmethod
    def from_table(cls, table: Mapping[str, Any], *, trust: bool = True) -> Recipe:
        """The recipe of a TOML table; with `trust` False, no module of a user's own is imported. Raises RecipeError."""
        players = _split_optimizer(table.get("optimizer", {}))
        known = {"optimizer", *(field.name for field in fields(cls))} - set(players)
        for key in table:
            if key not in known:
                hint = f" Write [optimizer.{key}]." if key in players else nearest(key, known)
                raise RecipeError(f"recipe: no key '{key}'.{hint}")
        rest = {key: value for key, value in table.items() if key != "optimizer"}
        generator, discriminator = (build(Optimizer, own, f"[optimizer.{name}]") for name, own in players.items())
        return replace(build(cls, rest, "", trust=trust), generator=generator, discriminator=discriminator)

    def to_table(self) -> dict[str, Any]:
        """The inverse of `from_table`, complete: defaults are written out."""
        table = to_table(self)
        ordered: dict[str, Any] = {key: table.pop(key) for key in ("name", "summary", "paper") if key in table}
        optimizer = _join_optimizers(table.pop("generator"), table.pop("discriminator"))
        for key, value in table.items():
            ordered |= {"optimizer": optimizer, key: value} if key == "average" else {key: value}
        return ordered

    def to_toml(self) -> str:
        """The recipe as a TOML file's text, from which an equal recipe is read."""
        try:
            return dumps(self.to_table())
        except ValueError as error:
            raise RecipeError(
                f"The recipe holds text that no file can hold (a file name, perhaps): {error}."
            ) from error


def names() -> list[str]:
    """The built-in recipes' names, sorted; `auto`, which is chosen by the data, is not among them."""
    return sorted(Path(file.name).stem for file in _shelf().iterdir() if file.name.endswith(".toml"))


def recipe_text(name_or_path: str | Path) -> str:
    """A recipe file's text: a built-in recipe or a GAN of the zoo by name, or a .toml file of the user's own.

    Raises RecipeError.
    """
    name = str(name_or_path)
    if name in names():
        return str((_shelf() / f"{name}.toml").read_text(encoding="utf-8"))
    if name in zoo.entries():
        return _of_the_zoo(zoo.entries()[name])
    path = Path(name)
    if path.suffix.lower() != ".toml" and not path.is_file():
        hint = nearest(name, [*names(), *zoo.entries(), "auto"])
        more = hint if "Did you mean" in hint else f"{nearest(name, [*names(), 'auto'])} More: gansmith zoo."
        raise RecipeError(f"There is no recipe '{name}'.{more} A recipe file of your own must end in .toml.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise RecipeError(f"There is no recipe file {name}; looked in {Path.cwd()}.") from None
    except (OSError, ValueError) as error:
        raise RecipeError(f"The recipe file {name} cannot be read: {error}.") from error


def _of_the_zoo(entry: zoo.Entry) -> str:
    """The recipe that an entry starts from, with its changes."""
    if entry.recipe is None:
        raise RecipeError(f"There is no recipe for {entry.called}: it is not here, because {entry.absent}.")
    if entry.recipe not in names():
        raise RecipeError(f"{entry.called} starts from the recipe '{entry.recipe}', which is not in this version.")
    base = load_recipe(entry.recipe)
    own = {"name": entry.name, "summary": f"{entry.called}: {entry.recipe} with changes", "paper": entry.paper}
    told = [f"{entry.called}: the recipe {entry.recipe}{', changed by ' if entry.settings else ''}"]
    told[0] += " ".join(entry.settings)
    told += [f"Where it departs from the paper: {entry.departs}."] if entry.departs else []
    return "".join(f"# {line}\n" for line in told) + dumps({**apply_settings(base, entry.settings), **own})


def load_recipe(name_or_path: str | Path) -> dict[str, Any]:
    """The table of a built-in recipe or of a user's .toml file, which is named after the file if it has no name."""
    text = recipe_text(name_or_path)
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"The recipe {name_or_path} is not valid TOML: {error}.") from error
    for key in ("data", "architecture", "loss", "augment", "optimizer", "average", "train", "evaluate"):
        if isinstance(table.get(key), str) and key in ("data", "architecture", "loss", "augment"):
            table[key] = {"name": table[key]}
        if not isinstance(table.get(key, {}), dict):
            raise RecipeError(f"The recipe {name_or_path}: [{key}] must be a table, not {table[key]!r}.")
    return {"name": Path(name_or_path).stem, **table}


def header(text: str) -> str:
    """The explanation in a recipe's opening comment, without its comment signs."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[1:].removeprefix(" "))
    return "\n".join(lines)


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A recipe's table as dotted keys, penalties by their names, schedules as text: {"penalty.r1.weight": 1.0, ...}."""
    out: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            for number, item in enumerate(value):
                before = sum(other.get("name") == item.get("name") for other in value[:number])
                out |= flat(item, f"{prefix}{key}.{item.get('name', number)}{f'#{before + 1}' if before else ''}.")
        elif isinstance(value, Mapping) and "start" in value:
            until = f" until {value['until']} of the training" if "until" in value else ""
            out[f"{prefix}{key}"] = f"{value['start']} to {value.get('end')}, {value.get('shape', 'cosine')}{until}"
        elif isinstance(value, Mapping):
            out |= flat(value, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = value
    return out


def differences(run: Recipe, command: Recipe) -> list[str]:
    """What `command` asks otherwise than `run` was trained with, in words; length, device and data's place left out."""
    a, b = (_one_optimizer_each(recipe) for recipe in (run, command))
    changed = {key for key in {**a, **b} if a.get(key) != b.get(key)}
    renamed = tuple(key.removesuffix("name") for key in changed if key.endswith(".name"))
    found = []
    for key in (key for key in {**a, **b} if key in changed):
        follows = key.startswith(renamed) and not key.endswith(".name")  # another loss has other fields
        if not follows and not key.startswith(ALTERABLE):
            has, asks = (repr(table[key]) if key in table else "nothing" for table in (a, b))
            found.append(f"{key}: the run has {has}, the command asks for {asks}")
    return found


def _one_optimizer_each(recipe: Recipe) -> dict[str, Any]:
    table = recipe.to_table()
    table["optimizer"] = {"generator": to_table(recipe.generator), "discriminator": to_table(recipe.discriminator)}
    if not recipe.penalty:
        del table["penalty"]
    return flat(table)


def _split_optimizer(table: Any) -> dict[str, dict[str, Any]]:
    """[optimizer]'s shared keys, overridden by [optimizer.generator] and [optimizer.discriminator]."""
    players: dict[str, dict[str, Any]] = {"generator": {}, "discriminator": {}}
    if not isinstance(table, Mapping):
        raise RecipeError(f"[optimizer]: wanted a table, got {table!r}.")
    shared = {key: value for key, value in table.items() if key not in players}
    build(Optimizer, shared, "[optimizer]")  # so that a mistake here is told once and in its place
    for name in players:
        own = table.get(name, {})
        if not isinstance(own, Mapping):
            raise RecipeError(f"[optimizer.{name}]: wanted a table, got {own!r}.")
        players[name] = {**shared, **own}
    return players


def _join_optimizers(generator: dict[str, Any], discriminator: dict[str, Any]) -> dict[str, Any]:
    shared = {key: value for key, value in generator.items() if discriminator.get(key) == value}
    own = {"generator": generator, "discriminator": discriminator}
    apart = {name: {k: v for k, v in table.items() if k not in shared} for name, table in own.items()}
    return shared | {name: table for name, table in apart.items() if table}


def _shelf() -> Any:
    return resources.files("gansmith") / "recipes"
