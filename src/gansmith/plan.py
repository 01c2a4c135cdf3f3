"""From what a user asks for to a recipe with every choice made, and whether an existing run can go on with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import torch

from gansmith import auto
from gansmith.auto.networks import Budget
from gansmith.auto.networks import names as auto_networks
from gansmith.config import apply_settings, build
from gansmith.contracts import Source
from gansmith.data import builtin
from gansmith.data.announce import Announce
from gansmith.data.images import Images
from gansmith.data.kind import source_for
from gansmith.data.locate import made_absolute
from gansmith.data.points import Points
from gansmith.errors import DataError, RecipeError, RunFolderError
from gansmith.games.precision import Precision
from gansmith.recipe import Execution, Recipe, Upsampling, differences, load_recipe

Tune = Literal["off", "quick", "full"]
LIST_MINUTES, LIST_SAMPLES = 0.2, 20_000  # a shorter training does not get back what listing its steps takes


@dataclass(frozen=True)
class Wish:
    """What a user says about a training; None is "as the recipe, or the run, has it"."""

    data: str
    recipe: str | None = None
    samples: int | None = None
    minutes: float | None = None
    resolution: str | int | None = None
    batch: int | None = None
    classes: bool | None = None
    seed: int | None = None
    device: str | None = None
    settings: tuple[str, ...] = ()
    data_root: str | None = None
    tune: Tune = "off"


def plan(wish: Wish, before: Recipe | None, say: Callable[[str], None]) -> Recipe:
    """The recipe to train with. `before` is that of the run which is to go on, whose choices hold where none is asked.

    Raises RecipeError, DataError, and RunFolderError where `before` is another training than the one asked for.
    """
    if wish.samples is not None and wish.minutes is not None:
        raise RecipeError("Both --samples and --minutes were given: training can stop at only one. Give one of them.")
    chosen = wish.recipe or (None if before else "auto")
    if chosen is None:
        assert before is not None
        table = _apply(before.to_table(), wish)
    elif chosen == "auto":
        table = _automatic(wish, say)
    else:
        table = _apply(load_recipe(chosen), wish)
    source = build(Source, table["data"], "[data]")  # type: ignore[type-abstract]
    source = source.resolve(source.survey())
    recipe = replace(Recipe.from_table(_without_data(table)), data=source)
    if before is not None:
        recipe = settled(_computed_as(before, recipe))
        _same_training(before, recipe)
    return settled(recipe) if wish.tune == "off" else recipe


def _computed_as(before: Recipe, recipe: Recipe) -> Recipe:
    """With the choices of an earlier start where the command leaves them open."""
    then, train = before.train, recipe.train
    precision = then.precision if train.precision == "auto" else train.precision
    layout = then.layout if train.layout == "auto" else train.layout
    past = "resized" if then.upsampling == "auto" else then.upsampling  # before there was a choice
    upsampling = past if train.upsampling == "auto" else train.upsampling
    execution = then.execution if train.execution == "auto" else train.execution
    threads = then.threads if train.threads is None else train.threads
    words: Any = {"layout": layout, "upsampling": upsampling, "execution": execution, "threads": threads}
    computed = replace(train, precision=precision, **words)
    return replace(recipe, train=computed)


def settled(recipe: Recipe) -> Recipe:
    """With what is still open chosen by rule; recorded, so that a resumed run keeps it."""
    train = recipe.train
    precision = usual_precision(train.precision, recipe.data)
    upsampling = usual_upsampling(train.upsampling, precision, train.device)
    execution = usual_execution(recipe)
    return replace(recipe, train=replace(train, precision=precision, upsampling=upsampling, execution=execution))


def names_own_code(wish: Wish) -> bool:
    """Whether the command names a class or a recipe of the user's own, so that importing their modules is wanted."""
    own = any(re.search(r"\bname\s*=.*\w\.\w|\bpenalty\.\w+\.[A-Z]", setting) for setting in wish.settings)
    return own or (wish.recipe or "").endswith(".toml")


def choose_device(name: str) -> torch.device:
    """The device called `name` ("gpu": of whatever maker; "auto": a GPU where there is one). Raises RecipeError where
    there is none such."""
    present = [kind for kind, backend in (("cuda", torch.cuda), ("mps", torch.backends.mps)) if backend.is_available()]
    meant = {"auto": [*present, "cpu"], "gpu": present, "cpu": ["cpu"]}.get(name, [n for n in present if n == name])
    if not meant:
        raise RecipeError(f"There is no device '{name}' on this machine. Use --device auto or --device cpu.")
    return torch.device(meant[0])


def parse_resolution(text: str | int) -> tuple[int, int]:
    """ "64" -> (64, 64); "64x48", as people say width x height, -> (48, 64), height first as tensors have it."""
    match = re.fullmatch(r"\s*(\d+)\s*(?:[x×,]\s*(\d+)\s*)?", str(text))
    if not match or not int(match[1]) or (match[2] and not int(match[2])):
        raise RecipeError(f"--resolution wants a number (64) or WIDTHxHEIGHT (64x48), not '{text}'.")
    return int(match[2] or match[1]), int(match[1])


def _automatic(wish: Wish, say: Callable[[str], None]) -> dict[str, Any]:
    asked = _apply({}, replace(wish, settings=_of_data(wish.settings)))
    source: Any = build(Source, asked["data"], "[data]")  # type: ignore[type-abstract]
    survey = source.survey()
    resolved = source.resolve(survey)
    if isinstance(resolved, Points):
        table, reasons = auto.choose_points(survey, classes=bool(resolved.classes), packs=_packs(wish))
    elif isinstance(resolved, Images):
        assert resolved.resolution is not None
        assert resolved.channels is not None
        table, reasons = auto.choose(
            survey,
            resolved.resolution,
            resolved.channels,
            budget=_budget(asked, wish),
            network=_network(wish),
            classes=bool(resolved.classes),
            packs=_packs(wish),
        )
    else:
        raise RecipeError(f"auto chooses for pictures and points, not for {asked['data']['name']}. Give a --recipe.")
    say("auto chose for this data:\n" + "\n".join(f"  - {reason}" for reason in reasons))
    return _apply(table, wish)


