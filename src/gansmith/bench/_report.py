"""A benchmark's result: our rows, the published rows, the bars, and what is needed to repeat it. No paths, no hosts."""

from __future__ import annotations

import shlex
import time
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from gansmith.bench._bench import (
    FEATURES,
    FIRST,
    SECOND,
    SEEN,
    STATISTICS,
    Bar,
    Bench,
    Outcome,
    Series,
    by_seed,
    number,
)
from gansmith.bench._benchmark import Ask
from gansmith.machine import machine, versions


@dataclass(frozen=True)
class Result:
    """What came of the trainings, judged."""

    bench: Bench
    ask: Ask
    outcomes: list[Outcome]
    seconds: float

    @property
    def rows(self) -> list[Series]:
        """By group, judge and column, then what is derived from several groups."""
        groups = dict.fromkeys(o.training.group.name for o in self.outcomes)
        scores = [c.score for c in (*self.bench.columns, SEEN)]
        judges = self.bench.judges
        own = [by_seed(self.outcomes, g, s, j) for g in groups for j in judges for s in scores]
        return own + self.bench.derived(self.outcomes)

    def series(self, bar: Bar) -> Series:
        """What the first judge found for a bar."""
        found = (s for s in self.rows if (s.group, s.score, s.judge) == (bar.group, bar.score, FIRST))
        return next(found, by_seed(self.outcomes, bar.group, bar.score))

    @property
    def departures(self) -> list[str]:
        """Where this is not the protocol that the bars are about."""
        stated = {"seeds": self.bench.seeds, "minutes": self.bench.minutes, "samples": self.bench.samples}
        asked = {key: getattr(self.ask, key) for key in stated}
        found = [f"{k} {asked[k]:g} instead of {v}" for k, v in stated.items() if asked[k] not in (None, v)]
        return found + ([f"--set {' '.join(self.ask.settings)}"] if self.ask.settings else [])

    @property
    def lengths(self) -> str:
        """How long the trainings are, for people."""
        minutes = self.ask.minutes or self.bench.minutes
        other = [g for g in self.bench.groups() if g.share_of_time != 1]
        told = "; ".join(f"{g.name}: {60 * minutes * g.share_of_time:.3g} seconds" for g in other)
        return f"{minutes:g} minutes each" + (f" ({told})" if other else "")

    @property
    def command(self) -> str:
        """What to type for the same again; DIR stands for places."""
        ask = self.ask
        words = ["gansmith", "bench", self.bench.name]
        for key in ("seeds", "minutes", "samples"):
            words += [f"--{key}", f"{getattr(ask, key):g}"] if getattr(ask, key) is not None else []
        words += ["--jobs", str(ask.jobs)] + (["--data-root", "DIR"] if ask.data_root else [])
        return shlex.join([*words, "--set", *ask.settings] if ask.settings else words)

    @property
    def protocol(self) -> dict[str, Any]:
        """How the numbers came about."""
        ask, bench = self.ask, self.bench
        return {
            "seeds": list(range(ask.seeds or bench.seeds)),
            "minutes": ask.minutes or bench.minutes,
            "samples": ask.samples or bench.samples or "5000, or as many as the data has",
            "side_by_side": ask.jobs,
            "threads_each": ask.threads,
            "judges": {judge: FEATURES[judge] for judge in bench.judges},
            "as_stated": not self.departures,
            "departures": self.departures,
            "notes": [*bench.notes, *_lacking(bench)],
        }

    def to_json(self) -> dict[str, Any]:
        """Everything, per seed."""
        return {
            "bench": self.bench.name,
            "what": self.bench.summary,
            "command": self.command,
            "date": time.strftime("%Y-%m-%d"),
            "seconds": round(self.seconds, 1),
            "protocol": self.protocol,
            "machine": machine(),
            "versions": versions(),
            "bars": [_bar(bar, self.series(bar)) for bar in self.bench.bars],
            "rows": [_row(series) for series in self.rows],
            "published": published(self.bench.name),
            "table": self.bench.table(self.outcomes),
            "runs": [_run(outcome) for outcome in self.outcomes],
        }


def published(name: str) -> list[dict[str, Any]]:
    """The rows of others for the benchmark called `name`."""
    text = (resources.files("gansmith.bench") / "published.toml").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = tomllib.loads(text)["row"]
    return [{k: v for k, v in row.items() if k != "bench"} for row in rows if row["bench"] == name]


def _lacking(bench: Bench) -> list[str]:
    if SECOND not in bench.judges:
        return ["one judge alone: points have no second extractor, and modes are counted without any"]
    return []


def _bar(bar: Bar, series: Series) -> dict[str, Any]:
    return {
        "group": bar.group,
        "score": bar.score,
        "title": bar.title or bar.score,
        "wanted": f"{bar.sense} {number(bar.limit)} in {'the median' if bar.over == 'median' else 'every seed'}",
        "value": bar.value(series),
        "met": bar.met(series),
    }


def _row(series: Series) -> dict[str, Any]:
    spread: dict[str, Any] = {what: series.of(what) for what in STATISTICS}
    return {"group": series.group, "judge": series.judge, "score": series.score, **spread, "values": series.values}


def _run(outcome: Outcome) -> dict[str, Any]:
    training = outcome.training
    return {
        "group": training.group.name,
        "data": training.group.data.place,
        "recipe": Path(training.group.recipe or "auto").name,
        "settings": list(training.group.settings),
        "seed": training.seed,
        "minutes": training.minutes,
        "state": outcome.state,
        "message": outcome.message,
        **outcome.facts,
        "scores": outcome.scores,
        "judged": outcome.protocol,
    }
