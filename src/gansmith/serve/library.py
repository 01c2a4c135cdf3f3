"""The run folders below a folder: which there are, and what a list of them says. Nothing in them is trusted.

A run is called by its path below the root, and only what a search has found can be asked for: no path that comes from
a browser is ever joined to another.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from pathlib import Path
from typing import Any

from gansmith.errors import RunFolderError
from gansmith.folder import run_json
from gansmith.folder.metrics_log import is_count, tail

DEEPEST = 4  # folders below the root
MOST = 1_000  # runs that are listed
LATEST = 100  # rows of metrics that the list looks at
LARGEST = 4 << 20  # bytes of a run.json that is read
GRID = re.compile(r"[0-9]{1,18}\.png")
ALIVE = ("running", "paused")  # states in which there is a process
OTHERS = ("uncurated.png", "nearest.png", "copies.png")


class Library:
    """Runs below `root`, or `root` itself where it is one, which then is called "."."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._found: dict[str, Path] = {}

    def scan(self) -> list[str]:
        """Search again; the runs' names, sorted. Links are not followed."""
        found: dict[str, Path] = {}
        pending = [(self.root, 0)]
        while pending and len(found) < MOST:
            here, depth = pending.pop()
            if (here / run_json.NAME).is_file():
                found[here.relative_to(self.root).as_posix()] = here
            elif depth < DEEPEST:
                pending += [(folder, depth + 1) for folder in _folders(here)]
        self._found = dict(sorted(found.items()))
        return list(self._found)

    def folder(self, name: str) -> Path:
        """Raises RunFolderError where no search has found a run of that name."""
        if name not in self._found:
            self.scan()
        if name not in self._found:
            raise RunFolderError(f"There is no run '{name[:200]}' below {self.root}.")
        return self._found[name]

    def overviews(self) -> list[dict[str, Any]]:
        """For every run what `overview` says, the latest first."""
        return sorted((self.overview(name) for name in self.scan()), key=lambda run: -run["changed"])

    def overview(self, name: str) -> dict[str, Any]:
        """A run in a few words; `problem` where run.json cannot be read, which then are all."""
        folder = self.folder(name)
        said: dict[str, Any] = {"id": name, "name": folder.name, "changed": _changed(folder)}
        try:
            if (folder / run_json.NAME).stat().st_size > LARGEST:
                raise RunFolderError(f"{folder / run_json.NAME} is too large to be one of ours.")
            run = run_json.read_run(folder)
        except (OSError, RunFolderError) as error:
            return {**said, "state": "unreadable", "problem": str(error)}
        latest = tail(folder / "metrics.jsonl", LATEST)
        last = latest[-1] if latest else {}
        grids = pictures(folder)
        seen = last.get("samples_seen", run.get("samples_seen"))
        return {
            **said,
            "state": _state(folder, run),
            "recipe": run.get("recipe"),
            "started": run.get("started"),
            "data": Path(str(_of(run, "data").get("path", ""))).name,
            "samples_seen": seen if is_count(seen) else 0,
            "seconds": last.get("seconds", run.get("seconds")),
            "rate": next((row[k] for row in reversed(latest) if (k := "rate/samples_per_second") in row), None),
            "scores": _of(_of(run, "scores"), "values"),
            "best": run.get("best"),
            "alarms": _of(run, "alarms"),
            "loss": [row[k] for row in latest if (k := "loss/generator") in row],
            "picture": grids[-1] if grids else None,
        }

    def picture(self, name: str, file: str) -> Path:
        """A picture of a run's samples. Raises RunFolderError where there is none of that name."""
        folder = self.folder(name)
        path = folder / "samples" / file
        if not (GRID.fullmatch(file) or file in OTHERS) or not path.is_file() or path.resolve().parent != path.parent:
            raise RunFolderError(f"The run '{name}' has no picture '{file[:100]}'.")
        return path


def pictures(folder: Path) -> list[str]:
    """Names of the grids of the same latents, oldest first."""
    try:
        names = [entry.name for entry in os.scandir(folder / "samples") if GRID.fullmatch(entry.name)]
    except OSError:
        return []
    return sorted(names, key=lambda name: int(name[:-4]))


def others(folder: Path) -> list[str]:
    """Names of the other pictures of samples that are there."""
    return [name for name in OTHERS if (folder / "samples" / name).is_file()]


def _folders(here: Path) -> list[Path]:
    try:
        with os.scandir(here) as entries:
            return [Path(e.path) for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")]
    except OSError:
        return []


def _changed(folder: Path) -> float:
    """Seconds since 1970 of the last sign of life."""
    times = []
    for name in ("metrics.jsonl", run_json.NAME):
        try:
            times.append((folder / name).stat().st_mtime)
        except OSError:
            continue
    return max(times, default=0.0)


def _state(folder: Path, run: dict[str, Any]) -> str:
    """As run.json says; "interrupted" where it says running or paused, but its process is gone without a word."""
    state = str(run.get("state", "unknown"))
    if state not in ALIVE:
        return state
    try:
        holder = json.loads((folder / "run.lock").read_text(encoding="utf-8")[:4096])
        pid, host = int(holder["pid"]), str(holder["host"])
    except (OSError, ValueError, TypeError, KeyError):
        return "interrupted"
    if host != socket.gethostname():  # another machine's processes cannot be seen from here
        return state if state == "paused" or time.time() - _changed(folder) < 600 else "interrupted"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "interrupted"
    except OSError:
        pass
    return state


def _of(table: dict[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}
