"""Features of real samples, computed once for each content: an extractor is slow, and the same samples come again.

They lie in the cache by a hash of the extractor and of the samples' numbers, so that no name or date can mislead.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from gansmith.cache import cache_folder
from gansmith.contracts import Extractor, Seen

VERSION = 1  # raise it when an extractor of the same weights sees otherwise
WORTH_SECONDS = 0.2  # what took less is computed again
MOST_BYTES = 2**30  # of all that is kept; what was longest not used makes room


def see_kept(extractor: Extractor, x: Tensor) -> Seen:
    """`extractor(x)`, from the cache where it is there. A cache that cannot be read or written is done without."""
    path = cache_folder() / "seen" / f"{_key(extractor, x)}.safetensors"
    try:
        found = load_file(path)
        os.utime(path)
        return Seen(found["vectors"], found.get("probabilities"))
    except (OSError, SafetensorError, KeyError):
        pass
    begin = time.perf_counter()
    seen = extractor(x)
    if time.perf_counter() - begin >= WORTH_SECONDS:
        _keep(path, seen)
    return seen


def _key(extractor: Extractor, x: Tensor) -> str:
    about = f"{VERSION} {extractor.name} {extractor.hash} {x.dtype} {tuple(x.shape)}\n"
    digest = hashlib.sha256(about.encode())
    digest.update(x.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:32]


def _keep(path: Path, seen: Seen) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tables = {"vectors": seen.vectors, "probabilities": seen.probabilities}
        save_file({name: t.contiguous() for name, t in tables.items() if t is not None}, part)
        part.replace(path)
        _make_room(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _make_room(folder: Path) -> None:
    known = sorted(((p.stat().st_mtime, p.stat().st_size, p) for p in folder.glob("*.safetensors")), reverse=True)
    total = 0
    for _, size, path in known:
        total += size
        if total > MOST_BYTES:
            path.unlink(missing_ok=True)
