"""A user's own table of points: two columns of numbers in a .csv or .tsv file, with or without a header.

Commas, semicolons and tabs separate; where semicolons do, numbers may have decimal commas, as spreadsheets write them.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gansmith.data.files import HELD_OUT
from gansmith.errors import DataError

ENDINGS = (".csv", ".tsv")
LARGEST = 1e30  # beyond it, squares do not fit into float32
SHOWN = 3  # bad lines in an error message


@dataclass(frozen=True)
class PointsFile:
    """What is in one file."""

    columns: tuple[str, str]  # the header's names, or x and y
    values: NDArray[np.float64]  # [N, 2]: the good lines
    bad: dict[int, str] = field(default_factory=dict)  # line (from 1) -> what is wrong with it

    def require(self, where: str) -> PointsFile:
        """This file; raises DataError where a line is bad or there are fewer than two points."""
        if self.bad:
            told = "\n".join(f"  line {line}: {why}" for line, why in list(self.bad.items())[:SHOWN])
            rest = f"\n  ... and {len(self.bad) - SHOWN:,} more" if len(self.bad) > SHOWN else ""
            raise DataError(
                f"'{where}' has {len(self.bad):,} line(s) that are no points:\n{told}{rest}\n"
                "Wanted: two numbers a line. Mend or remove these lines; `gansmith check` lists them all."
            )
        if len(self.values) < 2:
            raise DataError(
                f"'{where}' holds {len(self.values)} point(s). Training needs at least 2, better thousands."
            )
        return self


def held_out_file(path: Path) -> Path | None:
    """`test.csv` (or val, validation, valid) beside a `train.csv`; None beside any other name."""
    if path.stem.lower() != "train":
        return None
    return next((other for name in HELD_OUT if (other := path.with_stem(name)).is_file()), None)


def read_points(path: Path) -> PointsFile:
    """Every line of `path`, good or bad. Raises DataError where it is missing, no text, or has no two columns."""
    if not path.is_file():
        raise DataError(f"There is no file '{path}'. Wanted: a .csv file of two columns, x and y.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = next((line for line in file if line.strip()), "")
            file.seek(0)
            mark = next((mark for mark in "\t;," if mark in first), ",")
            reader = csv.reader(file, delimiter=mark, skipinitialspace=True)
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (OSError, UnicodeError, csv.Error) as error:
        raise DataError(f"'{path}' cannot be read as a text file of points: {error}.") from error
    if not rows:
        raise DataError(f"'{path}' is empty. Wanted: two numbers a line, x and y.")
    columns, names = _header(rows[0][1], mark)
    if len(columns) != 2:
        raise DataError(
            f"'{path}' has {len(columns)} column(s): {', '.join(columns)}. Points have two, x and y, and nothing else "
            "can be trained yet.\nWanted: a file with those two columns alone, separated by commas, semicolons or tabs."
        )
    return _read(rows[1:] if names else rows, (columns[0], columns[1]), mark)


def _header(row: Sequence[str], mark: str) -> tuple[list[str], bool]:
    """The columns' names, and whether the first line gives them: it does where none of its cells is a number."""
    named = not any(_is_number(cell, mark) for cell in row)
    if named:
        return [cell.strip().lstrip("# ") or f"column {k}" for k, cell in enumerate(row, 1)], True
    return list("xy") if len(row) == 2 else [f"column {k}" for k in range(1, len(row) + 1)], False


def _read(rows: Sequence[tuple[int, list[str]]], columns: tuple[str, str], mark: str) -> PointsFile:
    values = np.empty((len(rows), 2))
    good, bad = 0, {}
    for line, row in rows:
        try:
            values[good] = _point(row, columns, mark)
            good += 1
        except ValueError as error:
            bad[line] = str(error)
    return PointsFile(columns, values[:good].copy(), bad)


def _point(row: Sequence[str], columns: tuple[str, str], mark: str) -> list[float]:
    """Raises ValueError, in words, where `row` is not two finite numbers."""
    if len(row) != 2:
        raise ValueError(f"{len(row)} value(s), wanted 2: {mark.join(row)[:60]}")
    point = []
    for cell, column in zip(row, columns, strict=True):
        if not _is_number(cell, mark):
            raise ValueError(f"{column} is '{cell.strip()[:40]}', wanted a number")
        number = _number(cell, mark)
        if not abs(number) < LARGEST:
            raise ValueError(f"{column} is {number:g}, wanted a finite number below {LARGEST:g}")
        point.append(number)
    return point


def _is_number(cell: str, mark: str) -> bool:
    try:
        _number(cell, mark)
    except ValueError:
        return False
    return True


def _number(cell: str, mark: str) -> float:
    """Raises ValueError where `cell` is no number; NaN and infinity are numbers here."""
    if "_" in cell:  # Python's own grouping, which no table means
        raise ValueError(cell)
    return float(cell.replace(",", ".") if mark == ";" else cell)
