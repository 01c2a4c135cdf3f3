"""The discriminator is too strong: it separates every real from every fake and has nothing left to learn.

A discriminator that is perfect on disjoint supports gives the generator no direction (Arjovsky & Bottou 2017,
arXiv 1701.04862, theorem 2.1 and 2.4), unless its slopes are bounded. That scores do not overlap is not enough: with
R1 and R2 this is usual in healthy trainings, at losses of 0.1 of the undecided one and above (0.03 at a first look; a
dcgan without penalties 0.04). At 0.01 scores are some 9 apart. Wasserstein critics are meant to be trained to their
optimum and are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from gansmith.alarms.watch import Alarm, Signs, Watch


@dataclass(frozen=True)
class DiscriminatorStrong(Watch):
    """`separation` of scores, with a loss of at most `loss_share` of what a discriminator pays that cannot tell."""

    separation: float = 0.99
    loss_share: float = 0.01

    def look(self, signs: Signs, ease: float = 1.0) -> Alarm | None:
        share, separation = signs.now.loss_share, signs.now.separation
        if share is None or separation is None:
            return None
        if share * ease > self.loss_share or separation < self.separation * ease:
            return None
        return Alarm(
            "warn",
            {"loss_share": share, "separation": separation},
            "The discriminator scores every real sample above every generated one, and its loss is "
            f"{share:.1%} of what it would pay if it could not tell: it has nothing left to learn.",
            "Start a new run with a gradient penalty (--set penalty.r1.weight=1, or 10 times as much as now), or with "
            "a lower rate for it alone: --set optimizer.discriminator.lr=1e-4.",
        )
