"""A result as one picture: the bars with every seed, what the benchmark adds, and samples of every run."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from gansmith import api
from gansmith.bench._bench import Bar, Outcome, Series, number
from gansmith.bench._report import Result

WIDTH = 1100  # pixels of a figure, unless its sheet is wider
INK, PALE, GOOD, BAD, PAPER = "#1a1a1a", "#9a9a9a", "#1b7837", "#b2182b", "#ffffff"
SIDE = 240  # pixels of one run's samples
MARGIN, LINE, LABEL = 14, 20, 330


def figure(result: Result) -> Image.Image:
    """The whole of it."""
    panels = [words(f"{result.bench.name}: {result.bench.summary}", _caption(result))]
    panels += [dots([(bar, result.series(bar)) for bar in result.bench.bars])] if result.bench.bars else []
    panels += [*result.bench.panels(result.outcomes), samples_of(result)]
    return stacked(panels)


def words(title: str, *lines: str) -> Image.Image:
    """A title with lines below it."""
    image, draw = _paper(WIDTH, 2 * MARGIN + 28 + LINE * len(lines))
    draw.text((MARGIN, MARGIN), title, INK, _font(18))
    for k, line in enumerate(lines):
        draw.text((MARGIN, MARGIN + 28 + LINE * k), line, PALE, _font(13))
    return image


def dots(bars: Sequence[tuple[Bar, Series]]) -> Image.Image:
    """One row a bar: a dot a seed, an upright line at the limit; green where it is met."""
    image, draw = _paper(WIDTH, 2 * MARGIN + 2 * LINE * len(bars))
    labels = [f"{bar.group}: {bar.title or bar.score} {bar.sense} {number(bar.limit)}" for bar, _ in bars]
    left, right = 3 * MARGIN + max(int(_font(14).getlength(label)) for label in labels), WIDTH - 90
    for k, (bar, series) in enumerate(bars):
        y, known = MARGIN + 2 * LINE * k + LINE, [v for v in series.values if v is not None]
        most = 1.15 * max([abs(bar.limit), *map(abs, known), 1e-9])
        colour = GOOD if bar.met(series) else BAD
        draw.text((MARGIN, y - 8), labels[k], INK, _font(14))
        draw.line((left, y, right, y), PALE)
        limit = left + (right - left) * bar.limit / most
        draw.line((limit, y - 12, limit, y + 12), INK, 2)
        for value in known:
            x = left + (right - left) * max(value, 0) / most
            draw.ellipse((x - 5, y - 5, x + 5, y + 5), colour)
        draw.text((right + 10, y - 8), number(bar.value(series)), colour, _font(14))
    return image


def curves(
    title: str, lines: dict[str, list[tuple[float, float]]], height: int = 300, *, log_x: bool = False
) -> Image.Image:
    """Lines of (x, y > 0) by name, y on a logarithmic scale, x > 0 too where `log_x`; the axes' ends are written."""
    image, draw = _paper(WIDTH, height)
    draw.text((MARGIN, 6), title, INK, _font(14))
    scaled = {name: [p for xy in line if (p := _scaled(*xy, log_x))] for name, line in lines.items()}
    points = [point for line in scaled.values() for point in line]
    if not points:
        return image
    (x0, x1), (y0, y1) = _range([p[0] for p in points]), _range([p[1] for p in points])
    left, right, top, bottom = 70, WIDTH - LABEL, 34, height - 30
    draw.line((left, top, left, bottom, right, bottom), PALE)
    for value, y in ((y1, top), (y0, bottom)):
        draw.text((6, y - 8), number(10**value), INK, _font(13))
    for value, x, anchor in ((x0, left, "la"), (x1, right, "ra")):
        draw.text((x, bottom + 8), number(10**value if log_x else value), INK, _font(13), anchor=anchor)
    for k, (name, line) in enumerate(scaled.items()):
        at = [
            (left + (right - left) * (x - x0) / (x1 - x0), bottom - (bottom - top) * (y - y0) / (y1 - y0))
            for x, y in line
        ]
        colour = f"hsl({(k * 137) % 360},70%,40%)"
        if at:
            draw.line(at, colour, 2)
            draw.text((right + 14, top + LINE * k), name, colour, _font(13))
    return image


def bars(title: str, values: dict[str, dict[str, float]]) -> Image.Image:
    """Horizontal bars from 0 by row and name, with their numbers; a name has the same colour in every row."""
    names = list(dict.fromkeys(name for row in values.values() for name in row))
    image, draw = _paper(WIDTH, 2 * MARGIN + LINE + sum(LINE * len(row) + MARGIN for row in values.values()))
    draw.text((MARGIN, MARGIN), title, INK, _font(14))
    most = max([value for row in values.values() for value in row.values()] + [1e-9])
    y = 2 * MARGIN + LINE
    for label, row in values.items():
        draw.text((MARGIN, y), label, INK, _font(13))
        for name, value in row.items():
            colour = f"hsl({(names.index(name) * 137) % 360},60%,55%)"
            end = LABEL + (WIDTH - LABEL - 220) * value / most
            draw.rectangle((LABEL, y, end, y + LINE - 4), colour)
            draw.text((end + 8, y), f"{number(value)}  {name}", INK, _font(13))
            y += LINE
        y += MARGIN
    return image


