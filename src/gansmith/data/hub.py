"""Data sets of the Hugging Face hub (`hub:owner/name`), and those that its library saved to disk: through `datasets`.

They lie as Arrow tables on the disk, memory-mapped, so that every picture is read by its index without the others.
Pictures are the first column of type Image, classes the first of type ClassLabel.
"""

from __future__ import annotations

import hashlib
import importlib.util
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from gansmith.data import decode
from gansmith.data.files import HELD_OUT, EncodedFiles
from gansmith.errors import DataError, GansmithError

PREFIX = "hub:"
FORM = "hub:owner/name, or hub:owner/name:configuration"
SAVED = ("dataset_info.json", "dataset_dict.json")  # what `save_to_disk` leaves in a folder


class Hub(EncodedFiles):
    """The pictures of a split, a `datasets.Dataset`. Raises DataError where no column has any."""

    def __init__(self, table: Any, where: str) -> None:
        import datasets

        self.where = where
        pictures = [name for name, kind in table.features.items() if isinstance(kind, datasets.Image)]
        classes = [name for name, kind in table.features.items() if isinstance(kind, datasets.ClassLabel)]
        if not pictures or not len(table):
            columns = ", ".join(f"{name} ({type(kind).__name__})" for name, kind in table.features.items())
            raise DataError(f"'{where}' has no pictures: it has {len(table):,} rows of {columns}. Wanted: an Image.")
        self._column = pictures[0]
        self._table = table.select_columns(pictures[:1]).cast_column(self._column, datasets.Image(decode=False))
        if classes and min(table[classes[0]]) >= 0:  # the hub marks rows without a class by -1
            self.labels = np.asarray(table[classes[0]], np.int32)
            self.label_names = tuple(table.features[classes[0]].names)

    def _fingerprint(self) -> str:
        """Of the table's rows by the library's own hash, which says what they are and how they were made."""
        return hashlib.sha256(f"{self._table._fingerprint}\0{len(self)}".encode()).hexdigest()

    def __len__(self) -> int:
        return len(self._table)

    def name(self, i: int) -> str:
        return f"{self.where}[{i}]"

    def read(self, i: int) -> BytesIO | Path:
        row = self._table[i][self._column]
        if row is None:
            raise decode.Unreadable("there is no picture in this row")
        return Path(row["path"]) if row["bytes"] is None else BytesIO(row["bytes"])


def is_saved(folder: Path) -> bool:
    """Whether `datasets` wrote this folder by `save_to_disk`."""
    return any((folder / name).is_file() for name in SAVED)


def open_saved(folder: Path, where: str, split: str) -> Hub | None:
    """A split of a folder that `save_to_disk` wrote; None where there is no held-out one. Raises GansmithError."""
    _require_package(where)
    import datasets

    try:
        found = datasets.load_from_disk(str(folder))
    except Exception as error:  # pyarrow raises many kinds on broken tables
        raise DataError(f"'{where}' looks like a data set saved by datasets, but cannot be read: {error}") from error
    parts = found if isinstance(found, datasets.DatasetDict) else {"train": found}
    return _split(parts, where, split)


def open_hub(path: str, split: str) -> Hub | None:
    """A split of the hub's data set that `path` names, fetched once; None where there is no held-out one.

    Raises GansmithError where the package is missing, the hub cannot be reached or has no such data set.
    """
    _require_package(path)
    name, _, configuration = path.removeprefix(PREFIX).partition(":")
    if not name:
        raise DataError(f"'{path}' names no data set. Wanted: {FORM}.")
    import datasets

    try:
        parts = datasets.load_dataset(name, configuration or None)
    except Exception as error:  # the library raises many kinds, its own and those of what it is built on
        reason = " ".join(str(error).split())[:300]
        raise DataError(
            f"'{path}' cannot be opened: {reason} Wanted: {FORM}, as huggingface.co/datasets shows it, and a way to "
            "the network, once; without one, a folder that was saved elsewhere with datasets' save_to_disk."
        ) from error
    return _split(parts, path, split)


def _split(parts: Any, where: str, split: str) -> Hub | None:
    """`parts` maps names of splits to tables."""
    if split == "train":
        if "train" not in parts and len(parts) != 1:
            raise DataError(f"'{where}' has no split 'train', but {', '.join(parts)}.")
        return Hub(parts["train"] if "train" in parts else next(iter(parts.values())), where)
    held = next((name for name in HELD_OUT if name in parts), None) if "train" in parts else None
    return None if held is None else Hub(parts[held], where)


def _require_package(where: str) -> None:
    if importlib.util.find_spec("datasets") is None:
        raise GansmithError(f"'{where}' needs datasets, not installed here. Run: pip install 'gansmith[hub]'")
