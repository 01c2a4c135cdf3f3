"""A run's metrics as columns for charts: few enough to draw, in constant memory whatever the training's length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gansmith.folder import metrics_log

POINTS = 1_000  # rows of a kind that a chart gets at most, about twice its pixels; of longer files at least half
CHUNK = 8 << 20  # bytes read at a time; a longer line is none of ours
MOST = 1 << 30  # bytes that are read, from the end of a file
KINDS = 64  # rows with more tags than that are of one kind
NEWLINE, QUOTE = b'\n"'


def columns(path: Path, points: int = POINTS) -> dict[str, Any]:
    """{"end": bytes read, "rows": all of them, "columns": {"samples_seen": [...], "seconds": [...], tag: [...]}}.

    A tag's list has None where a row lacks it. Non-finite numbers stay; whoever writes JSON must name them.
    """
    thinned, end = Thinned(points), 0
    try:
        with path.open("rb") as file:
            end = file.seek(max(file.seek(0, 2) - MOST, 0))
            rest = b""
            while data := file.read(CHUNK):
                data = rest + data
                whole = data.rfind(b"\n") + 1  # a line that is being written comes next time
                thinned.add(data[:whole])
                rest = data[whole:] if len(data) - whole < CHUNK else b""
                end = file.tell() - len(rest)
    except OSError:
        pass
    rows = metrics_log.merged(thinned.lines())
    tags = dict.fromkeys(tag for row in rows for tag in row)
    return {"end": end, "rows": thinned.count, "columns": {tag: [row.get(tag) for row in rows] for tag in tags}}


class Thinned:
    """Of all lines added, every n-th of each kind, n the least power of two that leaves `points` of them; and the last.

    A line's kind is its number of quotation marks, which tells its number of tags without parsing it; so the few rows
    of scores, and those with NaN, stay.
    """

    def __init__(self, points: int) -> None:
        self.points, self.count = points, 0
        self._kept: dict[int, list[tuple[int, bytes]]] = {}  # kind -> (place, line)
        self._every: dict[int, int] = {}
        self._met: dict[int, int] = {}
        self._last: tuple[int, bytes] | None = None

    def add(self, data: bytes) -> None:
        """Whole lines, each with its end."""
        letters = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(letters == NEWLINE)
        if not len(ends):
            return
        starts = np.concatenate([[0], ends[:-1] + 1])
        quotes = np.diff(np.searchsorted(np.flatnonzero(letters == QUOTE), ends), prepend=0)
        kinds = np.minimum(quotes, 2 * KINDS)
        for kind in np.unique(kinds).tolist():
            self._add(kind, np.flatnonzero(kinds == kind), starts, ends, data)
        self._last = self.count + len(ends) - 1, data[starts[-1] : ends[-1]]
        self.count += len(ends)

    def lines(self) -> list[bytes]:
        """What is kept, in order."""
        kept = dict(line for lines in self._kept.values() for line in lines)
        if self._last:
            kept[self._last[0]] = self._last[1]
        return [kept[place] for place in sorted(kept)]

    def _add(
        self, kind: int, places: NDArray[np.intp], starts: NDArray[np.intp], ends: NDArray[np.intp], data: bytes
    ) -> None:
        every, met = self._every.setdefault(kind, 1), self._met.get(kind, 0)
        kept = self._kept.setdefault(kind, [])
        kept += [(self.count + i, data[starts[i] : ends[i]]) for i in places[(-met - 1) % every :: every].tolist()]
        self._met[kind] = met + len(places)
        while len(kept) > self.points:
            del kept[::2]
            self._every[kind] *= 2
