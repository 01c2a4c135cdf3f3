"""Pictures by index: what every reader of files gives, before any choice of size or channels.

The index of a folder or an archive is one block of bytes: a million paths cost some 40 MB, not hundreds.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable, Iterator
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gansmith.contracts import Composition
from gansmith.data import decode
from gansmith.errors import DataError

SUFFIXES = frozenset(
    {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".pcx", ".ico", ".jp2", ".j2k", ".avif", ".heic", ".heif"}
)
HELD_OUT = ("test", "val", "validation", "valid")  # in order of preference


class Pixels(Protocol):
    """An array uint8 [N, C, H, W], or what makes its parts on the fly."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, index: Any, /) -> NDArray[np.uint8]: ...


class Files(ABC):
    """Pictures that are opened by index. Safe to use from several threads at once."""

    where: str  # for messages: what the user called it
    labels: NDArray[np.int32] | None = None  # [N], an index into label_names
    label_names: tuple[str, ...] = ()
    labels_are_told: bool = True  # False: they are for the judge, and training is unconditional unless asked
    channels: Files | None = None  # the labelled pictures of which each channel is one, where these are stacks
    composition: Composition | None = None  # what is in each picture, where that is known exactly
    ignored: int = 0  # files that lie there too and are no pictures, going by their names
    pixels: Pixels | None = None  # [N, C, H, W], where they lie decoded already

    def without_rules(self) -> Files | None:
        """Pictures of the same things in company by chance, where `composition` follows rules; None elsewhere."""
        return None

    def verify(self) -> list[str]:
        """What is damaged though it can be opened, by name, where checksums were written with the data."""
        return []

    @cached_property
    def fingerprint(self) -> str:
        """sha256, hex; of names, sizes and checksums, not of where the data lies."""
        return self._fingerprint()

    @abstractmethod
    def _fingerprint(self) -> str: ...

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def name(self, i: int) -> str:
        """What to call picture `i` to the user: a relative path, or file[index]."""

    @abstractmethod
    def open(self, i: int, at_least: int | None = None) -> Image.Image:
        """Picture `i`, decoded, upright, in mode L, RGB or RGBA; raises `decode.Unreadable`.

        With `at_least`, a large photo may come smaller, its shorter side not below that many pixels.
        """

    @abstractmethod
    def header(self, i: int) -> decode.Header:
        """Size and mode of picture `i` without decoding it; raises `decode.Unreadable`."""


class EncodedFiles(Files):
    """Pictures in files of PNG, JPEG and so on, of which `read` gives the bytes or the path."""

    @abstractmethod
    def read(self, i: int) -> BytesIO | Path:
        """Where Pillow finds picture `i`."""

    def open(self, i: int, at_least: int | None = None) -> Image.Image:
        return decode.open_picture(self.read(i), at_least)

    def header(self, i: int) -> decode.Header:
        return decode.open_header(self.read(i))


class Names:
    """Many strings in one block of bytes."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._blob = bytearray()
        self._ends = array("Q", [0])
        for name in names:
            self.append(name)

    def append(self, name: str) -> None:
        self._blob += name.encode("utf-8", "surrogateescape")
        self._ends.append(len(self._blob))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, i: int) -> str:
        if not 0 <= i < len(self):
            raise IndexError(i)
        return self._blob[self._ends[i] : self._ends[i + 1]].decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))


def is_picture(name: str) -> bool:
    """Whether the ending of a file's name says that it is a picture."""
    return name[name.rfind(".") :].lower() in SUFFIXES


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is the system's, not the user's."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def class_folders(names: Names) -> tuple[NDArray[np.int32] | None, tuple[str, ...]]:
    """Classes by first-level sub-folder, where every picture is in one and there are at least two."""
    found: dict[str, int] = {}
    labels = np.empty(len(names), np.int32)
    for i, name in enumerate(names):
        folder, slash, _ = name.partition("/")
        if not slash:
            return None, ()
        labels[i] = found.setdefault(folder, len(found))
    if len(found) < 2:
        return None, ()
    ranked = sorted(found)
    rank = np.empty(len(found), np.int32)
    for position, folder in enumerate(ranked):
        rank[found[folder]] = position
    return rank[labels], tuple(ranked)


def digest(names: Names, *numbers: Iterable[int]) -> str:
    """sha256 over names with numbers (sizes, checksums), in the order of the index."""
    total = hashlib.sha256()
    for name, *values in zip(names, *numbers, strict=True):
        total.update(f"{name}\0{values}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def splits(folders: Iterable[str]) -> dict[str, str] | None:
    """Which of a folder's sub-folders holds which split ("train", "test"); None where they are no splits.

    `train` beside folders that are no splits, without a held-out one, is a class (car, plane, train).
    """
    actual = {name.lower(): name for name in sorted(folders, reverse=True)}
    held_out = [actual[name] for name in HELD_OUT if name in actual]
    if "train" not in actual or (not held_out and len(actual) > 1):
        return None
    return {"train": actual["train"]} | ({"test": held_out[0]} if held_out else {})


class NoPictures(DataError):
    """A place without a single picture, but with `ignored` other files."""

    def __init__(self, where: str, ignored: int) -> None:
        beside = f" ({ignored:,} other file{'s' if ignored != 1 else ''} in it)" if ignored else ""
        super().__init__(
            f"No pictures in '{where}'{beside}. Wanted: a folder or zip of PNG, JPEG, WebP, TIFF, BMP or GIF files, "
            "also in sub-folders, which then are the classes."
        )
