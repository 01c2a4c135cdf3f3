"""Generators for the explorer, made when one is asked for and kept while they are looked at."""

from __future__ import annotations

import threading
from pathlib import Path

from gansmith.errors import GansmithError, RunFolderError
from gansmith.export.explorable import Explorable
from gansmith.export.page import page_of
from gansmith.folder import generator_file
from gansmith.trained import Trained

KEPT = 2  # generators
LARGEST = 500 << 20  # bytes of one that a browser could hold
FILE = "generator.safetensors"


def has_generator(folder: Path) -> bool:
    """Whether a run has a generator to explore yet. Links are not followed."""
    return (folder / FILE).is_file() and not (folder / FILE).is_symlink()


class Generators:
    """By run folder; a generator that has changed since is made anew, after some seconds of work."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Path, int], Explorable] = {}
        self._busy = threading.Lock()

    def of(self, folder: Path) -> Explorable:
        """Raises GansmithError where there is none, or one that cannot run in a browser."""
        require_generator(folder)
        found = (folder / FILE).stat()
        if found.st_size > LARGEST:
            raise RunFolderError(
                f"The generator of '{folder.name}' has {found.st_size >> 20} MB, too many for a browser."
            )
        with self._busy:
            key = (folder, found.st_mtime_ns)
            if key not in self._kept:
                self._kept = dict([*self._kept.items()][1 - KEPT :]) | {key: _made(folder)}
            return self._kept[key]

    def page_of(self, folder: Path) -> bytes:
        """The one-file page. Raises GansmithError as `of` does, and where the page's parts were not built."""
        found = self.of(folder)
        return page_of(found, folder.name, generator_file.read(folder / FILE)[1].get("recipe", {}), folder)


def require_generator(folder: Path) -> None:
    """Raises RunFolderError where a run has no generator yet."""
    if not has_generator(folder):
        raise RunFolderError(f"The run '{folder.name}' has no generator yet: the first checkpoint brings it.")


def _made(folder: Path) -> Explorable:
    try:
        return Trained(folder / FILE).explorable()
    except GansmithError:
        raise
    except Exception as error:  # of torch and onnx, on a generator that nobody vouches for
        raise GansmithError(f"The generator of '{folder.name}' cannot be explored: {error}") from error
