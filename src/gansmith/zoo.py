"""The zoo: GANs of the literature as data (`zoo.toml`), what makes each of our parts or why it is not here."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Entry:
    """One GAN. Either `recipe` says what it starts from, or `absent` why it is not here."""

    name: str  # what --recipe is told
    called: str  # in the literature
    title: str  # of the paper
    authors: str
    year: int
    arxiv: str | None = None
    venue: str | None = None
    recipe: str | None = None  # a built-in recipe
    settings: tuple[str, ...] = ()  # changes of it, as in --set
    departs: str | None = None  # where that is not the paper
    absent: str | None = None

    @property
    def paper(self) -> str:
        """As recipes name papers."""
        where = "" if self.arxiv is None else f", arXiv {self.arxiv}"
        return f"{self.authors} {self.year}, {self.title}{where}{f', {self.venue}' if self.venue else ''}"


@cache
def entries() -> dict[str, Entry]:
    """All by name, in the order of their papers."""
    text = (resources.files("gansmith") / "zoo.toml").read_text(encoding="utf-8")
    read = [Entry(**{**table, "settings": tuple(table.get("settings", ()))}) for table in tomllib.loads(text)["gan"]]
    return {entry.name: entry for entry in read}
