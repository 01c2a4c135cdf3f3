"""Resident memory over a training: it must not grow with time.

The second tenth of the training against the last: by then caches are full, and both tenths hold evaluations, grids and
checkpoints. The bar: less than 1 % growth, over some 20,000 steps.
"""

from __future__ import annotations

import json
import statistics
from typing import Any

from benchmarks import finish, folder, gansmith, measure, place


def run(small: bool = False, *, minutes: float = 5.0, data: str = "digits", runs: int = 2) -> dict[str, Any]:
    """`runs` trainings of `minutes` each with the default recipe on `data`; rows of memory from metrics.jsonl."""
    minutes, runs = (0.02, 1) if small else (minutes, runs)
    count = 20 if small else 500
    settings = [f"evaluate.samples={count}", f"evaluate.final_samples={count}"]
    settings += [f"evaluate.times={2 if small else 20}", "evaluate.features=random"]
    command = ["train", place(data), "--minutes", minutes, "--set", *settings]
    found = []
    for _ in range(runs):
        with folder() as here:
            finish(gansmith(*command, "--run", here / "run"))
            lines = (here / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        found.append(_tenths([json.loads(line) for line in lines]))
    return {
        "measures": [
            measure("growth", [100 * (f["last"] / f["second"] - 1) for f in found], "%", below=1),
            measure("second tenth", [f["second"] for f in found], "MB"),
            measure("last tenth", [f["last"] for f in found], "MB"),
            measure("samples seen", [f["samples_seen"] for f in found]),
        ],
        "settings": {"minutes": minutes, "data": data, "set": settings, "seed": 0},
    }


def _tenths(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Median resident megabytes in the second tenth of the rows and in the last."""
    resident = [row["memory/resident_mb"] for row in rows if "memory/resident_mb" in row]
    if not resident:
        raise RuntimeError("this system does not tell a process' resident memory (only Linux does here)")
    tenth = max(len(resident) // 10, 1)
    second = resident[tenth : 2 * tenth] or resident[:1]
    return {
        "second": statistics.median(second),
        "last": statistics.median(resident[-tenth:]),
        "samples_seen": rows[-1]["samples_seen"],
    }
