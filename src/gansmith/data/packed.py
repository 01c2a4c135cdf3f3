"""Packed pictures: one safetensors file with the bytes of all at one size, which is mapped and never read whole.

Tensors `train.images` uint8 [N, C, H, W], `train.labels` int32 [N] where there are classes, and the same for `test`.
The metadata have `gansmith` = "pack 1", the classes' names and each tensor's sha256, which `verify` compares.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gansmith.data.arrays import ArrayFiles
from gansmith.data.decode import MODES
from gansmith.errors import DataError

ENDING = ".safetensors"
MARK = "pack 1"
DTYPES: dict[str, np.dtype[Any]] = {"U8": np.dtype(np.uint8), "I32": np.dtype("<i4")}
LONGEST_HEADER = 100 << 20  # as safetensors itself has it
CHUNK = 16 << 20  # bytes hashed at a time


class PackedFiles(ArrayFiles):
    """One split of a packed file; pixels are mapped from the disk."""

    def __init__(self, path: Path, where: str, split: str, header: dict[str, Any], start: int) -> None:
        self._path, self._split, self._header, self._start = path, split, header, start
        metadata = header["__metadata__"]
        labels = self._array(f"{split}.labels") if f"{split}.labels" in header else None
        names = tuple(map(str, json.loads(metadata["classes"]))) if labels is not None else ()
        if labels is not None and not 0 <= labels.min() <= labels.max() < len(names):
            raise DataError(f"'{where}' holds labels from {labels.min()} to {labels.max()}, but {len(names)} classes.")
        super().__init__(where, self._array(f"{split}.images"), labels, names)
        self.labels_are_told = metadata.get("labels_are_told") != "false"

    def verify(self) -> list[str]:
        """The names of the split's tensors whose bytes are not those that were written."""
        return [name for name in self._names if _sha256(self._array(name)) != self._sum(name)]

    @property
    def _names(self) -> list[str]:
        return [name for name in self._header if name.startswith(f"{self._split}.")]

    def _sum(self, name: str) -> str:
        return str(self._header["__metadata__"][f"sha256.{name}"])

    def _fingerprint(self) -> str:
        told = [[name, self._header[name]["shape"], self._sum(name)] for name in sorted(self._names)]
        return hashlib.sha256(json.dumps([told, self.label_names]).encode()).hexdigest()

    def _array(self, name: str) -> NDArray[Any]:
        entry = self._header[name]
        offset = self._start + entry["data_offsets"][0]
        return np.memmap(self._path, DTYPES[entry["dtype"]], "r", offset, tuple(entry["shape"]))


def open_packed(path: Path, where: str, split: str) -> PackedFiles | None:
    """A split of a packed file; None where it has no such split. Raises DataError for any other file, or a cut one."""
    header, start = _header(path, where)
    if header.get("__metadata__", {}).get("gansmith") != MARK or "train.images" not in header:
        raise DataError(f"'{where}' holds no pictures packed by 'gansmith pack'. A generator is no data set.")
    try:
        end = start + _length(header)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise DataError(f"'{where}' has a damaged header ({error}): copy or pack it again.") from error
    if path.stat().st_size != end:
        raise DataError(f"'{where}' has {path.stat().st_size:,} bytes instead of {end:,}: copy or pack it again.")
    return PackedFiles(path, where, split, header, start) if f"{split}.images" in header else None


def _header(path: Path, where: str) -> tuple[dict[str, Any], int]:
    """The JSON header of a safetensors file, and where the tensors' bytes begin."""
    with path.open("rb") as file:
        start = file.read(8)
        size = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        try:
            if not 2 <= size <= LONGEST_HEADER:
                raise ValueError
            found = json.loads(file.read(size))
            if not isinstance(found, dict) or not isinstance(found.get("__metadata__", {}), dict):
                raise ValueError
        except (ValueError, RecursionError) as error:
            raise DataError(f"'{where}' is no safetensors file, or a damaged one.") from error
    return found, 8 + size


def _length(header: dict[str, Any]) -> int:
    """Bytes of all tensors. Raises one of several built-in errors where a tensor is not what it should be."""
    metadata, end = header["__metadata__"], 0
    json.loads(metadata["classes"])
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        split, kind = name.split(".")
        shape, (first, last) = entry["shape"], entry["data_offsets"]
        count = header[f"{split}.images"]["shape"][0]
        wanted = (len(shape) == 4 and shape[1] in MODES) if kind == "images" else shape == [count]
        size = math.prod(shape) * DTYPES[entry["dtype"]].itemsize
        if not wanted or min(shape) < 1 or first < 0 or last - first != size or f"sha256.{name}" not in metadata:
            raise ValueError(f"{name}: {shape}")
        end = max(end, last)
    return end


def _sha256(array: NDArray[Any]) -> str:
    total = hashlib.sha256()
    rows = max(1, CHUNK // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows):
        total.update(array[start : start + rows].tobytes())
    return total.hexdigest()
