"""MNIST's file format: a magic number, the sizes as big-endian 32-bit integers, then bytes. Gzipped or not.

Format: http://yann.lecun.com/exdb/mnist (the last section).
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gansmith.data.arrays import ArrayFiles
from gansmith.errors import DataError

STEMS = {"train": "train", "test": "t10k"}
MAGIC = b"\0\0\x08"  # bytes; the other types of the format hold no pictures
LARGEST = 8 << 30  # bytes after unpacking


def idx_file(folder: Path, split: str, kind: str) -> Path | None:
    """MNIST's file of a split ("train", "test") and kind ("images", "labels") in a folder, or None."""
    rank = 3 if kind == "images" else 1
    stem = f"{STEMS[split]}-{kind}"
    names = (f"{stem}{mark}idx{rank}-ubyte{end}" for mark in "-." for end in ("", ".gz"))
    return next((folder / name for name in names if (folder / name).is_file()), None)


def open_idx_folder(folder: Path, where: str, split: str) -> ArrayFiles | None:
    """The split of a folder with MNIST's four names, or None where its images are not there. Raises DataError."""
    images = idx_file(folder, split, "images")
    return None if images is None else open_idx(images, idx_file(folder, split, "labels"), where)


def open_idx(images: Path, labels: Path | None, where: str) -> ArrayFiles:
    """Pictures [N, H, W] of one IDX file, and the classes of another. Raises DataError."""
    pixels = read_idx(images)
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise DataError(f"'{images}' holds an array {list(pixels.shape)}. Wanted pictures: [N, height, width].")
    if labels is None:
        return ArrayFiles(where, pixels[:, None])
    classes = read_idx(labels)
    if classes.shape != pixels.shape[:1]:
        raise DataError(f"'{labels}' holds labels {list(classes.shape)} for {len(pixels):,} pictures in '{images}'.")
    names = tuple(str(k) for k in range(int(classes.max()) + 1))
    return ArrayFiles(where, pixels[:, None], classes, names)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array of one IDX file of bytes, gzipped or not. Raises DataError."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            content = file.read(LARGEST)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"'{path}' cannot be read: {error}.") from error
    rank = content[3] if len(content) > 3 else 0
    start = 4 + 4 * rank
    if content[:3] != MAGIC or not 1 <= rank <= 4 or len(content) < start:
        raise DataError(f"'{path}' is no IDX file of bytes: it begins with {content[:4].hex(' ') or 'nothing'}.")
    shape = np.frombuffer(content, ">u4", rank, 4).tolist()
    if len(content) - start != math.prod(shape):
        raise DataError(f"'{path}' is damaged: {shape} is {math.prod(shape):,} bytes, not {len(content) - start:,}.")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
