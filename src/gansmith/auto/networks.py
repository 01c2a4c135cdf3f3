"""Which networks suit data like this, by a table of measured trainings, and how wide they are to be.

`networks.toml` has the networks; `measured.json` is what `gansmith bench auto` found: on each of its data sets the
Frechet distance of each network's samples, by two judges. Of its rows that most like the user's data and time is taken,
and there the network with the lowest distance, the judges' distances over the best's multiplied.
"""

from __future__ import annotations

import functools
import json
import math
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from gansmith.contracts import Survey

FLAT = 0.25  # share of values at an end of the range above which pictures count as drawn on plain grounds
UNLIKE = 0.2  # correlation of channels below which they show things that have nothing to do with each other
NARROWEST, WIDEST = 4, 64  # channels at the finest level
UNSAID_SAMPLES = 1_000_000
PIXELS_A_SECOND = 20_000  # along one side: 700 pictures of 28 pixels, 300 of 64, about what one core trains on
GPU_FASTER = 20  # not measured
GPU_WIDER = 2  # a GPU has the arithmetic of a hundred cores; what that buys was not measured
OFTEN_WIDER = 2  # few pictures, each seen often
HURRIED_WIDER = 0.5  # a few seconds


@dataclass(frozen=True)
class Budget:
    """What a training may take: "cpu", "cuda" or "mps", and minutes, or samples seen; both None where nobody says."""

    device: str = "cpu"
    minutes: float | None = None
    samples: int | None = None

    def seen(self, side: int) -> int:
        """About how many samples it will have seen of pictures with `side` pixels."""
        if self.minutes is None:
            return self.samples or UNSAID_SAMPLES
        faster = 1 if self.device == "cpu" else GPU_FASTER
        return int(self.minutes * 60 * PIXELS_A_SECOND * faster / side)

    def core_minutes(self, side: int) -> float:
        """About how long one core takes for that."""
        return self.seen(side) * side / PIXELS_A_SECOND / 60


@dataclass(frozen=True)
class Row:
    """One data set of `gansmith bench auto`, and what each network reached on it in `minutes`."""

    data: str
    count: int
    side: int  # pixels, the longer
    channels: int
    classes: int
    flat: float
    channel_correlation: float
    minutes: float
    frechet: dict[str, tuple[float, ...]]  # network -> Frechet distance by each judge

    @property
    def order(self) -> list[str]:
        """The networks, best first."""
        best = [min(column) for column in zip(*self.frechet.values(), strict=True)]
        over = {n: math.prod(f / b for f, b in zip(found, best, strict=True)) for n, found in self.frechet.items()}
        return sorted(over, key=lambda name: over[name])

    def unlike(self, survey: Survey, side: int, channels: int, budget: Budget, classes: bool) -> float:
        """How far data and budget are from this row's: 1 is twice the side, or grey for colour.

        `classes`: both players are told the class.
        """
        return (
            abs(math.log2(side / self.side))
            + ((channels == 1) != (self.channels == 1))
            + ((survey.flat > FLAT) != (self.flat > FLAT))
            + (unrelated(survey, channels) != (self.channel_correlation < UNLIKE))
            + abs(math.log10(max(survey.count, 1) / self.count))
            + 0.5 * (classes != (self.classes > 0))
            + 0.25 * abs(math.log2(max(budget.core_minutes(side), 0.1) / self.minutes))
        )


def unrelated(survey: Survey, channels: int) -> bool:
    """Whether pictures with `channels` are as many grey ones, which have nothing to do with each other."""
    return channels > 1 and survey.channel_correlation < UNLIKE


def names() -> list[str]:
    """Of the networks that `auto` knows how to size."""
    return [network["architecture"]["name"] for network in _networks()]


def sized(name: str, side: int, channels: int, flat: float, wider: float = 1) -> dict[str, Any]:
    """The [architecture] table of the network called `name` for pictures like these, `wider` times a processor's."""
    network = next(n for n in _networks() if n["architecture"]["name"] == name)
    pixels = network.get("grey_pixels", network["pixels"]) if channels == 1 else network["pixels"]
    table = {**network["architecture"], "width": int(_width(pixels, side) * wider)}
    table["max_width"] = int(table["max_width"] * wider)
    if "discriminator_pixels" in network:
        table["discriminator_width"] = int(_width(network["discriminator_pixels"], side) * wider)
    if name == "dcgan":
        table["output"] = "linear" if flat > FLAT else "tanh"
    return table


def best(survey: Survey, side: int, channels: int, budget: Budget, classes: bool) -> tuple[str, str]:
    """The name of the network to take, and why."""
    row = min(measured(), key=lambda row: row.unlike(survey, side, channels, budget, classes))
    first, *others = row.order
    about = next(n["about"] for n in _networks() if n["architecture"]["name"] == first)
    told = [f"{name} {' and '.join(f'{f:.3g}' for f in row.frechet[name])}" for name in (first, *others[:1])]
    return first, (
        f"{first} ({about}): the best of {len(row.frechet)} on {row.data}, of the measured sets most like this "
        f"({row.side} pixels, {row.minutes:g} minutes on one core; Frechet distance by two judges: {', '.join(told)})"
    )


@functools.cache
def measured() -> tuple[Row, ...]:
    """The rows of `measured.json`."""
    rows = json.loads(_read("measured.json"))["rows"]
    return tuple(Row(**{**row, "frechet": {k: tuple(v) for k, v in row["frechet"].items()}}) for row in rows)


@functools.cache
def _networks() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads(_read("networks.toml"))["network"]
    return found


def _read(name: str) -> str:
    return resources.files("gansmith.auto").joinpath(name).read_text(encoding="utf-8")


def _width(pixels: int, side: int) -> int:
    """Channels at the finest level: multiples of 8 (of 4 below that), as vector units like them."""
    width = pixels // side
    step = 8 if width >= 8 else 4
    return max(NARROWEST, min(WIDEST, width // step * step))
