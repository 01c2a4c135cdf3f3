"""`stacked-mnist`: how many of 1,000 classes does it make, and how evenly?

Three digits as the channels of one picture (Metz et al. 2017, arXiv 1611.02163); which three a sample shows is read by
a classifier of mnist, channel by channel, on 26,000 samples (Lin et al. 2018, PacGAN, arXiv 1712.04086). So many draws
of 1,000 equal classes have a KL of .0237 +- .001 by chance alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from gansmith.bench._bench import Bar, Bench, Column, Data, Group

STACKED = Data("stacked-mnist", "stacked-mnist")


class StackedMNIST(Bench):
    """The recipe `auto`, without classes."""

    summary = "modes hit of 1,000, and the KL of their frequencies, at 26,000 samples"
    notes = ("a perfect generator's KL is .0237 +- .001 at 26,000 samples",)
    minutes = 15
    samples = 26_000
    columns = (
        Column("stacked/modes", "modes"),
        Column("stacked/kl", "KL"),
        Column("stacked/kl_real", "KL of reals"),
        Column("frechet", "Frechet"),
        Column("coverage", "coverage"),
    )
    bars = (
        Bar("auto", "stacked/modes", 1000, "at least", title="modes"),
        Bar("auto", "stacked/kl", 0.06, "at most", title="KL"),
    )

    def groups(self) -> Sequence[Group]:
        return [Group("auto", STACKED, classes=False)]
