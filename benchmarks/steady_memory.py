"""Resident memory over a training: it must not grow with time.

The second tenth of the training against the last: by then caches are full, and both tenths hold evaluations, grids and
checkpoints. From the middle of the one to the middle of the other are 10,000 of the 12,500 steps. The bar: less than
1 % growth.
"""

from __future__ import annotations

import json
import statistics
from typing import Any

from benchmarks import finish, folder, gansmith, measure, place


def run(small: bool = False, *, steps: int = 12_500, data: str = "digits", runs: int = 2) -> dict[str, Any]:
    """`runs` trainings of `steps` each with the default recipe on `data`; rows of memory from metrics.jsonl."""
    steps, batch, runs = (60, 16, 1) if small else (steps, 32, runs)
    count = 20 if small else 500
    settings = [f"evaluate.samples={count}", f"evaluate.final_samples={count}"]
    settings += [f"evaluate.times={2 if small else 20}", "evaluate.features=random"]
    command = ["train", place(data), "--samples", steps * batch, "--batch", batch, "--set", *settings]
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
            measure("steps", [f["samples_seen"] / batch for f in found]),
            measure("training", [f["seconds"] for f in found], "s"),
        ],
        "settings": {"steps": steps, "batch": batch, "data": data, "set": settings, "seed": 0},
    }


def _tenths(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Median resident megabytes in the second tenth of the samples seen and in the last, and the last row's counts."""
    resident = [(row["samples_seen"], row["memory/resident_mb"]) for row in rows if "memory/resident_mb" in row]
    if not resident:
        raise RuntimeError("this system does not tell a process' resident memory (only Linux does here)")
    total = rows[-1]["samples_seen"]
    second = [mb for seen, mb in resident if 0.1 * total < seen <= 0.2 * total] or [resident[0][1]]
    last = [mb for seen, mb in resident if seen > 0.9 * total]
    ends = {key: rows[-1][key] for key in ("samples_seen", "seconds")}
    return {"second": statistics.median(second), "last": statistics.median(last), **ends}
