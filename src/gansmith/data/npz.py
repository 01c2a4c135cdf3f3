"""NumPy's .npz, written piece by piece: an array may be larger than the memory."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Stream(NamedTuple):
    """An array of `shape` whose `parts`, one after the other along the first axis, make it up."""

    shape: tuple[int, ...]
    parts: Iterable[NDArray[Any]]


def write_npz(path: Path, arrays: Mapping[str, Stream | NDArray[Any]]) -> None:
    """What `np.savez_compressed` writes. The file takes its name when it is whole."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                stream = array if isinstance(array, Stream) else Stream(array.shape, (array,))
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    _write(file, stream)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write(file: Any, stream: Stream) -> None:
    written = 0
    for part in stream.parts:
        if not written:
            descr = np.lib.format.dtype_to_descr(part.dtype)
            header = {"descr": descr, "fortran_order": False, "shape": stream.shape}
            np.lib.format.write_array_header_1_0(file, header)
        file.write(np.ascontiguousarray(part).data)
        written += len(part)
    if written != stream.shape[0]:
        raise ValueError(f"an array of {stream.shape[0]} rows was announced, but {written} came")
