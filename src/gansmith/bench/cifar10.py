"""`cifar10`: fifteen minutes of `auto`, beside fifteen minutes of the recipe `dcgan` in the same call.

Frechet distances in the features of a classifier of these pictures, 10,000 samples against 10,000 training
pictures. They are no FIDs, and this copy of the data may be compressed: compare our rows with each other alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from gansmith.bench._bench import FIRST, Bar, Bench, Column, Data, Group, Outcome, Series, by_seed, shares
from gansmith.bench._curves import frechet_curves

CIFAR10 = Data("cifar10", "cifar10")
SHARE = "auto / dcgan"


class CIFAR10Bench(Bench):
    """`auto` and `dcgan`, both for the same time; both are told the classes, or not, as they choose."""

    summary = "classifier-feature Frechet distance, beside the recipe dcgan at equal time"
    notes = ("published numbers are FIDs (Inception features, other pictures): another scale than ours",)
    minutes = 15
    samples = 10_000
    columns = (
        Column("frechet", "Frechet"),
        Column("frechet_ratio", "ratio"),
        Column("precision", "precision"),
        Column("recall", "recall"),
        Column("coverage", "coverage"),
    )
    bars = (Bar(SHARE, "share", 0.5, "at most", title="share of dcgan's Frechet distance"),)

    def groups(self) -> Sequence[Group]:
        return [Group("auto", CIFAR10), Group("dcgan", CIFAR10, "dcgan")]

    def derived(self, outcomes: Sequence[Outcome]) -> list[Series]:
        ours, theirs = (by_seed(outcomes, group, "frechet").values for group in ("auto", "dcgan"))
        return [Series(SHARE, "share", FIRST, shares(ours, theirs))]

    def panels(self, outcomes: Sequence[Outcome]) -> list[Image.Image]:
        return [frechet_curves(outcomes)]
