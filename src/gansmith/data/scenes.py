"""`scenes`: drawn pictures of several overlapping objects whose every factor is known, so that composition is measured.

Which objects are where: `scene_factors.py`. Drawn at the size that is asked for, each object's edge antialiased by
drawing it four times larger. Nothing is stored but the factors.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gansmith.contracts import Composition
from gansmith.data.decode import Header
from gansmith.data.files import Files
from gansmith.data.scene_factors import COMPANIONS, FORBIDDEN, KINDS, MOST, REACH, SHAPES, Factors, draw_factors

COUNTS = {"train": 20_000, "test": 2_000}
SEED = 0
SIDE = 64  # pixels, where nobody asks for another size
FINE = 4  # edges are drawn this many times larger
VERSION = 1  # raise it when scenes come to look different
# far from 0 and 255, so that no output saturates on them
PAINTS = ((225, 60, 50), (240, 210, 60), (60, 180, 80), (70, 200, 220), (60, 90, 220), (215, 80, 200))


def _corners(count: int, start: float, radii: tuple[float, ...]) -> list[tuple[float, float]]:
    """(angle, distance) of a shape's corners; angles clockwise from the right, the distances taking turns."""
    return [(start + 2 * math.pi * k / count, radii[k % len(radii)]) for k in range(count)]


OUTLINES = {
    "square": _corners(4, math.pi / 4, (1.1,)),
    "triangle": _corners(3, -math.pi / 2, (REACH,)),
    "star": _corners(10, -math.pi / 2, (REACH, 0.5)),
}
CIRCLE = 0.9  # radius of a circle whose other shapes have their corners at 1.1 and 1.2


class SceneFiles(Files):
    """The scenes of `factors`, drawn when they are opened. Their classes are the counts of objects."""

    labels_are_told = False

    def __init__(self, where: str, count: int, seed: tuple[int, ...], rules: bool = True) -> None:
        self.where = where
        self._seed = seed
        self.factors = factors = draw_factors(count, seed, rules)
        self.labels = (factors.count - 1).astype(np.int32)
        self.label_names = ("1 object", *(f"{k} objects" for k in range(2, MOST + 1)))
        self.composition = Composition(
            torch.from_numpy(factors.count), torch.from_numpy(factors.present), KINDS, COMPANIONS, FORBIDDEN
        )

    def without_rules(self) -> SceneFiles:
        return SceneFiles(f"{self.where} without rules", len(self), self._seed, rules=False)

    def _fingerprint(self) -> str:
        f = self.factors
        total = hashlib.sha256(f"scenes {VERSION}".encode())
        for numbers in (f.count, f.kind, f.place, f.radius, f.turn, f.shade, f.ground):
            total.update(np.ascontiguousarray(numbers).tobytes())
        return total.hexdigest()

    def __len__(self) -> int:
        return len(self.factors.count)

    def name(self, i: int) -> str:
        return f"{self.where}[{i}]"

    def open(self, i: int, at_least: int | None = None) -> Image.Image:
        return draw_scene(self.factors, i, at_least or SIDE)

    def header(self, i: int) -> Header:
        return Header((SIDE, SIDE), "RGB", "drawn")


def open_scenes(split: str) -> SceneFiles:
    """The scenes of a split: "train" (20,000) or "test" (2,000)."""
    return SceneFiles("scenes", COUNTS[split], (SEED, int(split == "test")))


def draw_scene(factors: Factors, i: int, side: int) -> Image.Image:
    """Scene `i` as an RGB picture of `side` x `side` pixels."""
    picture = Image.fromarray(_ground(factors.ground[i], side))
    for k in range(int(factors.count[i])):
        colour, shape = divmod(int(factors.kind[i, k]), len(SHAPES))
        x, y = (factors.place[i, k] * side).tolist()
        radius, turn = float(factors.radius[i, k]) * side, float(factors.turn[i, k]) * math.pi / 12
        left, top = math.floor(x - REACH * radius), math.floor(y - REACH * radius)
        size = math.ceil(2 * REACH * radius) + 1
        mask = _mask(SHAPES[shape], (x - left, y - top), radius, turn, size)
        shade = float(factors.shade[i, k])
        paint = tuple(round(channel * shade) for channel in PAINTS[colour])
        picture.paste(paint, (left, top), mask)
    return picture


def _mask(shape: str, centre: tuple[float, float], radius: float, turn: float, size: int) -> Image.Image:
    """How much of each of size x size pixels a shape covers; lengths in pixels, `turn` in radians."""
    mask = Image.new("L", (size * FINE, size * FINE))
    x, y, r = centre[0] * FINE, centre[1] * FINE, radius * FINE
    if shape == "circle":
        reach = CIRCLE * r
        ImageDraw.Draw(mask).ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)
    else:
        corners = [(x + r * d * math.cos(a + turn), y + r * d * math.sin(a + turn)) for a, d in OUTLINES[shape]]
        ImageDraw.Draw(mask).polygon(corners, fill=255)
    return mask.reduce(FINE)


def _ground(numbers: NDArray[np.float64], side: int) -> NDArray[np.uint8]:
    """uint8 [side, side, 3]: one dark colour, or a gradient from one to another, by the 8 numbers in [0, 1]."""
    first, second = 40 + 90 * numbers[0] + 30 * numbers[1:3], 40 + 90 * numbers[3] + 30 * numbers[4:6]
    one, other = (np.array([c[0], c.mean(), c[1]]) for c in (first, second))
    if numbers[6] < 0.5:
        return np.broadcast_to(one.round().astype(np.uint8), (side, side, 3)).copy()
    angle = 2 * math.pi * float(numbers[7])
    steps = (np.arange(side) + 0.5) / side - 0.5
    along = (math.cos(angle) * steps + math.sin(angle) * steps[:, None]) / math.sqrt(2) + 0.5  # [side, side]
    ramp: NDArray[np.uint8] = (one + along[..., None] * (other - one)).round().astype(np.uint8)
    return ramp
