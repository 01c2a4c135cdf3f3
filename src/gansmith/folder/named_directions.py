"""`directions.json`: directions through latent space that somebody looked at and gave a name.

A list of {"name", "vector" (in w, as long as the directions that are found), "from": which direction it was,
"samples_seen" of the generator it was found in}. A training that goes on keeps them: w changes slowly, and a name may
cease to fit.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from gansmith.errors import RunFolderError
from gansmith.folder import atomic

NAME = "directions.json"
MOST = 32  # directions
LARGEST = 4 << 20  # bytes of a file that is read
FARTHEST = 1e6  # of a vector's number
_CALLED = re.compile(r"[^\W_][\w .,'+()-]{0,39}")


def read(folder: Path, length: int) -> list[dict[str, Any]]:
    """The run folder's directions of that length; what is not one is passed over, a missing or broken file is []."""
    found: dict[str, dict[str, Any]] = {}
    for entry in _entries(folder):
        if _whole(entry) and len(entry["vector"]) == length and len(found) < MOST:
            found[entry["name"]] = {"name": entry["name"], "vector": entry["vector"]}
    return list(found.values())


def keep(folder: Path, name: str, vector: list[float], origin: str, samples_seen: int) -> None:
    """Add a direction, in place of the one of that name. Raises RunFolderError for a name that is none, for one too
    many, and where the disk refuses."""
    name = " ".join(name.split())
    if not _CALLED.fullmatch(name):
        raise RunFolderError(f"'{name[:60]}' is no name for a direction. Wanted: 1 to 40 letters, digits and spaces.")
    entries = [entry for entry in _entries(folder) if _whole(entry) and entry["name"] != name]
    if len(entries) >= MOST:
        raise RunFolderError(f"There are {MOST} named directions already. Forget one first.")
    entry = {"name": name, "vector": vector, "from": origin, "samples_seen": samples_seen}
    atomic.write_json(folder / NAME, [*entries, entry])


def forget(folder: Path, name: str) -> None:
    """Remove the direction of that name, if there is one. Raises RunFolderError where the disk refuses."""
    entries = [entry for entry in _entries(folder) if _whole(entry)]
    rest = [entry for entry in entries if entry["name"] != name]
    if len(rest) < len(entries):
        atomic.write_json(folder / NAME, rest)


def _entries(folder: Path) -> list[Any]:
    try:
        with (folder / NAME).open("rb") as file:
            found = json.loads(file.read(LARGEST))
    except (OSError, ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def _whole(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("vector"), list):
        return False
    numbers = all(isinstance(x, float | int) and abs(x) <= FARTHEST for x in entry["vector"])
    return numbers and isinstance(entry.get("name"), str) and bool(_CALLED.fullmatch(entry["name"]))
