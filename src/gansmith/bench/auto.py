"""`auto`: the table by which `auto` chooses: every candidate on every data set, at equal time.

The candidates are `candidates.toml` beside this. A row of the result is what the data is (samples, size, classes), the
candidates in the order of their Frechet distance, and how much worse each is than the best.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image

from gansmith.bench._bench import Bench, Column, Data, Group, Outcome, by_seed
from gansmith.bench._figure import heat
from gansmith.bench._table import number

SETS = (
    Data("digits", "digits"),
    Data("mnist", "mnist"),
    Data("cifar10", "cifar10"),
    Data("clothing", "clothing-128/clothing_128.zip"),
    Data("cells", "bccd-256/bccd_256.zip"),
    Data("emoji", "noto-emoji-128/noto_emoji_128.zip"),
    Data("scenes", "scenes", "gansmith.data.scenes"),
)
CANDIDATES = Path(__file__).with_name("candidates.toml")
BETWEEN = " by "


class Auto(Bench):
    """Candidates x data sets."""

    summary = "candidates on several data sets at equal time: the table by which auto chooses"
    notes = ("one short training each: differences of a tenth mean nothing",)
    seeds = 1
    minutes = 2
    columns = (Column("frechet", "Frechet"), Column("coverage", "coverage"), Column("recall", "recall"))
    keeps_refused = True

    def groups(self) -> Sequence[Group]:
        return [
            Group(
                f"{data.name}{BETWEEN}{one['name']}",
                data,
                one.get("recipe"),
                settings=tuple(one.get("settings", ())),
                needs=tuple(one.get("needs", ())),
            )
            for data in SETS
            for one in candidates()
        ]

    def table(self, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        """Data -> what it is, the best candidate, and each candidate's scores with its distance over the best's."""
        return {data.name: _row(data.name, outcomes) for data in SETS}

    def lines(self, outcomes: Sequence[Outcome]) -> list[str]:
        rows = self.table(outcomes)
        return [f"best for {name} ({row['data']}): {row['best'] or 'none finished'}" for name, row in rows.items()]

    def panels(self, outcomes: Sequence[Outcome]) -> list[Image.Image]:
        cells = {
            name: {
                candidate: (
                    None if one["times_best"] is None else 1 / one["times_best"],
                    number(one["frechet"]) if one["frechet"] is not None else one["state"],
                )
                for candidate, one in row["candidates"].items()
            }
            for name, row in self.table(outcomes).items()
        }
        return [heat("Frechet distance (green: the best of its row)", cells)]


def candidates() -> list[dict[str, Any]]:
    """The tables of candidates.toml."""
    found: list[dict[str, Any]] = tomllib.loads(CANDIDATES.read_text(encoding="utf-8"))["candidate"]
    return found


def _row(name: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    runs = [o for o in outcomes if o.training.group.data.name == name]
    found: dict[str, dict[str, Any]] = {}
    for group in dict.fromkeys(o.training.group.name for o in runs):
        own = [o for o in runs if o.training.group.name == group]
        scores = {key: by_seed(own, group, key).of("median") for key in ("frechet", "coverage", "recall")}
        seen = [o.facts["samples_seen"] for o in own if "samples_seen" in o.facts]
        state = next((o.state for o in own if o.state != "finished"), "finished")
        seen_median = median(seen) if seen else None
        found[group.partition(BETWEEN)[2]] = {"state": state, **scores, "samples_seen": seen_median}
    known = {candidate: one["frechet"] for candidate, one in found.items() if one["frechet"] is not None}
    best = min(known, key=lambda candidate: known[candidate]) if known else None
    for one in found.values():
        one["times_best"] = None if one["frechet"] is None or best is None else one["frechet"] / max(known[best], 1e-9)
    order = sorted(found, key=lambda candidate: known.get(candidate, float("inf")))
    facts: dict[str, Any] = next((o.facts["data"] for o in runs if "data" in o.facts), {})
    size = "x".join(map(str, facts.get("shape", [])))
    about = f"{facts.get('count', '?')} of {size or '?'}, {len(facts.get('classes', []))} classes"
    return {"data": about, "best": best, "candidates": {candidate: found[candidate] for candidate in order}}
