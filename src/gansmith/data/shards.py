"""Shards: .tar files of pictures as WebDataset has them, read in place and by index, so that nothing is unpacked.

Members with the same path up to the first dot of their name are one sample (`0001.jpg`, `0001.cls`); `.cls` holds the
number of its class (github.com/webdataset/webdataset, "The WebDataset Format"). Shards are indexed when they are
opened, by their headers alone; every picture is then found at its place, in any order, as a resumed training asks.
"""

from __future__ import annotations

import glob
import re
import tarfile
from array import array
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gansmith.data.decode import Unreadable
from gansmith.data.files import (
    HELD_OUT,
    EncodedFiles,
    Names,
    NoPictures,
    class_folders,
    digest,
    is_hidden,
    is_picture,
)
from gansmith.errors import DataError

ENDING = ".tar"
LARGEST = 1 << 30  # bytes that one member may claim to hold
LARGEST_CLASS = 20  # bytes of a .cls
RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")  # the shells' and WebDataset's {000..099}


class Shards(EncodedFiles):
    """The pictures of the .tar files `paths`, in the order of the shards and of their members.

    Raises DataError where there is none, or where a shard is damaged or compressed.
    """

    def __init__(self, paths: Sequence[Path], where: str) -> None:
        self.where = where
        self._paths = tuple(paths)
        self._names = Names()
        self._shards, self._offsets, self._sizes = array("i"), array("q"), array("q")
        classes: dict[str, int] = {}
        for number, path in enumerate(self._paths):
            for name, member, archive in _members(path):
                if is_picture(name):
                    self._names.append(f"{path.name}/{name}")
                    self._shards.append(number)
                    self._offsets.append(member.offset_data)
                    self._sizes.append(member.size)
                elif name.endswith(".cls"):
                    classes[_key(f"{path.name}/{name}")] = _class(archive, member, f"{path}/{name}")
                else:
                    self.ignored += 1
        if not self._names:
            raise NoPictures(where, self.ignored)
        if classes:
            self.labels, self.label_names = _numbered([classes.get(_key(name)) for name in self._names], where)
        else:
            self.labels, self.label_names = class_folders(Names(name.partition("/")[2] for name in self._names))

    def _fingerprint(self) -> str:
        return digest(self._names, self._sizes)

    def __len__(self) -> int:
        return len(self._names)

    def name(self, i: int) -> str:
        return self._names[i]

    def read(self, i: int) -> BytesIO:
        size = self._sizes[i]
        if size > LARGEST:
            raise Unreadable(f"claims to hold {size:,} bytes, which no picture should")
        try:
            with self._paths[self._shards[i]].open("rb") as file:
                file.seek(self._offsets[i])
                data = file.read(size)
        except OSError as error:
            raise Unreadable(f"not readable in its shard ({error})") from error
        if len(data) != size:
            raise Unreadable("cut off in its shard")
        return BytesIO(data)


def _members(path: Path) -> Iterator[tuple[str, tarfile.TarInfo, tarfile.TarFile]]:
    """The visible files of a .tar by their names; raises DataError."""
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                archive.members = []  # type: ignore[attr-defined]  # a million of them would fill the memory
                name = "/".join(part for part in member.name.split("/") if part not in ("", ".", ".."))
                if member.isreg() and not member.issparse() and not any(map(is_hidden, name.split("/"))):
                    yield name, member, archive
    except tarfile.TarError as error:
        compressed = path.open("rb").read(2) == b"\x1f\x8b"
        hint = " It is compressed; shards are read in place, so unpack it first: gunzip FILE." if compressed else ""
        raise DataError(f"'{path}' is not a .tar that can be read: {error}.{hint}") from error


def _key(name: str) -> str:
    """What a sample's members have in common: the path up to the first dot of the last part."""
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(".")[0]


def _class(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> int:
    file = archive.extractfile(member)
    text = file.read(LARGEST_CLASS).strip() if file is not None else b""
    if not re.fullmatch(rb"\d{1,9}", text):
        raise DataError(f"'{name}' should hold the number of a class, such as 7, but holds {text!r}.")
    return int(text)


def _numbered(found: list[int | None], where: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Labels [N], and the classes' numbers as their names. Raises DataError where some samples have no class."""
    missing = found.count(None)
    if missing:
        raise DataError(
            f"{missing:,} of {len(found):,} pictures in '{where}' have no .cls beside them, the others have. "
            "Wanted: a .cls with the class's number for every picture, or for none."
        )
    numbers, labels = np.unique(np.array(found, np.int64), return_inverse=True)
    return labels.astype(np.int32), tuple(map(str, numbers.tolist()))


def shards_named(pattern: str) -> list[Path]:
    """The .tar files that a pattern names, sorted: {000..099} anywhere, of which all must be there; * and ? in the last
    part.

    Raises DataError where one is missing.
    """
    paths: list[Path] = []
    for name in _ranged(pattern):
        path = Path(name)
        found = sorted(path.parent.glob(path.name)) if glob.has_magic(path.name) else [path]
        if not found or not all(map(Path.is_file, found)):
            raise DataError(f"There is no shard '{name}', which '{pattern}' names.")
        paths += found
    return paths


def is_pattern(path: str) -> bool:
    """Whether `path` names several shards at once."""
    return path.endswith(ENDING) and bool(RANGE.search(path) or glob.has_magic(path))


def of_split(paths: Sequence[Path], split: str) -> list[Path]:
    """Those shards of a folder that are of `split` ("train" or "test"), by a word in their names: train-0001.tar.

    Where no name has the word train, all are for training.
    """
    words = {path: set(re.split(r"[^a-z]+", path.name.lower())) for path in paths}
    train = [path for path in paths if "train" in words[path]]
    if not train:
        return list(paths) if split == "train" else []
    if split == "train":
        return train
    return next((held for name in HELD_OUT if (held := [p for p in paths if name in words[p]])), [])


def _ranged(pattern: str) -> list[str]:
    """`pattern` with each range {a..b} written out, as many digits as `a` has."""
    match = RANGE.search(pattern)
    if match is None:
        return [pattern]
    first, last = int(match[1]), int(match[2])
    if last - first > 1_000_000:
        raise DataError(f"'{pattern}' names {last - first + 1:,} shards, more than a million.")
    numbers = [f"{number:0{len(match[1])}d}" for number in range(first, last + 1)]
    return [name for number in numbers for name in _ranged(pattern[: match.start()] + number + pattern[match.end() :])]
