"""Line charts as inline SVG: no script, no font, no other file; colours follow the page's light or dark scheme.

Colours are Okabe and Ito's ("Color Universal Design", 2008), told apart by all kinds of colour vision; dashes tell
them apart in print. A page may set --series-0 to --series-5 to its own.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from gansmith.callbacks.progress import count_text

WIDTH, HEIGHT = 420, 236  # small, so that letters stay readable where the chart is as wide as a telephone
_LEFT, _RIGHT, _BOTTOM, _LEGEND_TOP, _ROW = 52, 10, 38, 14, 15
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "", "6 3")
_BUCKETS = 240  # two points a bucket
_STRETCHES = 60  # points of the running median
_LEAST, _MOST = 1e-290, 1e300  # beyond these, differences of floats under- and overflow
_LETTER = 6.3  # about a letter's width in user units

Series = Mapping[str, tuple[Sequence[float], Sequence[float]]]


class _Axis(NamedTuple):
    """A range of values along pixels `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        at = math.log10(value) if self.log else value
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            if last > first:
                stride = -(-(last - first) // 5)
                return [10.0**k for k in range(first, last + 1, stride)]
        step = nice_step((self.high - self.low) / 4)
        return [k * step for k in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)]


def value_text(value: float) -> str:
    """A measured value for people, up to four digits of it: 1.8e-4, 0.01234, 12.35, 123457, 1.235e+07."""
    if 0 < abs(value) < 0.001:
        digits, _, power = f"{value:.3e}".partition("e")
        return f"{float(digits):g}e{int(power)}"
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.4g}"


def nice_step(rough: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that is not below `rough` > 0."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next((k * power for k in (1, 2, 5) if k * power >= rough * (1 - 1e-9)), 10 * power)


def decimate(x: Sequence[float], y: Sequence[float]) -> list[tuple[float, float] | None]:
    """At most 480 points that keep every peak; None is a gap, where a value is not finite (or absurd)."""
    count = min(len(x), len(y))
    width = max(count / _BUCKETS, 2.0)
    points: list[tuple[float, float] | None] = []
    for bucket in range(math.ceil(count / width)):
        rows = range(math.ceil(bucket * width), min(math.ceil((bucket + 1) * width), count))
        finite = [k for k in rows if abs(y[k]) < _MOST and abs(x[k]) < _MOST]
        if len(rows) <= 2:  # every point is kept, and gaps stay where they are
            points += [(x[k], y[k]) if k in finite else None for k in rows]
            continue
        if finite:
            ends = sorted({min(finite, key=lambda k: y[k]), max(finite, key=lambda k: y[k])})
            points += [(x[k], y[k]) for k in ends]
        if len(finite) < len(rows):
            points.append(None)
    return points


def running_median(x: Sequence[float], y: Sequence[float]) -> list[tuple[float, float] | None]:
    """Medians of 60 equally long stretches of a long, noisy line; [] where there are under 4 points in each."""
    count = min(len(x), len(y))
    if count < 4 * _STRETCHES:
        return []
    points: list[tuple[float, float] | None] = []
    for k in range(_STRETCHES):
        rows = range(count * k // _STRETCHES, count * (k + 1) // _STRETCHES)
        finite = [j for j in rows if abs(y[j]) < _MOST and abs(x[j]) < _MOST]
        whole = len(finite) * 2 > len(rows)
        points.append((median(x[j] for j in finite), median(y[j] for j in finite)) if whole else None)
    return points


def line_chart(title: str, series: Series, *, log_y: bool = False, x_label: str = "samples seen") -> str:
    """`series`: name -> (x, y), equally long -> an `<svg>` with axes, legend and a description for screen readers.

    Values that are not finite (or not positive, with `log_y`) are gaps. A few outliers are cut off and counted rather
    than flattening all else. Long lines are drawn pale, with their running median over them.
    """
    drawn = {name: (x, [v if v > _LEAST or not log_y else math.nan for v in y]) for name, (x, y) in series.items()}
    lines = {name: decimate(x, y) for name, (x, y) in drawn.items()}
    points = [p for line in lines.values() for p in line if p is not None]
    legend, top = _legend(lines)
    if not points:
        return _svg(title, "No values yet.", f'<text x="{WIDTH / 2}" y="{HEIGHT / 2}" class="m">no values yet</text>')
    across = _Axis(*_padded([p[0] for p in points], 0.0), _LEFT, WIDTH - _RIGHT)
    values = sorted(p[1] for p in points)
    core = _core(values, log_y)
    up = _Axis(*_padded(core, 0.05, log_y), HEIGHT - _BOTTOM, top, log_y)
    medians = [running_median(x, y) for x, y in drawn.values()]
    body = [_grid(across, up, x_label), legend]
    body += [_path(line, across, up, k, pale=bool(medians[k])) for k, line in enumerate(lines.values())]
    body += [_path(line, across, up, k) for k, line in enumerate(medians) if line]
    if len(core) < len(values):
        body.append(_note(f"{len(values) - len(core)} outliers cut off"))
    return _svg(title, _describe(lines, x_label), "".join(body))


def _note(text: str) -> str:
    return f'<text x="{WIDTH - _RIGHT}" y="{HEIGHT - 5}" class="e">{html.escape(text)}</text>'


def _core(values: list[float], log: bool) -> list[float]:
    """The sorted values without up to 2 % at either end, where those alone make the range 10 times as large."""
    cut = len(values) // 50
    inner = values[cut : len(values) - cut]
    if log or not cut or inner[-1] == inner[0] or values[-1] - values[0] < 10 * (inner[-1] - inner[0]):
        return values
    room = 0.5 * (inner[-1] - inner[0])
    return [v for v in values if inner[0] - room <= v <= inner[-1] + room]


def _padded(values: Sequence[float], share: float, log: bool = False) -> tuple[float, float]:
    low, high = min(values), max(values)
    if log:
        return (low / 1.2, high * 1.2) if high > low * 1.01 else (low / 2, high * 2)
    if high - low <= max(abs(high) * 1e-9, _LEAST):
        room = abs(high) * 0.1 if abs(high) > _LEAST else 1.0
        return low - room, high + room
    return low - share * (high - low), high + share * (high - low)


def _legend(lines: dict[str, list[tuple[float, float] | None]]) -> tuple[str, int]:
    """The legend with each line's newest value, wrapped into rows, and where the drawing begins below it."""
    out, x, y = [], float(_LEFT), _LEGEND_TOP
    for index, (name, line) in enumerate(lines.items()):
        newest = next((value_text(p[1]) for p in reversed(line) if p), "none")
        text = f"{name if len(name) <= 36 else name[:35] + '…'}  {newest}"
        wide = 22 + _LETTER * len(text) + 10
        if x > _LEFT and x + wide > WIDTH:
            x, y = float(_LEFT), y + _ROW
        out.append(f'<path d="M{x:.0f} {y - 4}h16" {_stroke(index)}/>')
        out.append(f'<text x="{x + 21:.0f}" y="{y}">{html.escape(text)}</text>')
        x += wide
    return "".join(out), y + 8


def _grid(across: _Axis, up: _Axis, x_label: str) -> str:
    out = []
    for value in up.ticks():
        y = up(value)
        out.append(f'<path d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}" class="g"/>')
        out.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" class="e">{value_text(round(value, 12))}</text>')
    for value in across.ticks():
        out.append(f'<text x="{across(value):.1f}" y="{HEIGHT - _BOTTOM + 16}" class="m">{count_text(value)}</text>')
    out.append(f'<path d="M{_LEFT} {up.end:.0f}V{HEIGHT - _BOTTOM}H{WIDTH - _RIGHT}" class="a"/>')
    out.append(f'<text x="{_LEFT}" y="{HEIGHT - 5}">{html.escape(x_label)}</text>')
    return "".join(out)


def _path(line: list[tuple[float, float] | None], across: _Axis, up: _Axis, index: int, pale: bool = False) -> str:
    pieces, pen = [], "M"
    for point in line:
        if point is None:
            pen = "M"
            continue
        y = min(max(up(point[1]), up.end), up.start)
        pieces.append(f"{pen}{across(point[0]):.1f} {y:.1f}" + ("h0" if pen == "M" else ""))  # h0: a lone point shows
        pen = "L"
    opacity = ' stroke-opacity=".3"' if pale else ""
    return f'<path d="{"".join(pieces)}" {_stroke(index)}{opacity}/>'


def _stroke(index: int) -> str:
    k = index % len(_COLOURS)
    dash = f' stroke-dasharray="{_DASHES[k]}"' if _DASHES[k] else ""
    return f'class="s" style="stroke:var(--series-{k},{_COLOURS[k]})"{dash}'


def _describe(lines: dict[str, list[tuple[float, float] | None]], x_label: str) -> str:
    told = []
    for name, line in lines.items():
        shown = [p for p in line if p]
        if not shown:
            told.append(f"{name}: no values")
            continue
        low, high = min(p[1] for p in shown), max(p[1] for p in shown)
        told.append(
            f"{name}: from {value_text(shown[0][1])} to {value_text(shown[-1][1])} at {count_text(shown[-1][0])} "
            f"{x_label}, between {value_text(low)} and {value_text(high)}"
        )
    return "; ".join(told)


_STYLE = (
    'fill="currentColor" font-size="11.5" font-family="system-ui,sans-serif" '
    'style="max-width:100%;height:auto;display:block"'
)
_RULES = (
    ".chart .m{text-anchor:middle}.chart .e{text-anchor:end}.chart .s{fill:none;stroke-width:1.6;"
    "stroke-linecap:round;stroke-linejoin:round}.chart .g{stroke:currentColor;stroke-opacity:.15;fill:none}"
    ".chart .a{stroke:currentColor;stroke-opacity:.5;fill:none}"
)


def _svg(title: str, description: str, body: str) -> str:
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" {_STYLE}>'
        f"<title>{html.escape(title)}</title><desc>{html.escape(description)}</desc><style>{_RULES}</style>{body}</svg>"
    )
