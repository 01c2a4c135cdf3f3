"""`babysitting`: thirty trainings of `auto` that nobody watches. None may diverge or end in a collapse.

Ten image sets, three seeds, four minutes each. A training that had to go back after a non-finite number and then
finished is counted, but has not diverged; a collapse alarm counts where it is still open at the end (`run.json`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gansmith.bench._bench import FIRST, Bar, Bench, Column, Data, Group, Outcome, Series

SETS = (
    Data("digits", "digits"),
    Data("mnist", "mnist"),
    Data("stacked-mnist", "stacked-mnist"),
    Data("cifar10", "cifar10"),
    Data("scenes", "scenes"),
    Data("clothing", "clothing-128/clothing_128.zip"),
    Data("emoji", "noto-emoji-128/noto_emoji_128.zip"),
    Data("cells", "bccd-256/bccd_256.zip"),
    Data("streets", "camvid-256x192/camvid_256x192.zip/train/B"),
    Data("apples", "apple2tomato/apple2tomato_100.zip/trainA"),
)
ALL = "all runs"


class Babysitting(Bench):
    """`auto` on everything, as a user would call it."""

    summary = "thirty unattended trainings of auto: does any diverge, or end in an open collapse alarm?"
    minutes = 4
    columns = (
        Column("run/diverged", "diverged"),
        Column("run/went_back", "went back"),
        Column("run/open_alarms", "open alarms"),
        Column("run/open_collapse", "collapse"),
        Column("frechet_ratio", "Frechet ratio"),
        Column("coverage", "coverage"),
        Column("diversity", "diversity"),
    )
    bars = (
        Bar(ALL, "run/diverged", 0, "at most", "every seed", "runs that diverged"),
        Bar(ALL, "run/open_collapse", 0, "at most", "every seed", "runs that end in a collapse alarm"),
    )
    pictured = 25

    def groups(self) -> Sequence[Group]:
        return [Group(data.name, data) for data in SETS]

    def run_scores(self, outcome: Outcome) -> dict[str, float]:
        known = outcome.facts.get("alarms")
        alarms: dict[str, float] = {}
        if isinstance(known, dict):
            kinds = [_kind(alarm) for alarm in known.get("open", [])]
            alarms = {"run/open_alarms": len(kinds), "run/open_collapse": sum("collapse" in kind for kind in kinds)}
        went_back = float(outcome.facts.get("went_back", 0))
        return {"run/diverged": float(outcome.state == "diverged"), "run/went_back": went_back, **alarms}

    def derived(self, outcomes: Sequence[Outcome]) -> list[Series]:
        return [
            Series(ALL, bar.score, FIRST, (_total([outcome.value(bar.score) for outcome in outcomes]),))
            for bar in self.bars
        ]

    def lines(self, outcomes: Sequence[Outcome]) -> list[str]:
        return [
            f"{o.training.group.name}, seed {o.training.seed}: {', '.join(kinds)} open at the end"
            for o in outcomes
            if (kinds := [_kind(a) for a in (o.facts.get("alarms") or {}).get("open", [])])
        ]


def _kind(alarm: Any) -> str:
    return str(alarm.get("kind", alarm) if isinstance(alarm, dict) else alarm)


def _total(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) if known and len(known) == len(values) else None
