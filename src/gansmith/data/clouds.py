"""Built-in clouds of points in the plane, drawn from a seed: mixtures whose modes can be counted, and thin shapes.

`ring` and `grid` are those of Srivastava et al. 2017 (VEEGAN, arXiv 1705.07761, section 4.1) with the numbers of Lin et
al. 2018 (PacGAN, arXiv 1712.04086, section 4.1): 8 Gaussians of standard deviation 0.01 on the unit circle, 25 of 0.05
on {-4, -2, 0, 2, 4}^2, 100,000 training samples. The others are shapes that everybody draws, without a standard.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TRAIN, TEST = 100_000, 10_000  # points of each split
VERSION = 1  # raise it when a cloud changes: runs of the older one must not go on with it

Points = NDArray[np.float64]  # [N, 2]
Labels = NDArray[np.int64]  # [N]


class Cloud(NamedTuple):
    """Drawn points, the part that each belongs to, and the mixture where it is one."""

    values: Points
    labels: Labels | None = None
    names: tuple[str, ...] = ()
    centres: Points | None = None  # [K, 2]
    std: float = 0.0  # of each Gaussian along each axis


def draw_cloud(name: str, split: str) -> Cloud:
    """The training or held-out ("test") points of the built-in cloud `name`, always the same ones."""
    held_out = split == "test"
    return CLOUDS[name](np.random.default_rng([VERSION, int(held_out)]), TEST if held_out else TRAIN)


def _gaussians(chance: np.random.Generator, count: int, centres: Points, std: float) -> Cloud:
    labels = chance.integers(len(centres), size=count)
    values = centres[labels] + std * chance.standard_normal((count, 2))
    return Cloud(values, labels, tuple(str(k) for k in range(len(centres))), centres, std)


def _ring(chance: np.random.Generator, count: int) -> Cloud:
    angle = 2 * math.pi * np.arange(8) / 8
    return _gaussians(chance, count, np.stack([np.cos(angle), np.sin(angle)], 1), 0.01)


def _grid(chance: np.random.Generator, count: int) -> Cloud:
    steps = np.arange(-4.0, 5.0, 2.0)
    centres = np.stack(np.meshgrid(steps, steps, indexing="ij"), 2).reshape(-1, 2)
    return _gaussians(chance, count, centres, 0.05)


def _shape(chance: np.random.Generator, curve: Points, std: float, labels: Labels | None, names: str = "") -> Cloud:
    """A curve with noise."""
    return Cloud(curve + std * chance.standard_normal(curve.shape), labels, tuple(names.split()))


def _spiral(chance: np.random.Generator, count: int) -> Cloud:
    """Two arms of one and a half turns, evenly dense along their length."""
    arm = chance.integers(2, size=count)
    turn = 3 * math.pi * np.sqrt(chance.random(count))
    curve = (turn / (3 * math.pi) * np.stack([np.cos(turn), np.sin(turn)])).T * np.where(arm == 0, 1, -1)[:, None]
    return _shape(chance, curve, 0.02, arm, "first second")


def _two_moons(chance: np.random.Generator, count: int) -> Cloud:
    """Two interleaving half circles of radius 1."""
    moon = chance.integers(2, size=count)
    angle = math.pi * chance.random(count)
    upper = np.stack([np.cos(angle), np.sin(angle)], 1)
    curve = np.where(moon[:, None] == 0, upper, np.array([1.0, 0.5]) - upper)
    return _shape(chance, curve, 0.05, moon, "upper lower")


def _rings(chance: np.random.Generator, count: int) -> Cloud:
    """Three circles about one centre, evenly dense along their length."""
    which = chance.choice(3, size=count, p=np.array([1, 2, 3]) / 6)
    angle = 2 * math.pi * chance.random(count)
    return _shape(
        chance, (which + 1)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1), 0.05, which, "inner middle outer"
    )


def _swiss_roll(chance: np.random.Generator, count: int) -> Cloud:
    """The roll's cross-section: one arm of one and a half turns, from radius 1.5 pi to 4.5 pi."""
    turn = 1.5 * math.pi * (1 + 2 * chance.random(count))
    return _shape(chance, turn[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1), 0.3, None)


def _checkerboard(chance: np.random.Generator, count: int) -> Cloud:
    """The eight dark fields of a board of 4 x 4 fields on [-2, 2]^2, without noise: sharp edges."""
    column, row = chance.integers(4, size=count), chance.integers(2, size=count)
    corner = np.stack([column, 2 * row + column % 2], 1) - 2.0
    return Cloud(corner + chance.random((count, 2)))


CLOUDS: dict[str, Callable[[np.random.Generator, int], Cloud]] = {
    "ring": _ring,
    "grid": _grid,
    "spiral": _spiral,
    "two-moons": _two_moons,
    "rings": _rings,
    "swiss-roll": _swiss_roll,
    "checkerboard": _checkerboard,
}
