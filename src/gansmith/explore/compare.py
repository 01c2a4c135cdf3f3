"""Runs side by side: the choices in which they differ, their scores, and whether these may be compared at all."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gansmith.errors import RunFolderError
from gansmith.folder import metrics_log
from gansmith.folder.run_json import read_run
from gansmith.recipe import flat

WIDTH = 28  # characters of a column


class Comparison(NamedTuple):
    """One tuple entry a run, None where a run has no such thing."""

    runs: tuple[str, ...]
    facts: dict[str, tuple[Any, ...]]  # state, samples seen, minutes, ...
    choices: dict[str, tuple[Any, ...]]  # the recipe's keys in which the runs differ
    scores: dict[str, tuple[Any, ...]]
    protocol: dict[str, tuple[Any, ...]]  # how each run's scores were measured
    warnings: tuple[str, ...]  # why scores must not be compared

    def to_json(self) -> dict[str, Any]:
        """A JSON object of the same names."""
        return {key: value if isinstance(value, dict) else list(value) for key, value in self._asdict().items()}

    def text(self) -> str:
        """A table for people, one column a run."""
        sections = {
            "Run": self.facts,
            "Recipe, where it differs": self.choices or {"(nothing differs)": ("",) * len(self.runs)},
            "Scores": self.scores or {"(no scores yet)": ("",) * len(self.runs)},
            "How measured": {
                key: row
                for key, row in self.protocol.items()
                if not key.startswith("details.") or any(value != row[0] for value in row)
            },
        }
        first = max(len(key) for rows in sections.values() for key in rows) + 2
        columns = [[_cell(name) for name in self.runs]]
        columns += [[_cell(value) for value in row] for rows in sections.values() for row in rows.values()]
        widths = [max(len(row[index]) for row in columns) for index in range(len(self.runs))]

        def line(title: str, row: Sequence[str]) -> str:
            return (title.ljust(first + 2) + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True))).rstrip()

        lines = [line("", columns[0])]
        for title, rows in sections.items():
            lines += ["", title] if rows else []
            lines += [line(f"  {key}", [_cell(value) for value in row]) for key, row in rows.items()]
        return "\n".join([*lines, "", *(f"Warning: {warning}" for warning in self.warnings)]).rstrip()


class _Run(NamedTuple):
    state: dict[str, Any]
    recipe: dict[str, Any]  # dotted keys
    scores: dict[str, float]
    protocol: dict[str, Any]


def compare_runs(folders: Sequence[Path]) -> Comparison:
    """Read the runs in `folders`. Raises RunFolderError where one is no run folder or its recipe is damaged."""
    runs = [_read(folder) for folder in folders]
    short = [folder.resolve().name for folder in folders]
    names = tuple(short if len(set(short)) == len(short) else [str(folder) for folder in folders])
    facts = {
        "state": tuple(run.state.get("state") for run in runs),
        "samples seen": tuple(run.state.get("samples_seen") for run in runs),
        "minutes": tuple(_minutes(run.state.get("seconds")) for run in runs),
        "device": tuple(run.state.get("device") for run in runs),
        "data": tuple(_fingerprint(run.state) for run in runs),
    }
    choices = _rows(runs, lambda run: {k: v for k, v in run.recipe.items() if k not in ("summary", "paper")})
    return Comparison(
        runs=names,
        facts={key: row for key, row in facts.items() if any(value is not None for value in row)},
        choices={key: row for key, row in choices.items() if any(value != row[0] for value in row)},
        scores=_rows(runs, lambda run: run.scores),
        protocol=_rows(runs, lambda run: flat(run.protocol)),
        warnings=tuple(_warnings(names, runs)),
    )


def _read(folder: Path) -> _Run:
    state = read_run(folder)
    path = folder / "recipe.toml"
    try:
        recipe = flat(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise RunFolderError(f"{path} cannot be read: {error}. Every run has one; is this one copied whole?") from error
    judged = state.get("scores")
    if isinstance(judged, dict) and isinstance(judged.get("values"), dict):
        protocol = judged.get("protocol")
        return _Run(state, recipe, judged["values"], protocol if isinstance(protocol, dict) else {})
    # Not judged at its end yet: the last evaluation on the way.
    rows = metrics_log.read(folder / "metrics.jsonl")
    scored = [row for row in rows if any(tag.startswith("score/") for tag in row)]
    if not scored:
        return _Run(state, recipe, {}, {})
    scores = {tag.removeprefix("score/"): value for tag, value in scored[-1].items() if tag.startswith("score/")}
    return _Run(state, recipe, scores, {"measured": f"in training, at {scored[-1]['samples_seen']:,} samples"})


def _warnings(names: Sequence[str], runs: Sequence[_Run]) -> list[str]:
    found = []
    hashes = [run.protocol.get("hash") for run in runs if run.scores]
    if len(set(hashes)) > 1:
        found.append(
            "these scores are not comparable: they were measured with different feature extractors. "
            "Judge all runs with the same one: gansmith evaluate RUN --features FILE"
        )
    for key, what in (("generated", "numbers of samples"), ("resizer", "resizers")):
        if len({str(run.protocol.get(key)) for run in runs if run.scores}) > 1 and len(set(hashes)) == 1:
            found.append(f"scores of different {what} compare only roughly.")
    if len({_fingerprint(run.state) for run in runs}) > 1:
        found.append("the runs were trained on different data.")
    missing = [name for name, run in zip(names, runs, strict=True) if not run.scores]
    if missing:
        found.append(f"no scores yet: {', '.join(missing)}. Measure them: gansmith evaluate RUN")
    return found


def _rows(runs: Sequence[_Run], of: Callable[[_Run], dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    keys = dict.fromkeys(key for run in runs for key in of(run))
    return {key: tuple(of(run).get(key) for run in runs) for key in keys}


def _fingerprint(state: dict[str, Any]) -> str | None:
    data = state.get("data")
    found = data.get("fingerprint") if isinstance(data, dict) else data
    return None if found is None else str(found)[:16]


def _minutes(seconds: Any) -> float | None:
    return round(seconds / 60, 2) if isinstance(seconds, int | float) else None


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    text = f"{value:,}" if isinstance(value, int) else f"{value:.5g}" if isinstance(value, float) else str(value)
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."
