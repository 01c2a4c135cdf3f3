"""The progress line: what it says, how often, and that it never runs over the terminal's width."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest

from gansmith.callbacks import progress
from gansmith.callbacks.progress import Progress, count_text, duration_text

VALUES = {"loss/generator": 1.234, "loss/discriminator": 0.5, "verdict/real": 2.0, "verdict/fake": -1.0, "x/y": 9.0}


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def screen(self) -> list[str]:
        """What stands on the screen: \\r goes to the line's start, later letters overwrite earlier ones."""
        lines = []
        for raw in self.getvalue().split("\n"):
            line = ""
            for piece in raw.split("\r"):
                line = piece + line[len(piece) :]
            lines.append(line.rstrip())
        return lines


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(progress, "time", fake)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress.shutil, "get_terminal_size", lambda: os.terminal_size((140, 24)))
    return fake


def test_numbers_for_people() -> None:
    counts = {0: "0", 999: "999", 1000: "1k", 12_345: "12.3k", 999_900: "1M", 1_234_567: "1.23M", 2e9: "2G", 0.4: "0"}
    assert {n: count_text(n) for n in counts} == counts
    durations = {
        0: "0:00",
        7.4: "0:07",
        185: "3:05",
        3599.6: "1:00:00",
        7380: "2:03:00",
        273_600: "3 d 4 h",
        -5: "0:00",
    }
    assert {s: duration_text(s) for s in durations} == durations


def test_a_terminal_gets_one_line_that_is_rewritten(clock: Clock) -> None:
    stream = Terminal()
    line = Progress(200_000, None, stream)
    line.show(50_000, 10.0, 1000.0, VALUES, Path("runs/a/samples/000000050000.png"))
    assert stream.screen() == [
        " 25% | 50k/200k samples | 1k/s | 2:30 left | loss G 1.23 D 0.50 D(real) 2.00 D(fake) -1.00 | "
        + str(Path("runs/a/samples/000000050000.png"))
    ]
    clock.now += 1
    line.show(100_000, 20.0, 1000.0, {})
    assert stream.screen() == [" 50% | 100k/200k samples | 1k/s | 1:40 left"]
    line.say("saved a checkpoint")
    assert stream.screen() == ["saved a checkpoint", " 50% | 100k/200k samples | 1k/s | 1:40 left"]
    line.close()
    line.close()
    assert stream.screen()[-2:] == [" 50% | 100k/200k samples | 1k/s | 1:40 left", ""]


def test_a_terminal_is_written_to_four_times_a_second_and_the_end_is_shown(clock: Clock) -> None:
    stream = Terminal()
    line = Progress(1000, None, stream)
    for n in range(1001):
        clock.now += 0.001
        line.show(n, n / 1000, 1000.0, {})
    assert stream.getvalue().count("samples") <= 5
    line.close()
    assert stream.screen() == ["100% | 1k/1k samples | 1k/s | 0:00 left", ""]


@pytest.mark.parametrize("columns", [200, 80, 40, 12, 1])
def test_a_narrow_terminal_is_never_overrun(columns: int, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress.shutil, "get_terminal_size", lambda: os.terminal_size((columns, 24)))
    stream = Terminal()
    Progress(None, 60.0, stream).show(5, 1.0, 5.0, VALUES, Path("运行/样本.png"))
    for piece in stream.getvalue().split("\r"):
        assert sum(2 if ord(c) > 0x2E80 else 1 for c in piece) < columns


def test_a_file_gets_few_plain_lines(clock: Clock) -> None:
    stream = io.StringIO()
    line = Progress(None, None, stream)
    for n in range(250):
        line.show(n * 100, n / 10, 1000.0, VALUES)
        clock.now += 0.1
    line.say("note")
    line.close()
    text = stream.getvalue()
    assert "\r" not in text
    assert re.findall(r"^(\S+) samples", text, re.M) == ["1k", "11k", "21k"]
    assert text.endswith("\nnote\n")


@pytest.mark.parametrize(
    ("samples", "seconds", "words"),
    [(1000, None, " 50% .* 0:50 left"), (None, 100, " 20% .* 1:20 left"), (1000, 40, " 50% .* 0:20 left")],
)
def test_the_end_that_comes_first_counts(samples: int | None, seconds: float | None, words: str, clock: Clock) -> None:
    stream = Terminal()
    Progress(samples, seconds, stream).show(500, 20.0, 10.0, {})
    assert re.search(words, stream.getvalue())


def test_odd_numbers_and_code_pages_do_no_harm(clock: Clock) -> None:
    raw = io.BytesIO()
    narrow = io.TextIOWrapper(raw, encoding="ascii")
    line = Progress(1000, None, narrow)
    line.say("运行")
    clock.now += 60
    line.show(2000, 1.0, 0.0, {"loss/generator": float("nan"), "verdict/real": float("inf")})
    assert raw.getvalue() == b"??\n100% | 2k/1k samples | 0/s | loss G nan D(real) inf\n"