def _budget(asked: dict[str, Any], wish: Wish) -> Budget:
    """Where, and for how long, the training is to run, as far as the command says."""
    train = apply_settings(asked, [s for s in wish.settings if _keys(s)[0] == "train"])["train"]
    return Budget(choose_device(str(train.get("device", "auto"))).type, train.get("minutes"), train.get("samples"))


def _network(wish: Wish) -> str | None:
    """The networks that a setting asks for, where auto knows how wide they are to be."""
    asked = apply_settings({}, [s for s in wish.settings if _keys(s) in (["architecture"], ["architecture", "name"])])
    name = asked.get("architecture", {}).get("name")
    return name if name in auto_networks() else None


def _packs(wish: Wish) -> bool:
    """Whether the discriminator is to see several samples at once, which cannot be of one cluster."""
    return any(_keys(s) == ["architecture", "critic", "packing"] for s in wish.settings)


def _data(table: dict[str, Any], wish: Wish) -> dict[str, Any]:
    """[data] with its source, which a setting names, else the recipe, else the data itself; and its place."""
    place = _place(wish)
    named = {"data": {"name": source_for(place), **table.get("data", {})}}
    naming = [s for s in wish.settings if _keys(s) in (["data"], ["data", "name"])]  # drops all other fields
    data = apply_settings(named, naming)["data"]
    if not isinstance(data, dict):
        data = named["data"]  # building the recipe says what is wrong with the setting
    if data.get("name") == "images" and source_for(place) == "points":
        raise RecipeError(
            f"The recipe '{table.get('name', wish.recipe)}' is for pictures, but '{wish.data}' are points.\n"
            "What to do: leave --recipe out, or take over the rest of it by "
            "--set data.name=points architecture.name=mlp architecture.output=linear."
        )
    return {**data, "path": place}


def _keys(setting: str) -> list[str]:
    return [step.strip() for step in setting.partition("=")[0].split(".")]


def _of_data(settings: Sequence[str]) -> tuple[str, ...]:
    return tuple(s for s in settings if _keys(s)[0] == "data")


def _apply(table: dict[str, Any], wish: Wish) -> dict[str, Any]:
    """The wish's options, then its settings, on top of a recipe's table."""
    table = {**table, "data": _data(table, wish), "train": {**table.get("train", {})}}
    if wish.resolution is not None:
        if table["data"].get("name") == "points":
            raise RecipeError(f"--resolution was given, but '{wish.data}' are points, which have none. Leave it out.")
        table["data"]["resolution"] = list(parse_resolution(wish.resolution))
    if wish.classes is not None:
        table["data"]["classes"] = wish.classes
    if wish.samples is not None or wish.minutes is not None:
        for key in ("samples", "minutes"):
            table["train"].pop(key, None)
    for key in ("samples", "minutes", "batch", "seed", "device"):
        if getattr(wish, key) is not None:
            table["train"][key] = getattr(wish, key)
    return apply_settings(table, wish.settings)


def _place(wish: Wish) -> str:
    """Where the data lies: absolute where it is a path, so that a run can go on from another folder."""
    if wish.data_root is not None and not Path(wish.data).exists():
        if not Path(wish.data_root).is_dir():
            raise DataError(f"--data-root {wish.data_root}: there is no such folder. It should hold {wish.data}/.")
        found = builtin.locate(wish.data, wish.data_root, Announce())
        if found is not None:
            return str(found.resolve())
    return made_absolute(wish.data)


def _without_data(table: dict[str, Any]) -> dict[str, Any]:
    """The table with its [data] reduced to what is checked already."""
    return {**table, "data": {"name": table["data"].get("name", "images")}}


def usual_precision(asked: str, source: Source) -> Precision:
    """What is asked for; else bfloat16 where this processor multiplies it faster than float32.

    Points are always float32: a coordinate of three digits is none.
    """
    if asked == "auto" and isinstance(source, Points):
        asked = "float32"
    if asked == "auto":
        fast = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)() or torch.cuda.is_available()
        asked = "bfloat16" if fast else "float32"
    return cast(Precision, asked)


def usual_upsampling(asked: Upsampling, precision: str, device: str) -> Upsampling:
    """What is asked for; else composed where a processor multiplies float32, whose time is multiplications."""
    if asked != "auto":
        return asked
    return "composed" if precision != "bfloat16" and choose_device(device).type == "cpu" else "resized"


def usual_execution(recipe: Recipe) -> Execution:
    """What is asked for; else listed on a processor, where a training gets the second back that listing takes.

    It is the same to the bit, in less time.
    """
    train = recipe.train
    if train.execution != "auto":
        return train.execution
    long = (train.samples or 0) >= LIST_SAMPLES if train.minutes is None else train.minutes >= LIST_MINUTES
    return "listed" if long and recipe.listable and choose_device(train.device).type == "cpu" else "eager"


def _same_training(before: Recipe, recipe: Recipe) -> None:
    found = differences(before, recipe)
    if found:
        raise RunFolderError(
            "This run folder belongs to another training:\n"
            + "\n".join(f"  - {difference}" for difference in found)
            + "\nNothing was changed. To go on with it, leave those options out; to train anew, choose another --run."
        )
