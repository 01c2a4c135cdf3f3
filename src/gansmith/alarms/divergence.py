"""Divergence: the discriminator's scores run away, and soon every number is infinite.

With a loss of log-odds (or of margins near 1) a mean gap of 100 between reals and fakes claims a certainty of e^100;
healthy trainings on digits, mnist, photographs and emoji stay below 4, and rates that are 1,000 times too large reach
500 to 1e6 (docs/health.md). A Wasserstein critic with slopes of 1 cannot have a gap larger than the distance between
two samples (Gulrajani et al. 2017, arXiv 1704.00028, proposition 1); ten times that is a critic without bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gansmith.alarms.watch import Alarm, Signs, Watch


@dataclass(frozen=True)
class Divergence(Watch):
    """`gap`: of scores, for losses that have a scale; `slope`: of a Wasserstein critic."""

    patience: ClassVar[int] = 1  # hundreds of times beyond the usual is no chance

    gap: float = 100.0
    slope: float = 10.0

    def look(self, signs: Signs, ease: float = 1.0) -> Alarm | None:
        gap = signs.now.gap
        limit = ease * (self.slope * signs.farthest if signs.wasserstein else self.gap)
        if gap is None or abs(gap) <= limit:
            return None
        return Alarm(
            "alarm",
            {"gap": gap, "limit": limit},
            f"The discriminator's mean scores of real and generated samples are {abs(gap):.3g} apart, and more than "
            f"{limit:.3g} means that they run away.",
            "Start a new run with a tenth of the learning rate (--set optimizer.lr=2e-4 is usual) and with gradient "
            "penalties (--set penalty.r1.weight=1 --set penalty.r2.weight=1), or take --recipe auto, which has both.",
        )
