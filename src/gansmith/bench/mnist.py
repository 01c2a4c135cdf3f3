"""`mnist`: five minutes of unconditional digits, beside five minutes of a tutorial's DCGAN in the same call.

The Frechet distance of samples to training digits is a ratio to that of test digits to training digits, with 10,000 on
each side, in the features of a classifier. `share` is our ratio over the tutorial's, seed by seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from PIL import Image

from gansmith.bench._bench import FIRST, Bar, Bench, Column, Data, Group, Outcome, Series, by_seed, shares
from gansmith.bench._curves import frechet_curves

MNIST = Data("mnist", "mnist")
ARTICLE = "article-dcgan-mnist"
SHARE = "auto / article"


class MNISTBench(Bench):
    """`auto` and `article-dcgan-mnist`, both for the same time."""

    summary = "unconditional digits: Frechet ratio, coverage and class KL, beside a tutorial's DCGAN"
    minutes = 5
    samples = 10_000
    columns: ClassVar[tuple[Column, ...]] = (
        Column("frechet_ratio", "Frechet ratio"),
        Column("coverage", "coverage"),
        Column("class_kl", "class KL"),
        Column("precision", "precision"),
        Column("recall", "recall"),
    )
    bars: ClassVar[tuple[Bar, ...]] = (
        Bar("auto", "frechet_ratio", 5, "at most", title="Frechet ratio"),
        Bar("auto", "coverage", 0.87, "at least", title="coverage"),
        Bar("auto", "class_kl", 0.005, "at most", title="class KL"),
        Bar(SHARE, "share", 1 / 30, "at most", title="share of the article's Frechet ratio"),
    )

    def groups(self) -> Sequence[Group]:
        return [Group("auto", MNIST, classes=False), Group(ARTICLE, MNIST, ARTICLE, classes=False)]

    def derived(self, outcomes: Sequence[Outcome]) -> list[Series]:
        ours, theirs = (by_seed(outcomes, group, "frechet_ratio").values for group in ("auto", ARTICLE))
        return [Series(SHARE, "share", FIRST, shares(ours, theirs))]

    def panels(self, outcomes: Sequence[Outcome]) -> list[Image.Image]:
        return [frechet_curves(outcomes)]
