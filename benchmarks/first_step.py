"""From the start of the process to the first optimiser step on `digits`: how long a newcomer looks at nothing.

Import, choice of recipe, data, networks, first checkpoint and first grid are all in it. The bar: 5 seconds.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from benchmarks import call, folder, measure
from benchmarks._training import after_first_step


def run(small: bool = False, *, runs: int = 5) -> dict[str, Any]:
    """`runs` new trainings; the first one may find the disk's cache cold, and is counted."""
    runs = 1 if small else runs
    seconds = []
    for _ in range(runs):
        with folder() as place:
            seconds.append(call(until_first_step, str(place / "run"), time.time()))
    command = "gansmith train digits --run DIR"
    return {"measures": [measure("first step done", seconds, "s", below=5)], "settings": {"train": command, "seed": 0}}


def until_first_step(run: str, started: float) -> float:
    """Train until the first step is done, print the seconds since `started` (of time.time()) and end the process."""
    from gansmith.cli.app import main

    def stop() -> None:
        print(time.time() - started, flush=True)
        os._exit(0)  # the training is not to go on, nor to save

    after_first_step(stop)
    sys.exit(main(["train", "digits", "--run", run]) or "it ended before its first step")
