"""From the start of the process to the first optimiser step on `digits`: how long a newcomer looks at nothing.

Import, choice of recipe, data, networks, first checkpoint and first grid are all in it. The bar: 5 seconds.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks import call, folder, measure
from benchmarks._training import until_first_step


def run(small: bool = False, *, runs: int = 5) -> dict[str, Any]:
    """`runs` new trainings; the first one may find the disk's cache cold, and is counted."""
    runs = 1 if small else runs
    seconds = []
    for _ in range(runs):
        with folder() as place:
            words = ["digits", "--run", str(place / "run")]
            seconds.append(call(until_first_step, words, time.time())["seconds"])
    command = "gansmith train digits --run DIR"
    return {"measures": [measure("first step done", seconds, "s", below=5)], "settings": {"train": command, "seed": 0}}
