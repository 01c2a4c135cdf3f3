"""What a benchmark of trainings says: which ones, which scores, which bars. How they are run and told is elsewhere."""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gansmith.bench._benchmark import Answer, Ask, Benchmark
from gansmith.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

Statistic = Literal["median", "lowest", "highest"]
STATISTICS: tuple[Statistic, ...] = ("median", "lowest", "highest")
FIRST, SECOND = "first", "second"  # the judges: the features that a training is tuned by, and others
FEATURES = {FIRST: "auto", SECOND: "second"}  # by the names of gansmith evaluate --features


@dataclass(frozen=True)
class Data:
    """A data set: its name in tables, and what `gansmith train` is told: a built-in name, or a path below a root."""

    name: str
    place: str

    def find(self, root: Path | None) -> str:
        """What to train on. Raises DataError where it is not below `root`, or GANSMITH_DATA."""
        if "/" not in self.place:
            return self.place
        folder = root or Path(os.environ.get("GANSMITH_DATA") or ".")
        path = (folder / self.place).expanduser().resolve()
        if not any(p.is_file() or (p == path and p.is_dir()) for p in (path, *path.parents)):
            raise DataError(
                f"This benchmark trains on {self.place}, which is not in {folder}.\n"
                "Give the folder that holds it: --data-root FOLDER, or the environment variable GANSMITH_DATA."
            )
        return str(path)


@dataclass(frozen=True)
class Group:
    """Trainings that differ in their seed alone: one row of the table."""

    name: str
    data: Data
    recipe: str | None = None  # None: auto
    classes: bool | None = None
    resolution: int | None = None
    settings: tuple[str, ...] = ()
    share_of_time: float = 1.0  # of the benchmark's minutes


@dataclass(frozen=True)
class Training:
    """One run of a group."""

    group: Group
    seed: int
    minutes: float

    @property
    def name(self) -> str:
        """Its name in file names."""
        return f"{re.sub('[^a-z0-9]+', '-', self.group.name.lower()).strip('-')}-{self.seed}"


@dataclass
class Outcome:
    """What came of one training."""

    training: Training
    folder: Path  # the run folder
    state: Literal["finished", "diverged", "refused"]
    message: str = ""  # why it did not finish
    facts: dict[str, Any] = field(default_factory=dict)  # of run.json: samples_seen, seconds, alarms, data, ...
    scores: dict[str, dict[str, float]] = field(default_factory=dict)  # judge -> score -> value
    protocol: dict[str, dict[str, Any]] = field(default_factory=dict)  # judge -> how it was measured

    def value(self, score: str, judge: str = FIRST) -> float | None:
        """A score, None where it was not measured."""
        return self.scores.get(judge, {}).get(score)


@dataclass(frozen=True)
class Column:
    """A score and its heading."""

    score: str
    title: str


SEEN = Column("run/samples_seen", "samples seen")


@dataclass(frozen=True)
class Series:
    """One score of one group by one judge, a value a seed; None where it was not measured."""

    group: str
    score: str
    judge: str
    values: tuple[float | None, ...]

    def of(self, what: Statistic) -> float | None:
        """Of the values that there are; None where there are none."""
        known = [v for v in self.values if v is not None]
        if not known:
            return None
        return median(known) if what == "median" else min(known) if what == "lowest" else max(known)


def number(value: float | None) -> str:
    """Four digits at most; a dash for none."""
    return "-" if value is None else f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


@dataclass(frozen=True)
class Bar:
    """What a score must reach: at least or at most `limit`, in the median over the seeds or in every one."""

    group: str
    score: str
    limit: float
    sense: Literal["at least", "at most"]
    over: Literal["median", "every seed"] = "median"
    title: str = ""

    def value(self, series: Series) -> float | None:
        """What is compared with the limit: the median, or the worst; None where a seed was not measured."""
        if any(v is None for v in series.values):
            return None
        worst: Statistic = "lowest" if self.sense == "at least" else "highest"
        return series.of("median" if self.over == "median" else worst)

    def met(self, series: Series) -> bool:
        """A seed without a value (it diverged, or could not be judged) meets no bar."""
        value = self.value(series)
        if value is None:
            return False
        return value >= self.limit if self.sense == "at least" else value <= self.limit


class Bench(Benchmark):
    """A benchmark of trainings. Its class fields are its protocol: a result that departs from them says so."""

    notes: ClassVar[tuple[str, ...]] = ()  # what a reader of the numbers must know
    seeds: ClassVar[int] = 3
    minutes: ClassVar[float]
    samples: ClassVar[int | None] = None  # judged; None: 5,000, or as many as the data has
    columns: ClassVar[tuple[Column, ...]]  # besides SEEN
    bars: ClassVar[tuple[Bar, ...]] = ()
    judges: ClassVar[tuple[str, ...]] = (FIRST, SECOND)  # points have one extractor alone, their coordinates
    keeps_refused: ClassVar[bool] = False  # a training that the toolkit refuses is a result, not a mistake
    pictured: ClassVar[int] = 36  # samples of each run in the figure

    def measure(self, ask: Ask, say: Callable[[str], None]) -> Answer:
        """Train, judge, and tell; asked again, it goes on from what is done."""
        from gansmith.bench._answer import answer  # which reads benches

        return answer(self, ask, say)

    @abstractmethod
    def groups(self) -> Sequence[Group]:
        """The rows of the table, in order."""

    def own_scores(self, outcome: Outcome, features: str) -> dict[str, float]:
        """Scores of a finished run beside those that every judge gives."""
        return {}

    def run_scores(self, outcome: Outcome) -> dict[str, float]:
        """Scores of what happened in a run, finished or not; no judge is needed."""
        return {}

    def derived(self, outcomes: Sequence[Outcome]) -> list[Series]:
        """Further rows, of several runs."""
        return []

    def table(self, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        """A table for machines, kept with the result."""
        return {}

    def lines(self, outcomes: Sequence[Outcome]) -> list[str]:
        """More to print for people."""
        return []

    def panels(self, outcomes: Sequence[Outcome]) -> list[Image.Image]:
        """More pictures for the figure, above the samples."""
        return []


def by_seed(outcomes: Sequence[Outcome], group: str, score: str, judge: str = FIRST) -> Series:
    """One score of a group's runs, by growing seed."""
    runs = sorted((o for o in outcomes if o.training.group.name == group), key=lambda o: o.training.seed)
    return Series(group, score, judge, tuple(o.value(score, judge) for o in runs))


def shares(ours: Sequence[float | None], theirs: Sequence[float | None]) -> tuple[float | None, ...]:
    """Ours over theirs, seed by seed; None where one is missing."""
    pairs = zip(ours, theirs, strict=True)
    return tuple(None if a is None or not b else a / b for a, b in pairs)
