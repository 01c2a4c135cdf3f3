"""All training state in one file that is either whole or not there, and that executes nothing when read.

`checkpoints/<samples seen>-<start of the file's sha256>.safetensors`: a reader knows from the name alone whether
every byte is as it was written. Nested state is flattened: tensors under their paths, the rest as JSON beside them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from gansmith.errors import CheckpointError
from gansmith.folder import atomic, plain_json, safe_tensors

_NAME = re.compile(r"(\d{12,})-([0-9a-f]{16})\.safetensors")


def save(folder: Path, state: Any, samples_seen: int) -> Path:
    """Write `state` into `folder`/checkpoints and return the file.

    `state` is nested dicts (keys: str or int), lists, tuples, tensors, numbers, strings, bools and None. Equal state
    gives an equal file, name included. Raises RunFolderError where the disk refuses; older checkpoints are intact then.
    """
    tensors: dict[str, Tensor] = {}
    tree = _flatten(state, "state", tensors)
    data = safe_tensors.dump("checkpoint", tensors, {"samples_seen": samples_seen, "tree": tree})
    place = folder / "checkpoints"
    atomic.remove_temporaries(place)
    path = place / f"{samples_seen:012d}-{hashlib.sha256(data).hexdigest()[:16]}.safetensors"
    atomic.write_bytes(path, data)
    return path


def load(path: Path) -> Any:
    """The state that `save` was given, tensors on the CPU. Raises CheckpointError where a single byte differs."""
    data = safe_tensors.read_bytes(path)
    tensors, content = safe_tensors.parse("checkpoint", data, path)
    named = _NAME.fullmatch(path.name)
    if named and hashlib.sha256(data).hexdigest()[:16] != named[2]:
        raise CheckpointError(
            f"{path} is damaged: its bytes are not the ones that were written (the checksum in its name differs). "
            "Copy it again from where it is whole, or use an older checkpoint."
        )
    try:
        return _restore(content["tree"], tensors)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise CheckpointError(f"{path} is damaged: its list of contents makes no sense. Use another one.") from error


def found(folder: Path) -> list[Path]:
    """The run folder's checkpoints by name, newest (most samples seen) first; they may yet be damaged."""
    named = [(p, _NAME.fullmatch(p.name)) for p in (folder / "checkpoints").glob("*.safetensors")]
    ordered = sorted(((int(m[1]), _modified(p), p) for p, m in named if m), reverse=True)
    return [path for _, _, path in ordered]


def load_latest(folder: Path, warn: Callable[[str], None]) -> tuple[Any, Path] | None:
    """The newest whole checkpoint's state and file; None where there is no checkpoint yet.

    A damaged one is passed over with a word to `warn`; nothing is renamed or deleted. Raises CheckpointError where
    there are checkpoints and all are damaged: to begin afresh over them is for the user to decide.
    """
    paths = found(folder)
    for path in paths:
        try:
            return load(path), path
        except CheckpointError as error:
            warn(f"{error} Falling back to the checkpoint before it.")
    if not paths:
        return None
    raise CheckpointError(
        f"None of the {len(paths)} checkpoints in {folder / 'checkpoints'} can be read. Nothing was changed. Put whole "
        "ones there, or move that folder away to begin afresh, or choose another folder with --run."
    )


def prune(folder: Path, keep: set[Path], last: int = 2) -> None:
    """Delete all checkpoints but the `last` newest and those in `keep`.

    Newest by samples seen, and newest by time too: after falling back from a damaged checkpoint, that one still has
    the most samples, and must not push out the good ones written since.
    """
    by_samples = found(folder)
    by_time = sorted(by_samples, key=_modified, reverse=True)
    kept = {p.name for p in [*keep, *by_samples[:last], *by_time[:last]]}
    for path in by_samples:
        if path.name not in kept:
            with contextlib.suppress(OSError):  # open in another program on Windows: next time
                path.unlink()


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _flatten(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """The JSON form of `value`; its tensors go into `tensors`, under names that start with `name`."""
    if isinstance(value, Tensor):
        while name in tensors:  # {1: ..., "1": ...} and {"a": {"b": ...}, "a/b": ...} have equal paths
            name += "'"
        tensors[name] = value
        return {"tensor": name}
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": json.loads(plain_json.dumps(value))}
    if isinstance(value, dict):
        if any(isinstance(key, bool) or not isinstance(key, str | int) for key in value):
            raise TypeError(f"{name}: keys must be str or int, got {list(value)[:5]}")
        return {"dict": [[key, _flatten(item, f"{name}/{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_flatten(item, f"{name}/{index}", tensors) for index, item in enumerate(value)]}
    raise TypeError(f"{name}: a checkpoint cannot hold {type(value).__name__}")


def _restore(tree: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(tree, dict):
        return tree
    ((kind, value),) = tree.items()
    if kind == "tensor":
        return tensors[value]
    if kind == "float":
        return plain_json.NON_FINITE[value]
    if kind == "dict":
        return {key: _restore(item, tensors) for key, item in value}
    items = [_restore(item, tensors) for item in value]
    return items if kind == "list" else tuple(items)
