"""A folder of pictures, nested to any depth; its first-level sub-folders are the classes."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable
from pathlib import Path

from gansmith.data.files import EncodedFiles, Names, NoPictures, class_folders, digest, is_hidden, is_picture
from gansmith.errors import DataError


class Folder(EncodedFiles):
    """All pictures below `root`: a folder's files by name, then its sub-folders by name, whatever the system's order.

    Raises DataError where there is no picture or a folder cannot be listed.
    """

    def __init__(self, root: Path, where: str) -> None:
        self.where = where
        self._root = root
        self._names = Names()
        self._sizes = array("q")  # bytes; -1 where a link leads nowhere
        self._scan()
        if not self._names:
            raise NoPictures(where, self.ignored)
        self.labels, self.label_names = class_folders(self._names)

    def _fingerprint(self) -> str:
        return digest(self._names, self._sizes)

    def __len__(self) -> int:
        return len(self._names)

    def name(self, i: int) -> str:
        return self._names[i]

    def read(self, i: int) -> Path:
        return self._root / self._names[i]

    def _scan(self) -> None:
        pending, seen = [""], set()
        while pending:
            here = pending.pop()
            try:
                status = (self._root / here).stat()
                if (status.st_dev, status.st_ino) in seen:  # links may lead in circles
                    continue
                seen.add((status.st_dev, status.st_ino))
                folders = self._list(here)
            except OSError as error:
                raise DataError(f"The folder '{self._root / here}' cannot be listed: {error.strerror}.") from error
            pending += sorted((f"{here}{name}/" for name in folders), reverse=True)

    def _list(self, here: str) -> list[str]:
        """Put the pictures of one folder into the index; returns the names of its sub-folders."""
        folders: list[str] = []
        found: list[str] = []  # name, zero, size: one string a file, and in the order of the names
        with os.scandir(self._root / here) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                if _is_folder(entry):
                    folders.append(entry.name)
                elif is_picture(entry.name):
                    found.append(f"{entry.name}\0{_size(entry)}")
                else:
                    self.ignored += 1
        found.sort()
        for item in found:
            name, _, size = item.partition("\0")
            self._names.append(here + name)
            self._sizes.append(int(size))
        return folders


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:
        return -1


def listing(root: Path) -> tuple[list[str], list[str]]:
    """Names of the folders and of the files right in `root`, without the system's; raises DataError."""
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(root) as entries:
            for entry in entries:
                if not is_hidden(entry.name):
                    (folders if _is_folder(entry) else files).append(entry.name)
    except OSError as error:
        raise DataError(f"The folder '{root}' cannot be listed: {error.strerror}.") from error
    return folders, files


def any_picture(names: Iterable[str]) -> bool:
    """Whether one of these files is a picture."""
    return any(is_picture(name) for name in names)
