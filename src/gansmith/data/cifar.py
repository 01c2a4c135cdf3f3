"""CIFAR-10's two forms: binary files, and pickles of Python 2, which are read without trusting them.

Format: https://www.cs.toronto.edu/~kriz/cifar.html. A picture is 3 x 32 x 32 bytes, planes one after another.
"""

from __future__ import annotations

import pickle
import re
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from gansmith.data.arrays import ArrayFiles
from gansmith.errors import DataError

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PICTURE = 3 * 32 * 32
LARGEST = 256 << 20  # bytes; a real file has 31 MB
Part = tuple[NDArray[np.uint8], NDArray[np.int64]]  # pictures [N, 3072], labels [N]


def batches(folder: Path, split: str) -> list[Path]:
    """The files of a split by their standard names, sorted."""
    pattern = re.compile(r"data_batch_\d(\.bin)?" if split == "train" else r"test_batch(\.bin)?")
    return sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name) and path.is_file())


def open_cifar(folder: Path, where: str, split: str) -> ArrayFiles | None:
    """The split of a folder with CIFAR-10's batches, or None where they are not there. Raises DataError."""
    paths = batches(folder, split)
    binary = [path for path in paths if path.suffix == ".bin"]
    parts = [read_binary(path) for path in binary] if binary else [read_pickle(path) for path in paths]
    if not parts:
        return None
    pictures = np.concatenate([picture for picture, _ in parts]).reshape(-1, 3, 32, 32)
    return ArrayFiles(where, pictures, np.concatenate([label for _, label in parts]), NAMES)


def read_binary(path: Path) -> Part:
    """One binary batch: records of a label and a picture. Raises DataError."""
    content = np.frombuffer(_read(path), np.uint8)
    if len(content) == 0 or len(content) % (1 + PICTURE):
        raise DataError(f"'{path}' is no CIFAR-10 batch: {len(content):,} bytes are no multiple of {1 + PICTURE}.")
    records = content.reshape(-1, 1 + PICTURE)
    return _checked(path, records[:, 1:], records[:, 0].astype(np.int64))


def read_pickle(path: Path) -> Part:
    """One batch of the Python version. Executes nothing; raises DataError where it is anything but arrays."""
    try:
        content = _Unpickler(path).load()
        pictures = content[b"data"].pixels
        labels = np.array(content[b"labels"], np.int64)
    except DataError:
        raise
    except Exception as error:  # a hostile pickle can raise anything
        raise DataError(f"'{path}' is no CIFAR-10 batch that can be read: {error}.") from error
    return _checked(path, pictures, labels)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"'{path}' is no CIFAR-10 batch: it has {path.stat().st_size:,} bytes.")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error}.") from error


def _checked(path: Path, pictures: NDArray[np.uint8], labels: NDArray[np.int64]) -> Part:
    if pictures.ndim != 2 or pictures.shape[1] != PICTURE or labels.shape != pictures.shape[:1] or not len(labels):
        raise DataError(
            f"'{path}' is no CIFAR-10 batch: pictures {list(pictures.shape)}, labels {list(labels.shape)}. "
            f"Wanted [N, {PICTURE}] and [N]."
        )
    if labels.min() < 0 or labels.max() >= len(NAMES):
        raise DataError(f"'{path}' is no CIFAR-10 batch: its labels go from {labels.min()} to {labels.max()}.")
    return pictures, labels


class _Inert:
    """Stands for something that a pickle names. It can be called as below, and nothing else can be done to it."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> NoReturn:
        raise pickle.UnpicklingError("it changes what it only may name")


class _ArrayClass(_Inert):
    """`numpy.ndarray`, which is only named."""


class _Array:
    """An array in a pickle, as yet without contents: only bytes are taken."""

    __slots__ = ("pixels",)

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, raw = state
        if not isinstance(dtype, _Bytes) or not isinstance(raw, bytes) or fortran:
            raise pickle.UnpicklingError("its array is not of bytes")
        self.pixels = np.frombuffer(raw, np.uint8).reshape(shape)


class _Bytes:
    """The only number type taken."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        return None


class _Reconstruct(_Inert):
    """`numpy.core.multiarray._reconstruct`: an array to be filled."""

    __slots__ = ()

    def __call__(self, kind: Any, *_: Any) -> _Array:
        if not isinstance(kind, _ArrayClass):
            raise pickle.UnpicklingError("its array is of an unknown kind")
        return _Array()


class _DtypeClass(_Inert):
    """`numpy.dtype`: u1 only."""

    __slots__ = ()

    def __call__(self, name: Any, *_: Any) -> _Bytes:
        if name not in ("u1", b"u1"):
            raise pickle.UnpicklingError("its array is not of bytes")
        return _Bytes()


class _Encode(_Inert):
    """`_codecs.encode`: how Python 3 writes bytes for Python 2."""

    __slots__ = ()

    def __call__(self, text: Any, encoding: Any) -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
            raise pickle.UnpicklingError("it encodes something else than bytes")
        return text.encode("latin1")


class _Unpickler(pickle.Unpickler):
    """Builds dictionaries, lists, numbers, bytes and arrays of bytes. Nothing a pickle names is ever imported."""

    def __init__(self, path: Path) -> None:
        super().__init__(BytesIO(_read(path)), encoding="bytes")
        self._path = path

    def find_class(self, module: str, name: str) -> _Inert:
        match (module, name):
            case ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct"):
                return _Reconstruct()
            case ("numpy", "ndarray"):
                return _ArrayClass()
            case ("numpy", "dtype"):
                return _DtypeClass()
            case ("_codecs", "encode"):
                return _Encode()
        raise DataError(
            f"'{self._path}' wants to run {module}.{name}, which no CIFAR-10 batch does. Do not trust this file."
        )
