"""Samples a second of untrained generators, as many at a time as `gansmith sample` finds fastest, against 64 at a time.

The networks that `auto` takes at 28, 32 and 64 pixels, whole and in turn in one process, the other way round in every
second round; finding out is in the time. The bar: not slower than always 64, which stays where nothing else pays.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks import call, folder, measure, note

CASES = {"dcgan": (28, 1), "r3gan": (32, 3), "fastgan": (64, 3)}  # pixels a side, channels
FIXED = 64


def run(small: bool = False, *, samples: int = 20_000, runs: int = 3) -> dict[str, Any]:
    """`runs` rounds of `samples` samples of each network by each way."""
    samples, runs = (200, 1) if small else (samples, runs)
    measures = []
    with folder() as place:
        for name, (side, channels) in CASES.items():
            note(f"  {name}, {side} px")
            found = call(rates, name, 8 if small else side, channels, samples, runs, str(place / f"{name}.npz"))
            shares = [t / f for t, f in zip(found["tried"], found["fixed"], strict=True)]
            measures += [
                measure(f"{name}, {side} px", found["tried"], "samples/s"),
                measure(f"{name}, {side} px: over {FIXED} at a time", shares, at_least=1),
            ]
    return {"measures": measures, "settings": {"samples": samples, "seed": 0}}


def rates(name: str, side: int, channels: int, samples: int, runs: int, data: str) -> dict[str, list[float]]:
    """Samples a second by trying sizes and by FIXED, in each round."""
    import numpy as np

    from gansmith.explore import sampling
    from gansmith.heap import keep_freed_memory
    from gansmith.layers.upsampling import compose_upsampling
    from gansmith.plan import Wish, plan

    keep_freed_memory()
    np.savez(data, samples=np.random.default_rng(0).integers(0, 256, (64, side, side, channels), np.uint8))
    recipe = plan(
        Wish(data, "auto", settings=(f"architecture.name={name}", "data.clusters=0")), None, lambda text: None
    )
    dataset, _ = recipe.data.open()
    generator = recipe.architecture.build(dataset.spec)[0].eval()
    compose_upsampling(generator, True)
    ways = {"tried": sampling.SIZES, "fixed": (FIXED,)}
    found: dict[str, list[float]] = {way: [] for way in ways}
    for k in range(runs):
        for way in sorted(ways, reverse=bool(k % 2)):
            sampling.SIZES = ways[way]
            begin = time.perf_counter()
            made = sum(len(block) for block in sampling.draw(generator, samples))
            found[way].append(made / (time.perf_counter() - begin))
    return found
