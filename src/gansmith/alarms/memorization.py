"""Memorisation: samples are copies of training samples.

Samples closer to a training sample than all but 1 % of training samples are to each other should be about 1 %. No known
number finds copying reliably (Carlini et al. 2023, arXiv 2301.13188; Meehan et al. 2020, arXiv 2004.05675, on what such
tests miss): copies that are shifted, mirrored or recoloured go unseen, and so do those of samples beyond the thousand
that are compared. So the pictures are shown, and the alarm asks to look at them.
"""

from __future__ import annotations

from dataclasses import dataclass

from gansmith.alarms.watch import Alarm, Signs, Watch, augmentation


@dataclass(frozen=True)
class Memorization(Watch):
    """`copies`: share of samples, against 1 % for fresh ones; `many`: from which on it is an alarm, not a warning."""

    copies: float = 0.1
    many: float = 0.5

    def look(self, signs: Signs, ease: float = 1.0) -> Alarm | None:
        found = {"copies": signs.now.copies, "scored_copies": signs.now.scored_copies}
        numbers = {name: share for name, share in found.items() if share is not None}
        share = max(numbers.values(), default=0.0)
        if share <= self.copies * ease:
            return None
        if signs.now.nearest_ratio is not None:
            numbers["nearest_ratio"] = signs.now.nearest_ratio
        return Alarm(
            "alarm" if share > self.many else "warn",
            numbers,
            f"{share:.0%} of samples are closer to a training sample than 99 % of training samples are to each other.",
            "No number finds copying reliably: look at the pairs in samples/copies.png (each sample, then the training "
            "sample nearest to it). Where they are copies, do not publish samples; start a new run with "
            f"{augmentation(signs)}more data, or a smaller generator.",
        )
