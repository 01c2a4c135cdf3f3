"""What trying ways to compute a step costs before a training, and whether a minute's training gets it back.

`gansmith train` with an empty cache, up to its first step: "Tuned in ... s" is the cost; the bar: 10 seconds. Then
steps as tuned and steps by rule (`--tune off`) in one process, in turn. What the rule trains in a minute, the tuned
training must have trained within that minute too, its trying included; the bar: 60 seconds. Where trying found what the
rule takes anyhow, nothing is paid back, which is told, and the cost alone is held to its bar.
"""

from __future__ import annotations

import os
import re
import time
import tomllib
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks import ROOT, call, folder, measure, note, place
from benchmarks._training import until_first_step
from benchmarks.data_wait import DATA, make_jpegs

CASES = {"auto": 64, "dcgan": 32}  # recipe: pixels a side
MINUTES = 5  # that are asked for; long enough to be tuned, and ended after the first step


class Found(NamedTuple):
    """Of one start with trying and one without."""

    cost: float  # seconds of trying
    tuned: float  # seconds up to the first step, with it
    off: float  # and without
    ways: list[str]  # what the tuned recipe has otherwise than the rule's, such as "precision bfloat16"
    steps: list[float]  # seconds of a step as tuned, and by rule; none where both are the same


def run(small: bool = False, *, data: str = "", seconds: float = 20.0, runs: int = 3) -> dict[str, Any]:
    """`runs` starts of each kind and `seconds` of steps, on `data`; by default clothing-128, else JPEGs made here."""
    seconds, runs = (0.5, 1) if small else (seconds, runs)
    measures, text = [], []
    with folder() as here:
        made = small or not (data or (ROOT / DATA).exists())
        path = str(here / "made") if made else place(data, DATA)
        if made:
            call(make_jpegs, path, 64 if small else 1000)
        for recipe, side in list(CASES.items())[: 1 if small else None]:
            words = ["--recipe", recipe, "--resolution", str(8 if small else side)]
            words += ["--batch", "4", "--set", "architecture.width=4"] if small else []
            name, found = f"{recipe}, {side} px", []
            for k in range(runs):
                note(f"  {name}: start {k + 1} of {runs}")
                with folder() as fresh:
                    found.append(_found([path, *words], fresh, seconds))
            measures += _measures(name, found)
            text += [f"{name}: {_told(f)}" for f in found]
    told = {"data": "made JPEGs, 128x128" if made else data or DATA, "seconds": seconds, "minutes": MINUTES, "seed": 0}
    return {"measures": measures, "text": text, "settings": told}


def start(words: list[str], cache: str, started: float) -> None:
    """A training up to its first step, with a cache of its own."""
    os.environ["GANSMITH_CACHE"] = cache
    until_first_step(words, started)


def step_seconds(runs: list[str], seconds: float) -> list[float]:
    """The median step of each run's recipe, on the same batch, in turn for `seconds`."""
    from gansmith.contracts import Batch, Clock
    from gansmith.heap import keep_freed_memory
    from gansmith.machine import wait
    from gansmith.plan import choose_device
    from gansmith.recipe import Recipe, load_recipe
    from gansmith.run import Run

    keep_freed_memory()
    recipes = [Recipe.from_table(load_recipe(Path(run) / "recipe.toml")) for run in runs]
    (dataset, codec), device = recipes[0].data.open(), choose_device(recipes[0].train.device)
    games = [Run(Path(run), r, dataset, None, codec, device).game for run, r in zip(runs, recipes, strict=True)]
    real, given = dataset.fetch(range(recipes[0].train.batch))
    batch = Batch(real.to(device), None if given is None else given.to(device))
    found: list[list[float]] = [[] for _ in games]
    begin, step = time.perf_counter(), 0
    while step < 5 or time.perf_counter() - begin < seconds:
        for game, times in zip(games, found, strict=True):
            since = time.perf_counter()
            game.step(batch, Clock(step * len(real), 0.0, step))
            wait(device)
            times.append(time.perf_counter() - since)
        step += 1
    return [median(times[2:]) for times in found]  # the first two warm up


def _found(words: list[str], here: Path, seconds: float) -> Found:
    first: dict[str, dict[str, Any]] = {}
    for tune in ("off", "quick"):
        this = ["--run", str(here / tune), "--tune", tune, "--minutes", str(MINUTES)]
        first[tune] = call(start, [*this, *words], str(here / "cache"), time.time())
    said = first["quick"]["said"]
    tuned = re.search(r"[Tt]uned (?:in|after) ([\d.]+) s", said)
    if not tuned:
        raise RuntimeError(f"{' '.join(words)} was not tuned: {said}")
    quick, off = (tomllib.loads((here / k / "recipe.toml").read_text("utf-8"))["train"] for k in ("quick", "off"))
    ways = [f"{key} {value}" for key, value in quick.items() if off.get(key) != value]
    steps = call(step_seconds, [str(here / "quick"), str(here / "off")], seconds) if ways else []
    return Found(float(tuned[1]), first["quick"]["seconds"], first["off"]["seconds"], ways, steps)


def _measures(name: str, found: list[Found]) -> list[dict[str, Any]]:
    measures = [
        measure(f"{name}: trying", [f.cost for f in found], "s", below=10),
        measure(f"{name}: first step done", [f.tuned for f in found], "s"),
        measure(f"{name}: the same, --tune off", [f.off for f in found], "s"),
    ]
    if other := [f for f in found if f.steps]:
        measures += [
            measure(f"{name}: a step as tuned", [1000 * f.steps[0] for f in other], "ms"),
            measure(f"{name}: a step by rule", [1000 * f.steps[1] for f in other], "ms"),
            measure(f"{name}: a minute's steps by rule, tuned", [_minute(f) for f in other], "s", below=60),
        ]
    return measures


def _minute(found: Found) -> float:
    """Seconds in which a tuned training, trying included, takes the steps that the rule's takes in a minute."""
    return found.cost + 60 * found.steps[0] / found.steps[1]


def _told(found: Found) -> str:
    if not found.steps:
        return f"{found.cost:.1f} s found what the rule takes anyhow: nothing is paid back, the cost alone is judged"
    ratio = found.steps[0] / found.steps[1]
    after = f"paid back after {found.cost / (1 - ratio):.0f} s" if ratio < 1 else "never paid back"
    return f"{', '.join(found.ways)}: a step takes {ratio:.2f} of the rule's, {found.cost:.1f} s are {after}"
