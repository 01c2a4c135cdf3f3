"""What is new in a run folder, as it happens: by looking, since a training tells nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from gansmith.folder import alerts, metrics_log, run_json, verdicts
from gansmith.serve.library import pictures

PAUSE = 1.0  # seconds between looks
MOST = 4 << 20  # bytes of new rows that are read at a look; the rest comes with the next
SIGNS = (run_json.NAME, alerts.NAME, verdicts.NAME)  # files that are read anew when they change
QUIET = 15  # looks without news, after which a sign of life is sent, so that a dead connection is noticed


async def changes(folder: Path, start: int) -> AsyncIterator[tuple[int, dict[str, Any]]]:
    """(bytes of metrics.jsonl that are told, news), for ever.

    News: `rows` after byte `start`, `grids` (all names) where there are new ones, `changed`: whether state, scores or
    alarms may be others than before. `restart` where the file became shorter: another run is in this folder now.
    """
    seen: tuple[Any, ...] | None = None
    quiet = 0
    while True:
        size, rows, end = _new_rows(folder / "metrics.jsonl", start)
        signs = (*(_stamp(folder / name) for name in SIGNS), tuple(pictures(folder)))
        news: dict[str, Any] = {}
        if size < start:
            news, end = {"restart": True}, 0
        elif rows:
            news["rows"] = rows
        if seen is not None and signs != seen:
            news |= {"changed": True, "grids": list(signs[-1])}
        quiet = 0 if news else quiet + 1
        if news or quiet % QUIET == 1:
            yield end, news
        seen, start = signs, end
        if size - end < MOST:
            await asyncio.sleep(PAUSE)


def _new_rows(path: Path, start: int) -> tuple[int, list[dict[str, Any]], int]:
    """(the file's size, its rows after byte `start`, where the last whole line ends)."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(start)
            data = file.read(MOST)
    except OSError:
        return start, [], start
    end = data.rfind(b"\n") + 1
    if not end and len(data) == MOST:  # no line of ours is that long
        end = MOST
    return size, metrics_log.merged(data[:end].split(b"\n")), start + end


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return status.st_mtime_ns, status.st_size
