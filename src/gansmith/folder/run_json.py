"""`run.json`: what a run folder is, and how far it is; every change replaces the whole file at once.

Keys: state ("running", "paused", "stopped", "finished", "failed"), versions, device, data, samples_seen, seconds, best,
scores ({"values": {...}, "protocol": {...}}), alarms ({"open": [...], "raised": n}), command.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gansmith.errors import RunFolderError
from gansmith.folder import atomic

NAME = "run.json"
_MARK = {"format": "gansmith run", "version": 1}


def read_run(folder: Path) -> dict[str, Any]:
    """The contents of `folder`'s run.json. Raises RunFolderError where that is no run folder of ours."""
    path = folder / NAME
    hint = f"Start a training there with: gansmith train DATA --run {folder}"
    if not folder.is_dir():
        raise RunFolderError(f"There is no run folder {folder}. Check the path. {hint}")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RunFolderError(f"{folder} is not a run folder: it has no {NAME}. Check the path. {hint}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RunFolderError(f"Cannot read {path}: {error}. Nothing was changed.") from error
    try:
        run = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RunFolderError(
            f"{path} is damaged: it is not JSON ({error}). Nothing was changed. Put back a whole copy, or choose "
            "another folder with --run; the checkpoints in it are not affected."
        ) from error
    if not isinstance(run, dict) or run.get("format") != _MARK["format"]:
        raise RunFolderError(f"{path} is another program's file: {folder} is no run folder of gansmith's. Use another.")
    if run.get("version") != _MARK["version"]:
        raise RunFolderError(
            f"{path} has format version {run.get('version')}; this gansmith reads version 1. "
            "Upgrade it: pip install -U gansmith"
        )
    return run


def update_run(folder: Path, **changes: Any) -> dict[str, Any]:
    """Set top-level keys (JSON values) and return the result; makes the file, and the folder, where missing.

    Raises RunFolderError where the folder is another program's or cannot be written; nothing is changed then.
    """
    old = read_run(folder) if (folder / NAME).exists() else {}
    run = {**_MARK, **old, **changes}
    atomic.write_json(folder / NAME, run)
    return run
