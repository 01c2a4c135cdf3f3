"""`metrics.jsonl`: one JSON object a line, only ever appended to, readable after any kill.

A training that is killed and resumed goes back in samples seen; its later lines supersede the earlier ones.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gansmith.folder import plain_json
from gansmith.folder.atomic import refusal

MOST = 64 << 20
LONG = 1_200  # bytes of a row, at most as a rule


class MetricsLog:
    """Appends rows of `tag -> number` to `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, samples_seen: int, seconds: float, values: dict[str, float]) -> None:
        """Add one row: `seconds` is training time over all sessions. Raises RunFolderError where the disk refuses."""
        row = {tag: float(value) for tag, value in values.items()}
        append_line(self.path, {"samples_seen": samples_seen, "seconds": float(seconds), **row})


def read(path: Path) -> list[dict[str, Any]]:
    """The rows, by strictly growing samples seen: {"samples_seen": int, "seconds": float, tag: float, ...}.

    Rows at the same samples seen are merged, the later value winning. Broken lines and values are passed over; a
    missing file is [].
    """
    return merged(_raw_lines(path))


def tail(path: Path, count: int) -> list[dict[str, Any]]:
    """About the last `count` rows, at the price of those alone."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            start = file.seek(max(end - count * LONG, 0))
            whole = file.read().splitlines()[1 if start else 0 :]
    except OSError:
        return []
    return merged(whole[-count:])


def merged(raw_lines: Iterable[bytes]) -> list[dict[str, Any]]:
    """The rows that these lines of a file hold, as `read` has them."""
    rows: list[dict[str, Any]] = []
    for raw in _objects(raw_lines):
        row = _checked(raw)
        if row is None:
            continue
        while rows and rows[-1]["samples_seen"] > row["samples_seen"]:
            rows.pop()
        if rows and rows[-1]["samples_seen"] == row["samples_seen"]:
            rows[-1].update(row)
        else:
            rows.append(row)
    return rows


def is_count(value: object) -> bool:
    """Whether `value` can be a number of samples seen."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _checked(raw: dict[str, Any]) -> dict[str, Any] | None:
    """The row with its numbers revived and what is not a number left out; None where it has no place in time."""
    seen, seconds = raw.pop("samples_seen", None), plain_json.number(raw.pop("seconds", None))
    if not is_count(seen) or seconds is None:
        return None
    numbers = {tag: plain_json.number(value) for tag, value in raw.items()}
    return {"samples_seen": seen, "seconds": seconds, **{tag: n for tag, n in numbers.items() if n is not None}}


def append_line(path: Path, value: dict[str, Any]) -> None:
    """Add `value` as a line of its own. Raises RunFolderError where the disk refuses."""
    line = plain_json.dumps(value).encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # a line that a kill cut off: do not grow onto it
                    line = b"\n" + line
            file.write(line)
    except OSError as error:
        raise refusal(error, path, "All earlier lines are intact.") from error


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-lines file; whatever is not one (cut off, garbled, missing) is passed over. Of a file that
    is larger than any of ours (MOST bytes), the end."""
    try:
        with path.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - MOST, 0))
            return _objects(file.read().split(b"\n"))
    except OSError:
        return iter(())


def _raw_lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\n")
    except OSError:
        return []


def _objects(raw_lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in raw_lines:
        try:
            value = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value
