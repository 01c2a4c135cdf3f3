"""What is in a set of points, and what is wrong with it: range, lines that are no points, repetitions, strays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gansmith.data.clouds import CLOUDS, draw_cloud
from gansmith.data.findings import LISTED, Findings, Problem, Severity, ranked
from gansmith.data.points_file import PointsFile, held_out_file, read_points

VERY_FEW, FEW = 100, 1000
FAR = 20.0  # half widths of the middle half of the points, from the median: further away is stray
REPEATED = 0.01  # share of the points that are superfluous copies, from which it is worth a word


@dataclass(frozen=True)
class PointSplit:
    """The facts about one split; pairs are of the two columns."""

    count: int  # lines, or draws
    readable: int  # of them points
    columns: tuple[str, str]
    low: tuple[float, float]
    high: tuple[float, float]
    mean: tuple[float, float]
    std: tuple[float, float]
    distinct: int
    classes: dict[str, int]  # part of a built-in cloud -> points

    def lines(self, name: str) -> list[str]:
        """For people."""
        lines = [f"{name}: {self.readable:,} points" + f" of {self.count:,} lines" * (self.readable < self.count)]
        for k, column in enumerate(self.columns):
            lines.append(
                f"  {column:<8}  {self.low[k]:.6g} to {self.high[k]:.6g}; mean {self.mean[k]:.4g}, "
                f"standard deviation {self.std[k]:.4g}"
            )
        if self.classes:
            low, high = min(self.classes.values()), max(self.classes.values())
            lines.append(f"  classes   {len(self.classes)}, {low:,} to {high:,} points each")
        return lines


def check_points(path: str) -> Findings:
    """Look at every point of both splits. Raises DataError where there is no table of two columns at all."""
    splits, problems = {}, []
    for split, table, classes in _open(path):
        splits[split] = _facts(table, classes)
        problems += [*_amount(split, table), *_lines(split, table), *_values(split, table)]
    return Findings(path, splits, ranked(problems))


def _open(path: str) -> Iterator[tuple[str, PointsFile, dict[str, int]]]:
    place = Path(path).expanduser()
    if path in CLOUDS and not place.is_file():
        for split in ("train", "test"):
            cloud = draw_cloud(path, split)
            counts = [] if cloud.labels is None else np.bincount(cloud.labels, minlength=len(cloud.names)).tolist()
            yield split, PointsFile(("x", "y"), cloud.values), dict(zip(cloud.names, counts, strict=True))
        return
    yield "train", read_points(place), {}
    if (other := held_out_file(place)) is not None:
        yield "test", read_points(other), {}


def _facts(table: PointsFile, classes: dict[str, int]) -> PointSplit:
    values = table.values if len(table.values) else np.zeros((1, 2))
    low, high, mean, std = (_pair(f(values, axis=0)) for f in (np.min, np.max, np.mean, np.std))
    distinct = len(np.unique(table.values, axis=0))
    count = len(table.values) + len(table.bad)
    return PointSplit(count, len(table.values), table.columns, low, high, mean, std, distinct, classes)


def _pair(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _amount(split: str, table: PointsFile) -> Iterator[Problem]:
    count = len(table.values)
    if split == "train" and count < FEW:
        severity: Severity = "error" if count < 2 else "warning" if count < VERY_FEW else "note"
        what = f"Few points to train on: {count}."
        yield Problem("too-few", severity, what, 1, (), "The generator will draw lines between them. Add more.")
    if split == "train" and count >= 2 and not table.values.std(0).all():
        flat = [name for name, spread in zip(table.columns, table.values.std(0), strict=True) if not spread]
        what = f"{' and '.join(flat)} has the same value throughout."
        yield Problem("constant", "warning", what, len(flat), (), "There is nothing to learn of it.")


def _lines(split: str, table: PointsFile) -> Iterator[Problem]:
    if table.bad:
        evidence = tuple((f"line {line}", why) for line, why in list(table.bad.items())[:LISTED])
        what = f"{len(table.bad):,} line(s) of {split} are no points."
        advice = "Training refuses the file until they are mended or removed."
        yield Problem("unreadable", "error", what, len(table.bad), evidence, advice)


def _values(split: str, table: PointsFile) -> Iterator[Problem]:
    values = table.values
    if len(values) < 4:
        return
    different, counts = np.unique(values, axis=0, return_counts=True)
    copies = len(values) - len(different)
    if copies > REPEATED * len(values):
        order = np.argsort(-counts)[:LISTED]
        evidence = tuple((f"{different[k, 0]:g}, {different[k, 1]:g}", f"{counts[k]:,} times") for k in order)
        what = f"{copies:,} of {len(values):,} points of {split} repeat others exactly (rounded, or copied?)."
        advice = (
            "A generator of continuous points makes none of them exactly. Remove copies unless they mean something."
        )
        yield Problem("exact-duplicates", "note", what, copies, evidence, advice)
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    reach = np.where(high > low, (high - low) / 2, np.inf)
    far = np.flatnonzero((np.abs(values - middle) > FAR * reach).any(1))
    if len(far):
        places = tuple((f"{values[k, 0]:g}, {values[k, 1]:g}",) for k in far[:LISTED].tolist())
        what = f"{len(far):,} point(s) of {split} lie very far from the others."
        advice = "They squeeze all others together, since axes are scaled by standard deviations. Mistakes of units?"
        yield Problem("outliers", "warning", what, len(far), places, advice)
