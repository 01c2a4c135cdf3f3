"""The zoo for people: a table for the terminal, one GAN in detail, and a page of all (docs/zoo.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gansmith.config import part_names
from gansmith.config.parts import PACKAGES
from gansmith.contracts import Architecture, Augmentation, Loss, Penalty
from gansmith.errors import RecipeError, nearest
from gansmith.recipe import load_recipe, recipe_text
from gansmith.recipe import names as recipe_names
from gansmith.zoo import Entry, entries

KINDS: dict[str, type] = {"architecture": Architecture, "loss": Loss, "penalty": Penalty, "augment": Augmentation}
COMMAND = "gansmith train DATA --recipe {name} --run runs/{name}"


def parts_of(entry: Entry) -> dict[str, list[str]]:
    """Kind of part -> the names of those that make it, as the recipe has them; a discriminator's additions too."""
    if entry.recipe not in recipe_names():
        return {}
    table = load_recipe(entry.name)
    tables = [("architecture", table["architecture"]), ("loss", table["loss"]), ("augment", table.get("augment", {}))]
    found = {kind: [str(own["name"])] for kind, own in tables if own}
    found["penalty"] = [str(own["name"]) for own in table.get("penalty", [])]
    critic: dict[str, Any] = table["architecture"].get("critic", {})
    found["critic"] = [f"{k}={v}" if type(v) is int else k for k, v in critic.items() if v]
    return {kind: names for kind, names in found.items() if names}


def missing(entry: Entry) -> list[str]:
    """What it needs and this version has not: recipes, parts."""
    if entry.recipe is not None and entry.recipe not in recipe_names():
        return [f"recipe {entry.recipe}"]
    wanted = [(kind, name) for kind, names in parts_of(entry).items() if kind in KINDS for name in names]
    return [f"{kind} {name}" for kind, name in wanted if name not in part_names(KINDS[kind], PACKAGES[KINDS[kind]])]


def table() -> str:
    """One line a GAN."""
    rows = [[e.name, str(e.year), _state(e)] for e in entries().values()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    here = sum(e.recipe is not None for e in entries().values())
    return "\n".join(
        [*lines, "", f"{len(lines)} GANs, {here} of them made of parts. One in detail: gansmith zoo lsgan"]
    )


def details(name: str) -> str:
    """One GAN: its paper, its parts, where they are not the paper's, the command. Raises RecipeError."""
    entry = entries().get(name)
    if entry is None:
        raise RecipeError(f"There is no GAN '{name}' in the zoo.{nearest(name, entries())}")
    lines = [f"{entry.called} ({entry.year})", entry.title, entry.authors, *_links(entry), ""]
    if entry.absent:
        return "\n".join([*lines, f"Not here, because {entry.absent}."])
    if lacking := missing(entry):
        return "\n".join([*lines, f"Its parts are not all in this version: {', '.join(lacking)}."])
    lines += [f"{kind:<13} {', '.join(names)}" for kind, names in parts_of(entry).items()]
    own = f"{entry.recipe}{' with ' + ' '.join(entry.settings) if entry.settings else ''}"
    lines += ["", f"recipe        {own}"]
    lines += [f"not the paper {entry.departs}"] if entry.departs else []
    lines += [f"train         {COMMAND.format(name=entry.name)}", "", "Every setting:", "", recipe_text(entry.name)]
    return "\n".join(lines).rstrip()


def page() -> str:
    """docs/zoo.md."""
    everything = entries().values()
    here, gone = ([e for e in everything if (e.recipe is None) == absent] for absent in (False, True))
    lines = [
        "# The zoo",
        "",
        f"{len(entries())} GANs of the literature: {len(here)} that our parts make, and why the others are not here. "
        "Train one with `gansmith train DATA --recipe NAME --run DIR`; `gansmith zoo NAME` shows every setting. Each "
        "in the first table is built and takes a step in `tests/test_zoo.py`. How well they do is another question: "
        "`gansmith bench losses`, [results.md](results.md).",
        "",
        "This page is written by `gansmith zoo --markdown docs/zoo.md` from `src/gansmith/zoo.toml`; do not edit it.",
        "",
        "## Made of parts",
        "",
        "The last column is what is changed in the recipe, and where the result is not the paper, besides what the "
        "recipe says of itself ([recipes.md](recipes.md)).",
        "",
        *_rows(["name", "GAN", "paper", "recipe", "changes; departures"], [_here(e) for e in here]),
        "",
        "## Not here",
        "",
        *_rows(["GAN", "paper", "not here, because"], [[e.called, _paper(e), f"{e.absent}"] for e in gone]),
    ]
    return "\n".join(lines) + "\n"


def _state(entry: Entry) -> str:
    if entry.absent:
        return f"not here, because {entry.absent}"
    if lacking := missing(entry):
        return f"not in this version: {', '.join(lacking)}"
    parts = parts_of(entry)
    own = [f"critic.{name}" for name in parts.pop("critic", [])]
    return " + ".join([*(name for names in parts.values() for name in names), *own])


def _links(entry: Entry) -> list[str]:
    return [f"https://arxiv.org/abs/{entry.arxiv}"] if entry.arxiv else [entry.venue] if entry.venue else []


def _paper(entry: Entry) -> str:
    text = f"{entry.authors} {entry.year}, {entry.title}"
    if entry.arxiv:
        return f"{text}, [{entry.arxiv}](https://arxiv.org/abs/{entry.arxiv})"
    return f"{text}, {entry.venue}" if entry.venue else text


def _here(entry: Entry) -> list[str]:
    changes = ", ".join(f"`{setting}`" for setting in entry.settings)
    return [
        f"`{entry.name}`",
        entry.called,
        _paper(entry),
        f"`{entry.recipe}`",
        "; ".join(filter(None, (changes, entry.departs))),
    ]


def _rows(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (heading, ["---"] * len(heading), *rows)]
