"""The discriminator overfits: it knows the training samples by heart, and samples get worse again.

With a held-out split: r_v = (E D(train) - E D(held out)) / (E D(train) - E D(fake)), 1 where held-out reals look like
fakes to it (Karras et al. 2020, ADA, arXiv 2006.06676, equation 1), alarming above 0.5. Without one there is only
r_t = E sign D(train), here against the fakes, which a good discriminator drives to 1 as well (class-conditional mnist:
0.99 in its first epoch). So it counts only after many epochs and where scores or coverage have become worse.
"""

from __future__ import annotations

from dataclasses import dataclass

from gansmith.alarms.watch import Alarm, Signs, Vitals, Watch, augmentation


@dataclass(frozen=True)
class Overfitting(Watch):
    """Thresholds.

    Args:
        held_out_gap: r_v.
        separation, epochs: without a held-out split.
        rise: of the Frechet distance over its lowest, and `fall` of coverage below its best: samples get worse.
    """

    held_out_gap: float = 0.5
    separation: float = 0.98
    epochs: float = 20.0
    rise: float = 1.3
    fall: float = 0.75

    def look(self, signs: Signs, ease: float = 1.0) -> Alarm | None:
        now, worse = signs.now, self._worse(signs.now, signs.best, ease)
        if now.held_out_gap is not None:
            if now.held_out_gap <= self.held_out_gap * ease:
                return None
            numbers = {"held_out_gap": now.held_out_gap, "epochs": signs.epochs}
            seen = (
                f"To the discriminator, held-out samples are {now.held_out_gap:.0%} of the way from training samples "
                "to generated ones: it knows the training samples by heart"
            )
        else:
            by_heart = now.separation is not None and now.separation > self.separation * ease
            if not by_heart or not worse or signs.epochs < self.epochs:
                return None
            numbers = {"separation": now.separation or 0.0, "epochs": signs.epochs}
            seen = (
                f"After {signs.epochs:.0f} passes over the data the discriminator scores nearly every training sample "
                "above every generated one"
            )
        return Alarm(
            "alarm" if worse else "warn",
            {**numbers, **worse},
            f"{seen}, and samples have become worse." if worse else f"{seen}.",
            f"Start a new run with {augmentation(signs)}more data, mirrored "
            "(--set data.mirror=true) where left and right do not matter, or with stronger penalties "
            "(--set penalty.r1.weight=10). The generator of the best evaluation is handed on.",
        )

    def _worse(self, now: Vitals, best: Vitals, ease: float) -> dict[str, float]:
        """The numbers that say that samples have become worse."""
        found = {}
        if now.frechet_rise is not None and now.frechet_rise > self.rise * ease:
            found["frechet_rise"] = now.frechet_rise
        if now.coverage is not None and best.coverage and now.coverage * ease < self.fall * best.coverage:
            found["coverage"] = now.coverage
        return found
