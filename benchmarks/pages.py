"""How long the pages wait: the list of 50 runs of 100,000 rows of metrics each, and the charts of one of them.

What the server does for an answer, JSON included, in a process of its own, with the files in the system's cache; the
browser's share comes on top. The bars: 1 s for the list, 0.2 s for the charts.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from benchmarks import call, folder, measure, note

TAGS = 16  # numbers of a row, as a training with two penalties has them


def run(small: bool = False, *, runs: int = 50, rows: int = 100_000, times: int = 5) -> dict[str, Any]:
    """`times` times in a process that has them all."""
    runs, rows, times = (3, 500, 1) if small else (runs, rows, times)
    with folder() as here:
        note(f"  writing {runs} runs of {rows:,} rows")
        _write(here, runs, rows)
        found = call(seconds, str(here), times)
    return {
        "measures": [
            measure("list", found["list"], "s", below=1),
            measure("charts of a run", found["charts"], "s", below=0.2),
        ],
        "settings": {"runs": runs, "rows": rows, "tags": TAGS},
    }


def seconds(root: str, times: int) -> dict[str, list[float]]:
    """Of the two answers, each time."""
    from gansmith.folder import plain_json
    from gansmith.serve.columns import columns
    from gansmith.serve.library import Library

    library = Library(Path(root))
    chosen = library.folder(library.scan()[0]) / "metrics.jsonl"
    answers = {"list": library.overviews, "charts": lambda: columns(chosen)}
    found: dict[str, list[float]] = {name: [] for name in answers}
    for _ in range(times):
        for name, answer in answers.items():
            begin = time.perf_counter()
            plain_json.dumps(answer())
            found[name].append(time.perf_counter() - begin)
    return found


def _write(root: Path, runs: int, rows: int) -> None:
    """The same metrics in all runs: links to one file."""
    from gansmith.folder.run_json import update_run

    metrics = root / "metrics.jsonl"
    with metrics.open("w", encoding="utf-8") as file:
        for k in range(rows):
            row = {"samples_seen": 128 * k, "seconds": 1.0 * k}
            numbers = {f"loss/tag_{tag}": (k * (tag + 3) % 977) / 977 for tag in range(TAGS)}
            file.write(json.dumps({**row, **numbers, "rate/samples_per_second": 128.0}) + "\n")
            if k % 1000 == 0:
                file.write(json.dumps({**row, "score/frechet": 1000.0 / (k + 1)}) + "\n")
    for k in range(runs):
        update_run(root / f"run{k}", state="finished", recipe="auto")
        os.link(metrics, root / f"run{k}" / "metrics.jsonl")
