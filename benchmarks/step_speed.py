"""Images per second of one training step (both players), for every built-in recipe at its usual size and batch.

In float32 and in bfloat16; data come from memory, and neither grids nor checkpoints are in it. Recipes with several
discriminator steps are timed in whole rounds. The process chooses its threads as a training does.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks import call, folder, measure, note

Size = tuple[int, int, int]
GREY, SMALL, USUAL = (1, 28, 28), (3, 32, 32), (3, 64, 64)
PAPERS: dict[str, Size] = {"sngan": SMALL, "wgan-gp": SMALL}  # CIFAR-10's size, which their papers tabulate


def run(small: bool = False, *, seconds: float = 5.0, recipes: str = "") -> dict[str, Any]:
    """At least two rounds and `seconds`, after one of warming up; `recipes`: names with commas between, else all."""
    found = call(cases)
    asked = recipes.split(",") if recipes else ["article-mlp"] if small else [name for name, _ in found]
    chosen = [(name, size) for name, size in found if name in asked]
    if unknown := set(asked) - {name for name, _ in found}:
        raise ValueError(f"There is no recipe {', '.join(sorted(unknown))}; there are {sorted({n for n, _ in found})}.")
    measures = []
    for name, (c, h, w) in chosen:
        for precision in ("float32",) if small else ("float32", "bfloat16"):
            note(f"  {name} {w}x{h}x{c} {precision}")
            with folder() as here:
                rates = call(rounds, str(here), name, (c, h, w), precision, 0.0 if small else seconds)
            measures.append(measure(f"{name} {w}x{h}x{c} {precision}", rates, "images/s"))
    return {"measures": measures, "settings": {"seconds": seconds, "seed": 0}}


def cases() -> list[tuple[str, Size]]:
    """(recipe, size): the recipe's own size where it has one; `auto` at all three."""
    from gansmith.recipe import load_recipe, names

    found = [("auto", size) for size in (GREY, SMALL, USUAL)]
    for name in names():
        own = load_recipe(name).get("data", {}).get("resolution")
        fixed = GREY if own == [28, 28] else (3, *own) if own else None
        found.append((name, fixed or PAPERS.get(name, USUAL)))
    return found


def rounds(here: str, name: str, size: Size, precision: str, seconds: float) -> list[float]:
    """Images per second of each timed round."""
    from pathlib import Path

    import numpy as np

    from gansmith.contracts import Clock
    from gansmith.plan import Wish, choose_device, plan
    from gansmith.run import Run

    channels, height, width = size
    pixels = np.random.default_rng(0).integers(0, 256, (128, height, width, channels), np.uint8)
    np.savez(Path(here) / "data.npz", samples=pixels)
    exact = (f"train.precision={precision}",)
    wish = Wish(str(Path(here) / "data.npz"), name, resolution=f"{width}x{height}", device="cpu", settings=exact)
    recipe = plan(wish, None, lambda text: None)
    dataset, codec = recipe.data.open()
    training = Run(Path(here), recipe, dataset, None, codec, choose_device("cpu"))
    batch = dataset.fetch([i % len(dataset) for i in range(recipe.train.batch)])
    rates: list[float] = []
    step, begin = 0, 0.0
    while len(rates) < 3 or time.perf_counter() - begin < seconds:
        if len(rates) == 1:  # the first round warms up
            begin = time.perf_counter()
        since = time.perf_counter()
        for _ in range(recipe.train.discriminator_steps):
            training.game.step(batch, Clock(step * len(batch.real), 0.0, step))
            step += 1
        rates.append(recipe.train.discriminator_steps * len(batch.real) / (time.perf_counter() - since))
    return rates[1:]
