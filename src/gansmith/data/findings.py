"""What a data check found: facts, and problems with names and what to do about them; as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from gansmith.data.check_points import PointSplit

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
LISTED = 1000  # entries of one list that are kept
SHOWN = 10  # ... and shown in the text


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong or worth knowing."""

    kind: str  # short and stable, for programs: "unreadable", "exact-duplicates", ...
    severity: Severity
    what: str
    count: int  # how many there are, also beyond those kept in `evidence`
    evidence: tuple[tuple[str, ...], ...]  # up to LISTED; names that belong together, or a name and its reason
    advice: str

    def lines(self) -> list[str]:
        """For people: what, the first names, what to do."""
        entries = [f"    {' | '.join(entry)}" for entry in self.evidence[:SHOWN]]
        if self.evidence and self.count > len(entries):
            entries.append(f"    ... and {self.count - len(entries):,} more")
        return [f"{self.severity.upper()}: {self.what}", *entries, f"  {self.advice}"]


@dataclass(frozen=True)
class Split:
    """The facts about one split of pictures; sizes and the rest are those of its readable pictures."""

    count: int
    readable: int
    ignored: int  # other files that lie there
    formats: dict[str, int]  # file type -> pictures; "array" where there are no files
    modes: dict[str, int]  # Pillow's colour mode, as stored -> pictures
    channels: dict[str, int]  # the fewest channels that lose nothing -> pictures
    sizes: dict[str, int]  # "WIDTHxHEIGHT" -> pictures; the most common ones
    different_sizes: int
    width: tuple[int, int, int]  # smallest, median, largest, in pixels
    height: tuple[int, int, int]
    square_share: float  # of the pictures, 0..1
    classes: dict[str, int]  # class -> pictures; empty without classes

    def lines(self, name: str) -> list[str]:
        """For people."""
        lines = [f"{name}: {self.readable:,} pictures" + (f" of {self.count:,} files" * (self.readable < self.count))]
        if self.readable:
            lines.append(f"  types     {_counted(self.formats)}")
            lines.append(f"  colours   {_counted(self.modes)}; channels needed: {_counted(self.channels)}")
            lines.append(f"  sizes     {_counted(self.sizes)}" + self._rest_of_sizes())
        if self.classes:
            low, high = min(self.classes.values()), max(self.classes.values())
            lines.append(
                f"  classes   {len(self.classes)}, {low:,} to {high:,} pictures each: {_counted(self.classes)}"
            )
        return lines

    def _rest_of_sizes(self) -> str:
        if self.different_sizes == 1:
            return ""
        (w0, w1, w2), (h0, h1, h2) = self.width, self.height
        return (
            f" ({self.different_sizes:,} different; width {w0}..{w2}, median {w1}; height {h0}..{h2}, median {h1}; "
            f"{100 * (1 - self.square_share):.0f} % not square)"
        )


@dataclass(frozen=True)
class Findings:
    """What is in a data set, and what is wrong with it."""

    path: str
    splits: Mapping[str, Split | PointSplit]  # "train", and "test" where there is one
    problems: tuple[Problem, ...]  # errors first

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries and lists; each problem's evidence has up to LISTED entries."""
        return {
            "path": self.path,
            "splits": {name: asdict(split) for name, split in self.splits.items()},
            "problems": [asdict(problem) for problem in self.problems],
        }

    def text(self) -> str:
        """A report in plain words."""
        lines = [self.path]
        for name, split in self.splits.items():
            lines += split.lines(name)
        if not self.problems:
            lines.append("Nothing wrong was found.")
        for problem in self.problems:
            lines += ["", *problem.lines()]
        return "\n".join(lines)


def _counted(counts: Mapping[str, int]) -> str:
    parts = [f"{name} {count:,}" for name, count in list(counts.items())[:SHOWN]]
    return ", ".join([*parts, *(["..."] if len(counts) > SHOWN else [])])


def ranked(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Errors, then warnings, then notes; otherwise in the order given."""
    return tuple(sorted(problems, key=lambda p: SEVERITIES.index(p.severity)))
