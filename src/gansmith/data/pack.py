"""Pictures of any source into one packed file (`packed.py`), each at training size; what cannot be read is left out."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from gansmith.data.announce import Announce
from gansmith.data.decode import MODES, Fit, Unreadable, to_array
from gansmith.data.files import Files
from gansmith.data.findings import SHOWN
from gansmith.data.images import Images
from gansmith.data.packed import ENDING, MARK
from gansmith.errors import DataError

PAGE = 4096  # the tensors begin at a page of memory
CHUNK = 256  # pictures decoded ahead


@dataclass
class Packed:
    """What was written."""

    path: Path
    shape: tuple[int, int, int]  # (C, H, W)
    counts: dict[str, int] = field(default_factory=dict)  # split -> pictures
    unreadable: dict[str, str] = field(default_factory=dict)  # name -> reason

    def text(self) -> str:
        """For people."""
        channels, height, width = self.shape
        amounts = ", ".join(f"{count:,} for {split}" for split, count in self.counts.items())
        lines = [f"{self.path}: {amounts}; {width}x{height} {MODES[channels]}"]
        if self.unreadable:
            lines.append(f"Left out, because they cannot be read: {len(self.unreadable):,}")
            lines += [f"  {name}: {reason}" for name, reason in islice(self.unreadable.items(), SHOWN)]
        return "\n".join([*lines, f"Try: gansmith train {self.path} --run runs/{self.path.stem}"])

    def to_json(self) -> dict[str, Any]:
        """JSON with everything."""
        found = {"path": str(self.path), "shape": list(self.shape), "counts": self.counts}
        return {**found, "unreadable": self.unreadable}


def require_new(path: Path) -> None:
    """Raises DataError where packed pictures cannot be written to `path`: another ending, or a file that is there."""
    if path.suffix.lower() != ENDING:
        raise DataError(f"Packed pictures are one {ENDING} file, but '{path}' was asked for. Try '{path}{ENDING}'.")
    if path.exists():
        raise DataError(f"'{path}' is there already, and nothing was changed. Choose another name, or delete it.")


def pack(source: Images, path: Path, file: IO[bytes]) -> Packed:
    """Both splits of `source` into `file`, which is to be `path`, at the size and channels that training would choose.

    The classes are those of `train`; a held-out split with others goes without. Raises DataError where there is no
    picture that can be read.
    """
    resolved = source.resolve(source.survey())
    channels, height, width = resolved.spec.shape
    shape, fit, splits = (channels, height, width), resolved.fit, resolved.splits()
    packed = Packed(path, shape)
    train = splits["train"]
    header: dict[str, Any] = {"__metadata__": _metadata(train)}
    reserved = _reserve(header, splits, shape)
    file.write(b" " * reserved)
    position = 0
    for split, files in splits.items():
        kept: list[int] = []
        total = hashlib.sha256()
        for i, pixels in _decoded(files, shape, fit, packed.unreadable, f"Packing {split}"):
            total.update(pixels.tobytes())
            file.write(pixels.tobytes())
            kept.append(i)
        if not kept:
            raise DataError(f"No picture of the {split} split of '{files.where}' can be read.")
        packed.counts[split] = len(kept)
        position = _tell(header, f"{split}.images", "U8", (len(kept), *shape), position, total.hexdigest())
        if files.labels is not None and files.label_names == train.label_names:
            numbers = files.labels[kept].astype("<i4").tobytes()
            file.write(numbers)
            digest = hashlib.sha256(numbers).hexdigest()
            position = _tell(header, f"{split}.labels", "I32", (len(kept),), position, digest)
    file.seek(0)
    file.write(_encoded(header, reserved))
    return packed


def _decoded(
    files: Files, shape: tuple[int, int, int], fit: Fit, unreadable: dict[str, str], what: str
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Every picture that can be read with its index, in order; the others' reasons go into `unreadable`."""
    progress = Announce()

    def decode(i: int) -> NDArray[np.uint8] | Unreadable:
        try:
            return to_array(files.open(i, at_least=max(shape[1:])), shape, fit)
        except Unreadable as error:
            return error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(files), CHUNK):
            chunk = range(start, min(start + CHUNK, len(files)))
            for i, found in zip(chunk, pool.map(decode, chunk), strict=True):
                if isinstance(found, Unreadable):
                    unreadable[files.name(i)] = str(found)
                else:
                    yield i, found
            progress(what, chunk.stop, len(files))


def _metadata(train: Files) -> dict[str, str]:
    told = "true" if train.labels_are_told else "false"
    return {"gansmith": MARK, "classes": json.dumps(train.label_names), "labels_are_told": told}


def _tell(header: dict[str, Any], name: str, dtype: str, shape: tuple[int, ...], position: int, digest: str) -> int:
    """Enter a tensor that begins at `position`; returns where it ends."""
    end = position + int(np.prod(shape)) * (4 if dtype == "I32" else 1)
    header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, end]}
    header["__metadata__"][f"sha256.{name}"] = digest
    return end


def _reserve(header: dict[str, Any], splits: dict[str, Files], shape: tuple[int, int, int]) -> int:
    """Bytes before the tensors, enough for the header that `write` will know at its end."""
    widest: dict[str, Any] = {"__metadata__": dict(header["__metadata__"])}
    for split in splits:
        for kind in ("images", "labels"):
            _tell(widest, f"{split}.{kind}", "I32", (10**15, *shape), 10**18, "0" * 64)
    size = 8 + len(json.dumps(widest))
    return size + -size % PAGE


def _encoded(header: dict[str, Any], reserved: int) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", reserved - 8) + text + b" " * (reserved - 8 - len(text))
