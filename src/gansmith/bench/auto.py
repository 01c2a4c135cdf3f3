"""`auto`: the table by which `auto` chooses its networks: each of them on every data set, at equal time.

The networks are those of `gansmith/auto/networks.toml`; all else is what `auto` takes with them. The `table` of the
result is a row for every data set, with what the data is and the Frechet distance of each network's samples by each
judge. `gansmith/auto/measured.json` has these rows and those of `auto-longer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any, ClassVar

from PIL import Image

from gansmith.auto import networks
from gansmith.auto.networks import Row
from gansmith.bench._bench import Bench, Column, Data, Group, Outcome, by_seed, number
from gansmith.bench._figure import heat
from gansmith.bench._judge import source_of

SETS = (
    Data("digits", "digits"),
    Data("mnist", "mnist"),
    Data("cifar10", "cifar10"),
    Data("clothing", "clothing-128/clothing_128.zip"),
    Data("cells", "bccd-256/bccd_256.zip"),
    Data("emoji", "noto-emoji-128/noto_emoji_128.zip"),
    Data("scenes", "scenes"),
)
BETWEEN = " by "


class Auto(Bench):
    """Networks x data sets."""

    summary = "networks on several data sets at equal time: the table by which auto chooses"
    notes = ("one short training each: differences of a tenth mean nothing",)
    seeds = 1
    minutes: ClassVar[float] = 2
    columns = (Column("frechet", "Frechet"), Column("coverage", "coverage"), Column("recall", "recall"))
    keeps_refused = True

    def groups(self) -> Sequence[Group]:
        return [group(data, name) for data in SETS for name in networks.names()]

    def table(self, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        return {"rows": [asdict(row) for row in _rows(outcomes)]}

    def lines(self, outcomes: Sequence[Outcome]) -> list[str]:
        return [f"best for {row.data}, {row.minutes:g} minutes: {', '.join(row.order)}" for row in _rows(outcomes)]

    def panels(self, outcomes: Sequence[Outcome]) -> list[Image.Image]:
        shown: dict[str, dict[str, tuple[float | None, str]]] = {}
        for row in _rows(outcomes):
            best = min(values[0] for values in row.frechet.values())
            shown[f"{row.data}, {row.minutes:g} min"] = {
                name: (best / max(values[0], 1e-9), " | ".join(number(value) for value in values))
                for name, values in row.frechet.items()
            }
        return [heat("Frechet distance by each judge (green: the best of its row)", shown)] if shown else []


def group(data: Data, network: str, classes: bool | None = None) -> Group:
    """`network` on `data`, a cell of the table; `classes` as for `gansmith train`."""
    return Group(f"{data.name}{BETWEEN}{network}", data, classes=classes, settings=(f"architecture.name={network}",))


def _rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """Of what finished and could be judged by every judge that judged anything of the row."""
    rows: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.state == "finished":
            rows.setdefault(outcome.training.group.name.partition(BETWEEN)[0], []).append(outcome)
    return [_row(found) for found in rows.values()]


def _row(outcomes: Sequence[Outcome]) -> Row:
    judges = [judge for judge in outcomes[0].scores if outcomes[0].value("frechet", judge) is not None]
    frechet: dict[str, tuple[float, ...]] = {}
    for group in dict.fromkeys(o.training.group.name for o in outcomes):
        values = [by_seed(outcomes, group, "frechet", judge).of("median") for judge in judges]
        if all(value is not None for value in values):
            frechet[group.partition(BETWEEN)[2]] = tuple(round(value, 4) for value in values if value is not None)
    source = source_of(outcomes[0])
    survey = source.survey()
    data = outcomes[0].facts["data"]
    return Row(
        data=outcomes[0].training.group.data.name,
        count=survey.count,
        side=max(data["shape"][1:]),
        channels=data["shape"][0],
        classes=len(data.get("classes", [])),
        flat=round(survey.flat, 3),
        channel_correlation=round(survey.channel_correlation, 2),
        minutes=median(o.training.minutes for o in outcomes),
        frechet=frechet,
    )
