"""`control.json`: what a training is asked to do while it runs, by whoever may write into its folder.

One object, {"do": "pause" | "continue" | "snapshot" | "stop"}. The training takes the file away when it has read it,
so a file that stays was not heard.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Literal, cast, get_args

from gansmith.folder import atomic

NAME = "control.json"
TAKEN = ".control.json.tmp"  # as a temporary file is called, so that one that a kill leaves is removed with those
LARGEST = 1_000  # bytes that are read
Wish = Literal["pause", "continue", "snapshot", "stop"]
WISHES: tuple[Wish, ...] = get_args(Wish)


def ask(folder: Path, wish: Wish) -> None:
    """Ask the training in `folder`; a wish that it has not heard yet is replaced. Raises RunFolderError where the disk
    refuses."""
    atomic.write_json(folder / NAME, {"do": wish})


def take(folder: Path) -> Wish | None:
    """The wish that waits in `folder`, which is gone then; None where there is none, or one of no meaning."""
    taken = folder / TAKEN
    try:
        (folder / NAME).replace(taken)
        with taken.open("rb") as file:
            said = json.loads(file.read(LARGEST))
    except (OSError, ValueError, RecursionError):
        said = None
    with contextlib.suppress(OSError):
        taken.unlink(missing_ok=True)
    word = said.get("do") if isinstance(said, dict) else None
    return cast(Wish, word) if word in WISHES else None
