"""What is in each scene of `scenes`: the joint distribution from which they are drawn, with rules that can be kept.

A scene has 1 to 4 objects. A kind is a colour and a shape, 24 in all, and each is at most once in a scene. The first
object's kind is uniform. Each further one is, in half of the cases, the *companion* of the one before (the opposite
colour, the next shape: a red circle is followed by a cyan square), otherwise any other kind. Some are *forbidden*
together: a star and a triangle of the colour before it (a green star and a yellow triangle), likewise a square and a
circle. A generator that has learnt objects but not scenes breaks both rules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COLOURS = ("red", "yellow", "green", "cyan", "blue", "magenta")
SHAPES = ("circle", "square", "triangle", "star")
KINDS = tuple(f"{colour} {shape}" for colour in COLOURS for shape in SHAPES)
MOST = 4  # objects in a scene
COUNT_SHARES = (0.2, 0.3, 0.3, 0.2)  # of scenes with 1, 2, 3, 4 objects
COMPANION_SHARE = 0.5
PLACES = 12  # tried for an object until it does not hide too much of another
NEAREST = 0.6  # wanted least distance between two objects, over the sum of their radii
RADII = (0.12, 0.21)  # shares of the picture's side
REACH = 1.2  # no corner of a shape is further from its centre, in radii


def _kind(colour: int, shape: str) -> int:
    return colour % len(COLOURS) * len(SHAPES) + SHAPES.index(shape)


def _companion(kind: int) -> int:
    colour, shape = divmod(kind, len(SHAPES))
    return _kind(colour + len(COLOURS) // 2, SHAPES[(shape + 1) % len(SHAPES)])


FOLLOWER = np.array([_companion(k) for k in range(len(KINDS))])
COMPANIONS = tuple((k, int(other)) for k, other in enumerate(FOLLOWER))
FORBIDDEN = tuple(
    (_kind(colour, one), _kind(colour - 1, other))
    for colour in range(len(COLOURS))
    for one, other in (("star", "triangle"), ("square", "circle"))
)
CLASHES = np.zeros((len(KINDS), len(KINDS)), np.bool_)  # [i, j]: i and j are forbidden together
for _one, _other in FORBIDDEN:
    CLASHES[_one, _other] = CLASHES[_other, _one] = True


@dataclass(frozen=True)
class Factors:
    """All there is to know of N scenes. Objects stand in drawing order, each over those before it."""

    count: NDArray[np.int64]  # [N], 1..4: how many of the 4 places of the others are used
    kind: NDArray[np.int64]  # [N, 4], an index into KINDS; -1 where there is no object
    place: NDArray[np.float64]  # [N, 4, 2], centre (x, y) in shares of the picture's side, from the upper left
    radius: NDArray[np.float64]  # [N, 4], in shares of the picture's side
    turn: NDArray[np.float64]  # [N, 4], in [-1, 1]: up to 15 degrees either way
    shade: NDArray[np.float64]  # [N, 4], in [0.8, 1]: how bright the colour is
    ground: NDArray[np.float64]  # [N, 8]: two colours in [0, 1], then plain (below 0.5) or gradient, then its direction

    @property
    def colour(self) -> NDArray[np.int64]:
        """[N, 4], an index into COLOURS; -1 where there is no object."""
        return self.kind // len(SHAPES)

    @property
    def shape(self) -> NDArray[np.int64]:
        """[N, 4], an index into SHAPES; -1 where there is no object."""
        return np.where(self.kind < 0, -1, self.kind % len(SHAPES))

    @property
    def present(self) -> NDArray[np.bool_]:
        """[N, 24]: whether a scene has an object of each kind."""
        found: NDArray[np.bool_] = (self.kind[:, :, None] == np.arange(len(KINDS))).any(1)
        return found


def draw_factors(count: int, seed: tuple[int, ...], rules: bool = True) -> Factors:
    """The first `count` scenes of `seed`. Scene i is the same for every `count` above i.

    Without `rules` no kind depends on another, but all else is as with them.
    """
    # A row of numbers for each scene: the generator fills row after row, so that row i depends on seed and i alone.
    chance = np.random.default_rng(seed).random((count, 1 + 5 * MOST + 2 * MOST * PLACES + 8))
    cuts = np.cumsum([1, MOST, MOST, MOST, MOST, MOST, 2 * MOST * PLACES])
    many, follow, which, size, turn, shade, places, ground = np.split(chance, cuts, axis=1)
    counts = 1 + np.searchsorted(np.cumsum(COUNT_SHARES[:-1]), many[:, 0], side="right")
    absent = np.arange(MOST) >= counts[:, None]
    radius = RADII[0] + (RADII[1] - RADII[0]) * size
    kinds = np.where(absent, -1, _kinds(follow, which, rules))
    place = _places(places.reshape(count, MOST, PLACES, 2), radius)
    return Factors(counts, kinds, place, radius, 2 * turn - 1, 0.8 + 0.2 * shade, ground)


def _kinds(follow: NDArray[np.float64], which: NDArray[np.float64], rules: bool) -> NDArray[np.int64]:
    """[N, 4] kinds, as if every scene had 4 objects: the rules look back only."""
    rows = np.arange(len(follow))
    kinds = np.empty(follow.shape, np.int64)
    allowed = np.ones((len(follow), len(KINDS)), np.bool_)
    for k in range(MOST):
        if k:
            if rules:
                allowed &= ~CLASHES[kinds[:, k - 1]]
            allowed[rows, kinds[:, k - 1]] = False
        ranks = np.cumsum(allowed, axis=1)
        wanted = 1 + np.floor(which[:, k] * ranks[:, -1])
        kinds[:, k] = (ranks >= wanted[:, None]).argmax(1)
        if k and rules:
            companion = FOLLOWER[kinds[:, k - 1]]
            kinds[:, k] = np.where((follow[:, k] < COMPANION_SHARE) & allowed[rows, companion], companion, kinds[:, k])
    return kinds


def _places(tried: NDArray[np.float64], radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N, 4, 2] centres: of the places tried, the first that is far enough from earlier objects, or the furthest."""
    rows = np.arange(len(tried))
    places = np.empty((len(tried), MOST, 2))
    for k in range(MOST):
        margin = REACH * radius[:, k, None, None]
        candidates = margin + (1 - 2 * margin) * tried[:, k]  # [N, PLACES, 2]
        spare = np.full(candidates.shape[:2], np.inf)
        for j in range(k):
            x, y = np.moveaxis(candidates - places[:, None, j], -1, 0)
            least = NEAREST * (radius[:, k] + radius[:, j])
            spare = np.minimum(spare, x * x + y * y - (least * least)[:, None])
        places[:, k] = candidates[rows, np.minimum(spare, 0).argmax(1)]  # argmax: the first of equals
    return places
