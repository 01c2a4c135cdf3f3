"""A run's metrics as columns for charts: few enough to draw, whatever the training's length."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from gansmith.folder import metrics_log

POINTS = 1_000  # rows of a kind that a chart gets, about twice its pixels; more are thinned evenly


def columns(path: Path, points: int = POINTS) -> dict[str, Any]:
    """{"end": bytes read, "rows": all of them, "columns": {"samples_seen": [...], "seconds": [...], tag: [...]}}.

    A tag's list has None where a row lacks it. Non-finite numbers stay; whoever writes JSON must name them.
    """
    try:
        data = path.read_bytes()
    except OSError:
        data = b""
    end = data.rfind(b"\n") + 1  # a line that is being written comes next time
    lines = data[:end].splitlines()
    rows = metrics_log.merged(thinned(lines, points))
    tags = dict.fromkeys(tag for row in rows for tag in row)
    return {"end": end, "rows": len(lines), "columns": {tag: [row.get(tag) for row in rows] for tag in tags}}


def thinned(lines: list[bytes], points: int) -> list[bytes]:
    """At most about `points` lines of each kind, the last always among them.

    A line's kind is its number of quotation marks, which tells its number of tags without parsing it; so the few rows
    of scores, and those with NaN, stay.
    """
    kinds = [line.count(b'"') for line in lines]
    every = {kind: -(-count // points) for kind, count in Counter(kinds).items()}
    met: Counter[int] = Counter()
    kept = []
    for line, kind in zip(lines, kinds, strict=True):
        met[kind] += 1
        if met[kind] % every[kind] == 0:
            kept.append(line)
    return kept if not lines or (kept and kept[-1] is lines[-1]) else [*kept, lines[-1]]
