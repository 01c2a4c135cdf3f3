"""Generators for the explorer, made when one is asked for and kept while they are looked at."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gansmith.callbacks.checkpoint import KEPT
from gansmith.data.codec import to_bytes
from gansmith.errors import GansmithError, RunFolderError
from gansmith.export.explorable import Explorable
from gansmith.export.page import page_of
from gansmith.folder import named_directions
from gansmith.serve.kept import Kept
from gansmith.trained import Trained

PROOF = 5  # pictures that a browser's are compared with
MOST = 2  # generators that are kept in memory
SNAPSHOT = re.compile(r"[0-9]{1,18}\.safetensors")
LARGEST = 500 << 20  # bytes of one that a browser could hold
FILE = "generator.safetensors"


def has_generator(folder: Path, file: str = FILE) -> bool:
    """Whether a run has a generator to explore yet. Links are not followed."""
    path = folder / file
    return path.is_file() and not path.is_symlink() and not path.parent.is_symlink()


class Made(NamedTuple):
    """A generator as it was at one moment: its `version`, what a browser needs of it, its file's metadata, and as proof
    the first pictures of seeds 0 to PROOF - 1 as torch makes them, RGBA bytes one after the other."""

    version: str
    explorable: Explorable
    metadata: dict[str, Any]
    proof: bytes


class Generators:
    """By run folder; a generator that has changed since is made anew, after some seconds of work."""

    def __init__(self) -> None:
        self._kept: Kept[tuple[Path, str], Made] = Kept(MOST)

    def of(self, folder: Path, file: str = FILE, version: str | None = None) -> Made:
        """The newest, or `version`, which a browser looks at while training goes on.

        Raises GansmithError where there is none, one that cannot run in a browser, or that version no longer.
        """
        require_generator(folder, file)
        path = folder / file
        if version is not None:
            known = self._kept.known((path, version))
            if known is None:
                raise RunFolderError(f"The generator of '{folder.name}' has changed since. Open the explorer again.")
            return known
        found = path.stat()
        if found.st_size > LARGEST:
            raise RunFolderError(
                f"The generator of '{folder.name}' has {found.st_size >> 20} MB, too many for a browser."
            )
        key = path, str(found.st_mtime_ns)
        return self._kept.of(key, lambda: _made(*key))

    def page_of(self, folder: Path, file: str = FILE) -> bytes:
        """The one-file page. Raises GansmithError as `of` does, and where the page's parts were not built."""
        found = self.of(folder, file)
        return page_of(found.explorable, folder.name, found.metadata.get("recipe", {}), folder)


def name_direction(folder: Path, made: Made, direction: str, name: str) -> None:
    """Keep a direction of a generator with its run; "principal 3" is the third of the principal ones.

    Raises RunFolderError where there is no such direction, and as `keep` does.
    """
    kind, _, number = direction.rpartition(" ")
    known = made.explorable.about["directions"].get(kind, [])
    if not number.isdecimal() or not 1 <= int(number[:9]) <= len(known):
        raise RunFolderError(f"There is no direction '{direction[:60]}'. Wanted: 'principal 1' or 'closed_form 1'.")
    seen = made.metadata.get("samples_seen", 0)
    named_directions.keep(folder, name, known[int(number) - 1], direction, seen)


def require_generator(folder: Path, file: str = FILE) -> None:
    """Raises RunFolderError where a run has no such generator."""
    if file != FILE and file not in snapshots(folder):
        raise RunFolderError(f"The run '{folder.name}' has no snapshot '{file[:100]}'.")
    if not has_generator(folder, file):
        raise RunFolderError(f"The run '{folder.name}' has no generator yet: the first checkpoint brings it.")


def snapshots(folder: Path) -> list[str]:
    """The generators that were kept in training, oldest first, as paths below the run folder."""
    try:
        names = [entry.name for entry in os.scandir(folder / KEPT) if SNAPSHOT.fullmatch(entry.name)]
    except OSError:
        return []
    kept = [f"{KEPT}/{name}" for name in sorted(names, key=lambda name: int(name.partition(".")[0]))]
    return [file for file in kept if has_generator(folder, file)]


def _made(path: Path, version: str) -> Made:
    try:
        trained = Trained(path)
        found = trained.explorable()
        proof = b"".join(_rgba(trained.sample(1, seed=seed).x) for seed in range(PROOF))
        return Made(version, found, trained.metadata, proof)
    except GansmithError:
        raise
    except Exception as error:  # of torch and onnx, on a generator that nobody vouches for
        raise GansmithError(f"The generator {path.name} cannot be explored: {error}") from error


def _rgba(x: Tensor) -> bytes:
    """Of one picture [1, C, H, W] in [-1, 1]; grey ones get three equal channels, and all but RGBA are opaque."""
    pixels: NDArray[np.uint8] = to_bytes(x)[0]
    if pixels.shape[2] == 1:
        pixels = pixels.repeat(3, 2)
    if pixels.shape[2] == 3:
        pixels = np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], axis=2)
    return pixels.tobytes()
