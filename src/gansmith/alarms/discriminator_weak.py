"""The discriminator is too weak: a plain nearest neighbour tells samples from reals, and it does not.

The nearest neighbour is a two-sample test (Lopez-Paz & Oquab 2017, arXiv 1610.06545): what it can tell, a trained
network should. A discriminator at the loss of a coin gives no direction; one whose penalties are many times its loss
is pressed flat (gamma must fit the data: Huang et al. 2024, arXiv 2501.05441, appendix).
"""

from __future__ import annotations

from dataclasses import dataclass

from gansmith.alarms.watch import Alarm, Signs, Watch


@dataclass(frozen=True)
class DiscriminatorWeak(Watch):
    """Thresholds.

    Args:
        told_apart: accuracy of the nearest neighbour from which on samples are easy to tell.
        loss_share: of the loss of a discriminator that cannot tell.
        separation: of its scores, for losses without such a value.
        penalty_share: penalties / that loss; measured in healthy trainings: 0.05 to 4. They press it flat where its
            own loss is above `pressed` of it.
    """

    told_apart: float = 0.95
    loss_share: float = 0.95
    separation: float = 0.1
    penalty_share: float = 20.0
    pressed: float = 0.5

    def look(self, signs: Signs, ease: float = 1.0) -> Alarm | None:
        now = signs.now
        if now.told_apart is None or now.separation is None or now.told_apart < self.told_apart * ease:
            return None
        numbers = {"told_apart": now.told_apart, "separation": now.separation}
        easy = f"The nearest neighbour tells {now.told_apart:.0%} of samples and reals apart"
        share = {} if now.loss_share is None else {"loss_share": now.loss_share}
        pressed = now.loss_share is not None and now.loss_share > self.pressed * ease
        if pressed and now.penalty_share is not None and now.penalty_share > self.penalty_share * ease:
            return Alarm(
                "warn",
                {**numbers, **share, "penalty_share": now.penalty_share},
                f"{easy}, while the discriminator pays {now.penalty_share:.3g} times its loss in penalties, which "
                "press it flat.",
                "Start a new run with a tenth of the penalties' weight (--set penalty.r1.weight=0.1 "
                "--set penalty.r2.weight=0.1), again if need be.",
            )
        if now.loss_share is None:
            blind = now.separation * ease < self.separation
        else:
            blind = now.loss_share > self.loss_share * ease
        if not blind:
            return None
        return Alarm(
            "warn",
            {**numbers, **share},
            f"{easy}, but the discriminator does no better than a coin (separation of its scores "
            f"{now.separation:.2f} of 1).",
            "Start a new run in which it learns faster: a higher --set optimizer.discriminator.lr=1e-3, more steps "
            "(--set train.discriminator_steps=2), or a wider one.",
        )
