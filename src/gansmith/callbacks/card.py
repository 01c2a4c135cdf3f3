"""`card.md`: what a trained generator is, on what and how it was trained, how good it is, and what it cannot do.

A model card (Mitchell et al. 2019, arXiv 1810.03993) filled in from the run folder alone, in Markdown as model hubs
show it. It names no place on the maker's disk.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from gansmith.callbacks.progress import count_text, duration_text
from gansmith.callbacks.report_page import plain
from gansmith.errors import RunFolderError
from gansmith.folder import atomic, plain_json
from gansmith.folder.alerts import Episode, episodes
from gansmith.folder.alerts import read as read_alerts
from gansmith.folder.run_json import read_run

NAME = "card.md"
MOST_CLASSES = 40  # that are named
FEW = 5_000  # scores on fewer samples are rough
SCORES = {  # what they mean, best first; others are listed without a word
    "frechet": "distance of the two feature clouds; 0 is best, and only the same protocol compares",
    "frechet_ratio": "the same, in units of the distance of training data to held-out data; 1 is best",
    "precision": "share of generated samples that lie among real ones",
    "recall": "share of real samples that lie among generated ones",
    "coverage": "share of real samples that have a generated one near",
    "memorization/share_close": "share of generated samples nearer to a training sample than those are to each other",
}


def write_card(folder: Path) -> Path:
    """Write `folder`/card.md and return it. What is missing is said to be. Raises RunFolderError where it cannot be
    written."""
    path = folder / NAME
    atomic.write_text(path, card(folder))
    return path


def card(folder: Path) -> str:
    """The card's text."""
    try:
        run = read_run(folder)
    except RunFolderError:
        run = {}
    recipe = _recipe(folder)
    told = episodes(read_alerts(folder))
    parts = [
        _front(run),
        f"# {_safe(folder.resolve().name)}",
        _lead(run, recipe),
        _pictures(folder),
        _use(folder),
        _data(run, recipe),
        _training(run, recipe),
        _scores(run),
        _alarms(told),
        _limits(run, told),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front(run: dict[str, Any]) -> str:
    """The head that model hubs read."""
    shape = _table(run, "data").get("shape")
    pictures = isinstance(shape, list) and len(shape) == 3
    tags = ["gan", *(["unconditional-image-generation"] if pictures else []), "safetensors"]
    return "\n".join(["---", "library_name: gansmith", "tags:", *(f"- {tag}" for tag in tags), "---"])


def _lead(run: dict[str, Any], recipe: dict[str, Any]) -> str:
    shape = _table(run, "data").get("shape")
    what = "samples" if not isinstance(shape, list) or len(shape) != 3 else _picture_kind(shape)
    network = _safe(_table(recipe, "architecture").get("name", "network"))
    versions = _table(run, "versions")
    made = f" with gansmith {_safe(versions['gansmith'])}" if "gansmith" in versions else ""
    started = f", last started {_safe(run['started'])}" if "started" in run else ""
    return f"A generative adversarial network (`{network}`) that makes {what}, trained{made}{started}."


def _picture_kind(shape: list[Any]) -> str:
    channels, height, width = shape
    kind = {"1": "grey pictures", "3": "RGB pictures", "4": "RGB pictures with transparency"}.get(
        str(channels), "pictures"
    )
    return f"{kind} of {_safe(width)}x{_safe(height)} pixels"


def _pictures(folder: Path) -> str:
    if (folder / "samples" / "uncurated.png").is_file():
        return "![Generated samples](samples/uncurated.png)\n\nDrawn at random and not selected."
    return "There is no picture of samples yet."


def _use(folder: Path) -> str:
    file = "generator.safetensors"
    if not (folder / file).is_file():
        return ""
    return (
        "## Use\n\n```\n"
        f"gansmith sample {file} --count 64 --out samples.png\n```\n\n"
        "Weights only: reading them executes nothing."
    )


def _data(run: dict[str, Any], recipe: dict[str, Any]) -> str:
    data, source = _table(run, "data"), _table(recipe, "data")
    classes = data.get("classes")
    named = [_safe(name) for name in classes[:MOST_CLASSES]] if isinstance(classes, list) else []
    if isinstance(classes, list) and len(classes) > MOST_CLASSES:
        named.append(f"and {len(classes) - MOST_CLASSES} more")
    unreadable = data.get("unreadable")
    rows = {
        "Name": Path(str(data.get("path", ""))).name or None,
        "Samples": _count(data.get("count")) + (", mirrored ones counted" if source.get("mirror") is True else ""),
        "Classes": ", ".join(named) or "none told",
        "Left out as unreadable": unreadable if unreadable else None,
        "Fingerprint (SHA-256)": data.get("fingerprint"),
        "Licence": data.get("licence") or "not given",
    }
    return "## Data\n\n" + _rows(rows)


def _training(run: dict[str, Any], recipe: dict[str, Any]) -> str:
    seen, seconds = plain_json.number(run.get("samples_seen")), plain_json.number(run.get("seconds"))
    train, penalties = _table(recipe, "train"), recipe.get("penalty")
    named = [p.get("name") for p in penalties if isinstance(p, dict)] if isinstance(penalties, list) else []
    augment = recipe.get("augment")
    rows = {
        "State": run.get("state"),
        "Samples seen": None if seen is None else count_text(seen),
        "Time": None if seconds is None else f"{duration_text(seconds)} on {run.get('device')}",
        "Recipe": run.get("recipe"),
        "Loss": _table(recipe, "loss").get("name"),
        "Penalties": ", ".join(map(str, named)) or None,
        "Augmentation": augment.get("name") if isinstance(augment, dict) else None,
        "Batch": train.get("batch"),
        "Seed": train.get("seed"),
        "Versions": _table(run, "versions") or None,
    }
    paper = f"\n\nAfter {_safe(recipe['paper'])}." if recipe.get("paper") else ""
    return "## Training\n\n" + _rows(rows) + "\n\nEvery choice is in `recipe.toml`." + paper


def _scores(run: dict[str, Any]) -> str:
    scores = _table(run, "scores")
    values, protocol = _table(scores, "values"), _table(scores, "protocol")
    if not values:
        return "## Scores\n\nNot evaluated."
    order = [name for name in SCORES if name in values] + [name for name in values if name not in SCORES]
    lines = ["| score | value | meaning |", "|---|---|---|"]
    lines += [f"| {_safe(name)} | {_safe(plain(values[name]))} | {SCORES.get(name, '')} |" for name in order]
    return "## Scores\n\n" + "\n".join(lines) + "\n\nMeasured so:\n\n" + _rows(protocol)


def _alarms(told: list[Episode]) -> str:
    if not told:
        return "## Alarms\n\nNone was raised in training."
    lines = []
    for first, latest, closed in told:
        end = "open" if closed is None else f"over at {count_text(closed.samples_seen)}"
        kind = _safe(latest.kind.replace("_", " "))
        lines.append(f"- **{kind}** at {count_text(first.samples_seen)} samples seen, {end}. {_safe(latest.evidence)}")
    return "## Alarms\n\n" + "\n".join(lines)


def _limits(run: dict[str, Any], told: list[Episode]) -> str:
    """What follows from the numbers, and what no number tells."""
    scores = _table(run, "scores")
    values = {name: plain_json.number(value) for name, value in _table(scores, "values").items()}
    limits = []
    if run.get("state") != "finished":
        limits.append("Training was not complete when this was written.")
    coverage, close = values.get("coverage"), values.get("memorization/share_close")
    if coverage is not None:
        limits.append(f"Not everything in the data is made: {max(0.0, 1 - coverage):.0%} of it has no sample near it.")
    if close:
        limits.append(f"{close:.1%} of the samples lie suspiciously near a training sample: see `samples/nearest.png`.")
    still = sorted({_safe(e.latest.kind.replace("_", " ")) for e in told if e.closed is None})
    if still:
        limits.append(f"It ended with an open alarm: {', '.join(still)}.")
    judged = plain_json.number(_table(scores, "protocol").get("generated"))
    if judged is not None and judged < FEW:
        limits.append(f"Scores were measured on {count_text(judged)} samples: small differences mean nothing.")
    limits.append("It repeats what its data show, with their gaps and prejudices; nobody has looked for those here.")
    if not _table(run, "data").get("licence"):
        limits.append("The terms of the data are not known here. Ask whoever made them before you pass samples on.")
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits)


def _recipe(folder: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((folder / "recipe.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}


def _table(table: dict[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> str:
    number = plain_json.number(value)
    return "unknown" if number is None else f"{number:,.0f}"


def _rows(values: dict[str, Any]) -> str:
    known = {key: value for key, value in values.items() if value not in (None, [], {})}
    lines = [f"| {_safe(key.replace('_', ' '))} | {_safe(plain(value))} |" for key, value in known.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def _safe(value: object) -> str:
    """Text that cannot end a table's cell, a line, or become a tag, link or picture."""
    return re.sub(r"([\\`|<>\[\]!*_])", r"\\\1", " ".join(str(value).split()))
