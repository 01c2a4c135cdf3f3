"""`points`: does it find every mode of 8 Gaussians on a ring and of 25 on a grid, and nothing between them?

The mixtures and the counting are those of Lin et al. 2018 (PacGAN, arXiv 1712.04086, section 4.1): a sample is of high
quality within three standard deviations of a mode; a mode is hit where a high-quality sample is nearest to it; KL is
that of the high-quality samples' modes to equal shares. How many samples were counted
stands in the result (`modes.generated`). A perfect generator is of high quality in 98.9 % of its samples, not in all.
"""

from __future__ import annotations

from collections.abc import Sequence

from gansmith.bench._bench import FIRST, Bar, Bench, Column, Data, Group

MODES = {"ring": 8, "grid": 25}


class Points(Bench):
    """The recipe `auto` on both mixtures."""

    summary = "modes hit, high-quality samples and KL on the ring and the grid of Gaussians"
    notes = ("counted as in PacGAN, arXiv 1712.04086; a perfect generator has 98.9 % high-quality samples",)
    seeds = 10
    minutes = 2
    samples = 2_500
    judges = (FIRST,)
    columns = (
        Column("modes/hit", "modes"),
        Column("modes/high_quality", "high quality"),
        Column("modes/kl", "KL"),
    )
    bars = tuple(
        bar
        for name, count in MODES.items()
        for bar in (
            Bar(name, "modes/hit", count, "at least", "every seed", "modes"),
            Bar(name, "modes/high_quality", 0.95, "at least", "every seed", "high quality"),
            Bar(name, "modes/kl", 0.03, "at most", "every seed", "KL"),
        )
    )
    pictured = 2_500

    def groups(self) -> Sequence[Group]:
        return [Group(name, Data(name, name)) for name in MODES]
