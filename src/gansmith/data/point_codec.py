"""Between normalised points and what people open: arrays, tables, scatter plots."""

from __future__ import annotations

import contextlib
import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gansmith.contracts import Codec, Spec
from gansmith.data.given import describe, restore
from gansmith.data.npz import Stream, write_npz
from gansmith.data.scatter import Window, scatter
from gansmith.errors import DataError

Pair = tuple[float, float]


@dataclass(frozen=True)
class PointCodec(Codec):
    """Points of `spec.shape` = (2,): the user's units are `mean + scale * x`.

    `low` and `high` are the corners of what plots show, in the user's units; `columns` the names of the two axes.
    """

    spec: Spec
    mean: Pair = (0.0, 0.0)
    scale: Pair = (1.0, 1.0)
    low: Pair = (-1.0, -1.0)
    high: Pair = (1.0, 1.0)
    columns: tuple[str, str] = field(default=("x", "y"))

    shown: ClassVar[int] = 2500
    single: ClassVar[bool] = False

    def encode(self, items: Sequence[Any]) -> Tensor:
        """Pairs of numbers in the user's units -> float32 [N, 2] in the network's range."""
        values = np.asarray(items, np.float64).reshape(-1, 2)
        return torch.from_numpy(((values - self.mean) / self.scale).astype(np.float32))

    def decode(self, x: Tensor) -> list[Pair]:
        """[N, 2] -> pairs of numbers in the user's units."""
        return [(a, b) for a, b in self._values(x).tolist()]

    def _values(self, x: Tensor) -> NDArray[np.float64]:
        """[N, 2] in the user's units."""
        values: NDArray[np.float64] = x.detach().cpu().double().numpy() * self.scale + self.mean
        return values

    def picture(self, x: Tensor, real: Tensor | None = None) -> Image.Image:
        """A scatter plot of [N, 2], with the reals in grey beneath; the window never changes."""
        window = Window(self.low, self.high, self.columns)
        return scatter(self._values(x), window, None if real is None else self._values(real))

    def write(self, parts: Iterable[Tensor], count: int, path: Path, labels: Tensor | None = None) -> Path:
        """Points [n, 2] as `path` asks: arrays (.npz), a table (.csv, .tsv) or a plot (.png, .webp, .jpg).

        An .npz has `samples` float32 [N, 2] in the user's units and, with `labels`, `labels` int64 [N]; a table has
        the classes' names in a third column. Raises DataError for another ending or no samples.
        """
        if count == 0:
            raise DataError(f"There are no samples to write to '{path}'.")
        ending = path.suffix.lower()
        if ending not in (".npz", ".csv", ".tsv", ".png", ".webp", ".jpg", ".jpeg"):
            what = f"as '{path.suffix}'" if ending else f"into a folder ('{path}')"
            raise DataError(
                f"Points cannot be written {what}. Wanted: a path that ends in .npz (arrays), .csv (a table) or .png "
                "(a plot)."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        if ending == ".npz":
            values = (self._values(x).astype(np.float32) for x in parts)
            arrays: dict[str, Stream | NDArray[Any]] = {"samples": Stream((count, 2), values)}
            if labels is not None:
                arrays["labels"] = labels.cpu().numpy().astype(np.int64)
            write_npz(path, arrays)
        elif ending in (".csv", ".tsv"):
            self._write_table(parts, path, labels, "," if ending == ".csv" else "\t")
        else:  # each format takes the option that it knows
            self.picture(torch.cat(list(parts))).save(path, lossless=True, quality=95)
        return path

    def _write_table(self, parts: Iterable[Tensor], path: Path, labels: Tensor | None, mark: str) -> None:
        names = self.spec.class_names
        given = None if labels is None else iter(labels.tolist())
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=mark, lineterminator="\n")
            writer.writerow([*self.columns, *(["class"] if given else [])])
            for x in parts:
                for a, b in self._values(x).tolist():
                    row = [f"{a:.9g}", f"{b:.9g}"]
                    if given is not None:
                        k = next(given)
                        row.append(names[k] if k < len(names) else k)
                    writer.writerow(row)

    def describe(self) -> dict[str, Any]:
        """JSON for `restore`: kind, normalisation, the plots' window, the columns' and the classes' names."""
        return {
            "kind": "points",
            "columns": list(self.columns),
            "mean": list(self.mean),
            "scale": list(self.scale),
            "low": list(self.low),
            "high": list(self.high),
            **describe(self.spec.given),
        }

    @classmethod
    def restore(cls, description: dict[str, Any]) -> PointCodec:
        """Raises DataError where `description` is not one that `describe` gives."""
        match description:
            case {"kind": "points", "columns": [str() as a, str() as b]}:
                pairs = {key: _pair(description.get(key)) for key in ("mean", "scale", "low", "high")}
                if all(pairs.values()):
                    with contextlib.suppress(ValueError):
                        return cls(Spec((2,), restore(description)), columns=(a, b), **pairs)  # type: ignore[arg-type]
        raise DataError(f"This describes no points: {str(description)[:200]}.")


def _pair(value: Any) -> Pair | None:
    """Two finite numbers, or None."""
    match value:
        case [int() | float() as a, int() | float() as b] if math.isfinite(a) and math.isfinite(b):
            return float(a), float(b)
    return None
