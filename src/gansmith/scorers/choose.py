"""Which scorers fit a data set. A new one: a file with one `Scorer`, and one line here."""

from __future__ import annotations

from collections.abc import Callable

from gansmith.contracts import Dataset, Scorer
from gansmith.features.stored import FIRST, SECOND
from gansmith.scorers.composition import CompositionScorer
from gansmith.scorers.modes import ModesScorer
from gansmith.scorers.stacked import StackedScorer


def find(
    features: str, dataset: Dataset, test: Dataset | None = None, say: Callable[[str], None] = lambda _: None
) -> tuple[Scorer, ...]:
    """Those that fit `dataset`; with the features "second", by networks of the second architecture and seed.

    `say` hears what takes long.
    """
    made = SECOND if features == "second" else FIRST
    found: list[Scorer] = []
    if dataset.mixture is not None:
        found.append(ModesScorer(dataset.mixture))
    if dataset.channels() is not None:
        found.append(StackedScorer(dataset, test, say, made))
    if dataset.composition is not None:
        found.append(CompositionScorer(dataset, test, say, made))
    return tuple(found)
