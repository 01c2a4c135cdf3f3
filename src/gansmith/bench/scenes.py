"""`scenes`: do pictures of several objects keep their composition: how many there are, and which go together?

A small recogniser reads the objects back from the samples; `composition/*` are its scores. Held-out scenes judged the
same way are the floor: what a perfect generator would get, with the recogniser's own mistakes.
"""

from __future__ import annotations

from collections.abc import Sequence

from gansmith.bench._bench import FIRST, Bench, Column, Data, Group, Outcome

SCENES = Data("scenes", "scenes", "gansmith.data.scenes")
COMPOSITION = "composition/"


class Scenes(Bench):
    """The recipe `auto`, without classes."""

    summary = "composition of drawn scenes, read back by a recogniser, beside that of held-out scenes"
    notes = ("held-out reals are the floor: drawn scenes judged as though they were samples",)
    minutes = 15
    columns = (Column("frechet_ratio", "Frechet ratio"), Column("coverage", "coverage"), Column("recall", "recall"))
    judges_reals = True

    def groups(self) -> Sequence[Group]:
        return [Group("auto", SCENES, classes=False)]

    def columns_of(self, outcomes: Sequence[Outcome]) -> Sequence[Column]:
        found = {score for o in outcomes for score in o.scores.get(FIRST, {}) if score.startswith(COMPOSITION)}
        return [*(Column(score, score.removeprefix(COMPOSITION)) for score in sorted(found)), *self.columns]
