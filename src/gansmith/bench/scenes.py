"""`scenes`: do pictures of several objects keep their composition: how many there are, and which go together?

A small recogniser reads the objects back from the samples; `composition/*` are its scores. `..._real` are those of
held-out scenes, read by the same recogniser: the floor, what a perfect generator would get.
"""

from __future__ import annotations

from collections.abc import Sequence

from gansmith.bench._bench import Bench, Column, Data, Group

SCENES = Data("scenes", "scenes")
FOUND = ("counts", "couples", "companions", "forbidden")


class Scenes(Bench):
    """The recipe `auto`, without classes."""

    summary = "composition of drawn scenes, read back by a recogniser, beside that of held-out scenes"
    notes = ("counts and couples: distances, 0 at best; companions and forbidden: shares, best as held-out",)
    minutes = 15
    columns = (
        *(
            Column(f"composition/{name}{real}", name if not real else "(held-out)")
            for name in FOUND
            for real in ("", "_real")
        ),
        Column("frechet_ratio", "Frechet ratio"),
        Column("coverage", "coverage"),
        Column("recall", "recall"),
    )

    def groups(self) -> Sequence[Group]:
        return [Group("auto", SCENES, classes=False)]
