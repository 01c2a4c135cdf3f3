"""A scatter plot drawn with Pillow: generated points in colour, real ones in grey beneath, light ticks at the edges."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SIDE, MARGIN = 512, 44  # pixels: of the plotted square, and left of and beneath it
RIM = 20  # pixels above and right of it
REAL, FAKE = (176, 180, 186), (0, 98, 178)
INK, LINE = (92, 96, 104), (226, 228, 231)
OPAQUE = 0.6  # of one dot: denser places are darker


class Window(NamedTuple):
    """What part of the plane is shown, in the data's units."""

    low: tuple[float, float]
    high: tuple[float, float]
    names: tuple[str, str] = ("x", "y")


def scatter(values: NDArray[np.float64], window: Window, beneath: NDArray[np.float64] | None = None) -> Image.Image:
    """`values` [N, 2] as an RGB picture of 576 x 576 pixels; what is outside of the window, or NaN, is not drawn."""
    sheet = np.full((SIDE, SIDE, 3), 255.0)
    ticks = [_ticks(window.low[axis], window.high[axis]) for axis in (0, 1)]
    places = [_to_pixels(np.asarray(t), window, axis) for axis, t in enumerate(ticks)]
    sheet[:, places[0]] = LINE
    sheet[SIDE - 1 - places[1]] = LINE
    if beneath is not None:
        _dots(sheet, beneath, window, REAL)
    _dots(sheet, values, window, FAKE)
    page = Image.new("RGB", (MARGIN + SIDE + RIM, RIM + SIDE + MARGIN), "white")
    page.paste(Image.fromarray(sheet.round().astype(np.uint8)), (MARGIN, RIM))
    _write(page, ticks, places, window, beneath is not None)
    return page


def _to_pixels(values: NDArray[np.float64], window: Window, axis: int) -> NDArray[np.int64]:
    """Along one axis, counted from `low`; -1 for what is outside."""
    low, high = window.low[axis], window.high[axis]
    with np.errstate(invalid="ignore", over="ignore"):
        share = (values - low) / ((high - low) or 1.0)
        inside = (share >= 0) & (share <= 1)
    return np.where(inside, np.where(inside, share, 0) * (SIDE - 1), -1).round().astype(np.int64)


def _dots(
    sheet: NDArray[np.float64], values: NDArray[np.float64], window: Window, colour: tuple[int, int, int]
) -> None:
    """Blend dots of 3 x 3 pixels without corners into `sheet` [SIDE, SIDE, 3]; many make up to nearly full colour."""
    x, y = _to_pixels(values[:, 0], window, 0), _to_pixels(values[:, 1], window, 1)
    kept = (x >= 0) & (y >= 0)
    x, y = x[kept], SIDE - 1 - y[kept]
    counts = np.zeros(SIDE * SIDE)
    for right, down in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
        places = np.clip(y + down, 0, SIDE - 1) * SIDE + np.clip(x + right, 0, SIDE - 1)
        counts += np.bincount(places, minlength=SIDE * SIDE)
    shown = (1 - (1 - OPAQUE) ** counts).reshape(SIDE, SIDE, 1)
    sheet += shown * (np.asarray(colour, np.float64) - sheet)


def _ticks(low: float, high: float) -> list[float]:
    """Four to ten round numbers in [low, high]: multiples of 1, 2 or 5 times a power of ten."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    power = 10.0 ** math.floor(math.log10(span / 5))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= span / 7)
    first = math.ceil(low / step)
    return [k * step for k in range(first, math.floor(high / step) + 1)] or [low]


def _write(
    page: Image.Image, ticks: list[list[float]], places: list[NDArray[np.int64]], window: Window, legend: bool
) -> None:
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(11)
    edge = RIM + SIDE
    pen.rectangle((MARGIN - 1, RIM - 1, MARGIN + SIDE, edge), outline=LINE)
    for value, place in zip(ticks[0], places[0].tolist(), strict=True):
        pen.text((MARGIN + place, edge + 4), f"{value:.6g}", INK, font, anchor="mt")
    for value, place in zip(ticks[1], places[1].tolist(), strict=True):
        pen.text((MARGIN - 5, edge - 1 - place), f"{value:.4g}", INK, font, anchor="rm")
    pen.text((MARGIN + SIDE / 2, edge + 20), _printable(window.names[0]), INK, font, anchor="mt")
    pen.text((MARGIN - 5, 3), _printable(window.names[1]), INK, font, anchor="lt")
    if legend:
        pen.text((page.width - RIM, edge + 20), "generated", FAKE, font, anchor="rt")
        pen.text((page.width - RIM - 64, edge + 20), "training", REAL, font, anchor="rt")


def _printable(name: str) -> str:
    """A column's name, short and without line breaks, which `anchor` does not take."""
    return " ".join(name.split())[:40]
