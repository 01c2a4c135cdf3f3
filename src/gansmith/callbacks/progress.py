"""What a terminal shows while training: one live line, or now and then a plain one where nobody watches."""

from __future__ import annotations

import os
import shutil
import sys
import time
import unicodedata
from pathlib import Path
from typing import TextIO

_LIVE_SECONDS = 0.25
_PLAIN_SECONDS = 10.0
_SHOWN = {
    "loss/generator": "loss G",
    "loss/discriminator": "D",
    "verdict/real": "D(real)",
    "verdict/fake": "D(fake)",
}


def count_text(count: float) -> str:
    """A count for people: 999, 12.3k, 1.2M, 3.45G."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size * 0.9995:
            return f"{count / size:.3g}{unit}"
    return f"{count:.0f}"


def duration_text(seconds: float) -> str:
    """A duration for people: 0:07, 3:05, 2:03:00, 3 d 4 h."""
    whole = round(max(seconds, 0.0))
    if whole >= 2 * 86_400:
        return f"{whole // 86_400} d {whole % 86_400 // 3600} h"
    minutes, rest = divmod(whole, 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


class Progress:
    """The progress of one training, on `stream`.

    `total_samples` and `total_seconds` are where the training ends; whichever comes first sets the share done and
    the time left, and None is no such end. On a terminal one line is rewritten at most four times a second;
    elsewhere a plain line is printed at most every ten seconds, first after one second.
    """

    def __init__(
        self, total_samples: int | None = None, total_seconds: float | None = None, stream: TextIO | None = None
    ) -> None:
        self.total_samples = total_samples
        self.total_seconds = total_seconds
        self.stream = sys.stderr if stream is None else stream
        self._live = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self._next = 0.0 if self._live else time.monotonic() + 1.0
        self._line = ""  # what stands on the live line now
        self._latest = ""  # the newest line, whether shown yet or not

    def show(
        self, samples_seen: int, seconds: float, rate: float, values: dict[str, float], newest_grid: Path | None = None
    ) -> None:
        """Say where training is: `seconds` of training so far, `rate` in samples a second, `values` by tag."""
        now = time.monotonic()
        self._latest = self._compose(samples_seen, seconds, rate, values, newest_grid)
        if now < self._next:
            return
        self._next = now + (_LIVE_SECONDS if self._live else _PLAIN_SECONDS)
        self._put()

    def say(self, text: str) -> None:
        """Print `text` on lines of its own, above the live line."""
        self._write(f"{self._erased()}{text}\n{self._line}")

    def close(self) -> None:
        """Leave the last state standing and end the line. Closing twice is harmless."""
        if self._live and self._latest:
            self._put()
            self._write("\n")
        self._line = self._latest = ""

    def _put(self) -> None:
        if not self._live:
            self._write(self._latest + "\n")
            return
        line = _cut(self._latest, shutil.get_terminal_size().columns - 1)
        erased = self._erased()
        self._line = line
        self._write(erased + line)

    def _erased(self) -> str:
        """What takes the live line away; spaces rather than an escape sequence, which old Windows consoles print."""
        return f"\r{' ' * _width(self._line)}\r" if self._line else ""

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
        except UnicodeEncodeError:  # a console of an 8-bit code page
            encoding = self.stream.encoding or "ascii"
            self.stream.write(text.encode(encoding, "replace").decode(encoding))
        self.stream.flush()

    def _compose(
        self, samples_seen: int, seconds: float, rate: float, values: dict[str, float], newest_grid: Path | None
    ) -> str:
        share, left = self._forecast(samples_seen, seconds, rate)
        parts = [f"{share:4.0%}"] if share is not None else []
        of = f"/{count_text(self.total_samples)}" if self.total_samples else ""
        parts += [f"{count_text(samples_seen)}{of} samples", f"{count_text(rate)}/s"]
        if left is not None:
            parts.append(f"{duration_text(left)} left")
        numbers = [f"{name} {values[tag]:.2f}" for tag, name in _SHOWN.items() if tag in values]
        if numbers:
            parts.append(" ".join(numbers))
        if newest_grid is not None:
            parts.append(str(newest_grid))
        return " | ".join(parts)

    def _forecast(self, samples_seen: int, seconds: float, rate: float) -> tuple[float | None, float | None]:
        """Share done in [0, 1] and seconds left, by the end that comes first; None where that cannot be known."""
        shares, lefts = [], []
        if self.total_samples:
            shares.append(samples_seen / self.total_samples)
            if rate > 0:
                lefts.append((self.total_samples - samples_seen) / rate)
        if self.total_seconds:
            shares.append(seconds / self.total_seconds)
            lefts.append(self.total_seconds - seconds)
        # floored, so that 100 % is said only when it is
        share = int(min(max(shares), 1.0) * 100) / 100 if shares else None
        return share, min(lefts) if lefts else None


def _width(text: str) -> int:
    """Columns on a terminal: East Asian wide characters take two, combining ones none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _cut(text: str, columns: int) -> str:
    """`text` in at most `columns` columns: whole parts go first, from the end, then letters."""
    while _width(text) > columns and " | " in text:
        text = text.rpartition(" | ")[0]
    while text and _width(text) > columns:
        text = text[:-1]
    return text
