"""What alarms look at and what they say. Imports nothing, so that an alarm can be read and tested alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

Severity = Literal["warn", "alarm"]


@dataclass(frozen=True)
class Vitals:
    """The numbers of one look at a run; None is not measured (yet, or not with this loss or data).

    Means over the samples since the last look:

    Args:
        gap: D(real) - D(fake).
        gradient: norm of the generator's gradient.
        penalty_share: the discriminator's weighted penalties / its loss when it cannot tell.

    Measured on a few hundred samples, reals and held-out reals:

    Args:
        separation: P(D(real) > D(fake)) - P(D(real) < D(fake)), in [-1, 1]; 1: the scores do not overlap.
        loss_share: the discriminator's loss / that when it cannot tell; None where the loss knows no such value.
        push: sum of |d loss_G / d D(fake)|; 1: nothing is lost to saturation.
        held_out_gap: (D(train) - D(held out)) / (D(train) - D(fake)); 1: held-out reals look like fakes to it.
        diversity: mean pairwise distance of samples / that of reals.
        diversity_within: the least diversity within a class or cluster, of the most frequent ones.
        duplicates: share of samples nearer to another one than all but 1 % of reals are.
        coverage: share of reals with a sample among their 5 nearest reals.
        told_apart: accuracy in [0, 1] of the nearest neighbour at telling samples from reals; 0.5: it cannot.
        copies: share of samples nearer to a training sample than 99 % of those are to each other.
        nearest_ratio: median distance of samples to the nearest training sample / that between training samples.

    From the newest evaluation, in its extractor's features:

    Args:
        scored_coverage, scored_recall, scored_copies: as above, and improved recall.
        frechet_rise: Frechet distance / its lowest of this run.
    """

    gap: float | None = None
    gradient: float | None = None
    penalty_share: float | None = None
    separation: float | None = None
    loss_share: float | None = None
    push: float | None = None
    held_out_gap: float | None = None
    diversity: float | None = None
    diversity_within: float | None = None
    duplicates: float | None = None
    coverage: float | None = None
    told_apart: float | None = None
    copies: float | None = None
    nearest_ratio: float | None = None
    scored_coverage: float | None = None
    scored_recall: float | None = None
    scored_copies: float | None = None
    frechet_rise: float | None = None


@dataclass(frozen=True)
class Signs:
    """All that an alarm may know.

    Args:
        now: this look; `earlier`: two looks before it (empty then); `best`: the largest so far of every number.
        samples_seen: real samples shown so far.
        epochs: how often each training sample was shown so far.
        augmented: the discriminator sees augmented samples.
        wasserstein: the loss is a distance, so that scores have no scale of their own.
        farthest: the largest distance that two samples can have (pictures in [-1, 1]: 2 sqrt(C H W)).
    """

    now: Vitals
    earlier: Vitals = Vitals()
    best: Vitals = Vitals()
    samples_seen: int = 0
    epochs: float = 0.0
    augmented: bool = False
    wasserstein: bool = False
    farthest: float = 1.0


@dataclass(frozen=True)
class Alarm:
    """What was found: `numbers` are the evidence, `seen` says it in a sentence, `remedy` what to do."""

    severity: Severity
    numbers: dict[str, float]
    seen: str
    remedy: str


class Watch(ABC):
    """One kind of failure. Implementations are frozen dataclasses whose fields are the thresholds."""

    patience: ClassVar[int] = 2  # looks in a row before it is said: one may be chance

    @abstractmethod
    def look(self, signs: Signs, ease: float = 1.0) -> Alarm | None:
        """What is wrong, or None. `ease` below 1: how far on the good side an alarm must be to count as answered."""


def augmentation(signs: Signs) -> str:
    """The beginning of a remedy's list: what helps where data are few, unless the run has it."""
    return "" if signs.augmented else "augmentation (--set augment.name=ada), "