def heat(title: str, cells: dict[str, dict[str, tuple[float | None, str]]]) -> Image.Image:
    """A table by row and column: (share of the best in [0, 1], or None where there is no result; text)."""
    columns = list(dict.fromkeys(c for row in cells.values() for c in row))
    left = max(200, 2 * MARGIN + math.ceil(max((_font(13).getlength(name) for name in cells), default=0)))
    wide = max(92, min(150, (WIDTH - left) // max(len(columns), 1)))
    image, draw = _paper(max(WIDTH, left + wide * len(columns)), 3 * MARGIN + 34 + 36 * (1 + len(cells)))
    draw.text((MARGIN, MARGIN), title, INK, _font(14))
    top = 2 * MARGIN + 24
    for k, column in enumerate(columns):
        draw.text((left + wide * k + wide / 2, top + 18), _cut(column, wide // 7), INK, _font(12), anchor="mm")
    for r, (name, row) in enumerate(cells.items(), start=1):
        draw.text((MARGIN, top + 36 * r + 10), name, INK, _font(13))
        for k, column in enumerate(columns):
            share, text = row.get(column, (None, ""))
            box = (left + wide * k, top + 36 * r, left + wide * (k + 1) - 2, top + 36 * (r + 1) - 2)
            draw.rectangle(box, "#eeeeee" if share is None else f"hsl({int(120 * min(max(share, 0), 1))},55%,72%)")
            draw.text(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), text, INK, _font(12), anchor="mm")
    return image


def samples_of(result: Result) -> Image.Image:
    """Samples of every run: a row a group, a column a seed; groups stand two in a row where there is one seed."""
    shown = [(o, _samples(o, result.bench.pictured)) for o in result.outcomes]
    seeds = max(len({o.training.seed for o, _ in shown}), 1)
    columns = seeds if seeds > 1 else min(4, max(len(shown), 1))
    shown.sort(key=lambda item: _order(result, item[0]))
    rows = -(-len(shown) // columns)
    image, draw = _paper(max(WIDTH, MARGIN + (SIDE + MARGIN) * columns), MARGIN + (SIDE + 2 * LINE) * rows)
    for k, (outcome, picture) in enumerate(shown):
        x, y = MARGIN + (SIDE + MARGIN) * (k % columns), MARGIN + (SIDE + 2 * LINE) * (k // columns)
        trouble = f" {outcome.state}" if outcome.state != "finished" else ""
        told = f"{_cut(outcome.training.group.name, 30 - len(trouble))} #{outcome.training.seed}{trouble}"
        draw.text((x, y), told, BAD if trouble else INK, _font(12))
        if picture is not None:
            image.paste(picture, (x, y + LINE))
        else:
            draw.rectangle((x, y + LINE, x + SIDE, y + LINE + SIDE), outline=PALE)
    return image


def stacked(panels: Sequence[Image.Image]) -> Image.Image:
    """Panels one below the other."""
    image = Image.new("RGB", (max(p.width for p in panels), sum(p.height for p in panels)), PAPER)
    y = 0
    for panel in panels:
        image.paste(panel, (0, y))
        y += panel.height
    return image


def _order(result: Result, outcome: Outcome) -> tuple[int, int]:
    names = [g.name for g in result.bench.groups()]
    return names.index(outcome.training.group.name), outcome.training.seed


def _samples(outcome: Outcome, count: int) -> Image.Image | None:
    """The judged generator's samples of one seed, uncurated, as the kind of data draws them."""
    if not (outcome.folder / "generator.safetensors").exists():
        return None
    path = outcome.folder.with_suffix(".png")
    api.load(outcome.folder).sample(count, seed=1).save(path)
    with Image.open(path) as image:
        plain = Image.new("RGB", image.size, PAPER)
        plain.paste(image, mask=image.getchannel("A") if "A" in image.getbands() else None)
    scale = SIDE / max(plain.size)
    size = (max(1, round(plain.width * scale)), max(1, round(plain.height * scale)))
    return plain.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST)


def _caption(result: Result) -> str:
    protocol = result.protocol
    text = f"{len(protocol['seeds'])} seed(s), {result.lengths}"
    return text + (f". Not the bars' protocol: {'; '.join(result.departures)}" if result.departures else "")


def _scaled(x: float, y: float, log_x: bool) -> tuple[float, float] | None:
    """None where there is no logarithm."""
    if y <= 0 or (log_x and x <= 0):
        return None
    return math.log10(x) if log_x else x, math.log10(y)


def _range(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "\u2026"


def _paper(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (width, height), PAPER)
    return image, ImageDraw.Draw(image)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
