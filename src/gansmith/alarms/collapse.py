"""Collapse: the generator makes few different samples, or forgets kinds of samples that it could make.

Signs: mean pairwise distance against the reals' (as in Zhang et al. 2018, StackGAN++, arXiv 1710.10916, section 4.2,
for features instead of MS-SSIM), near-duplicates among the samples (the birthday test, Arora & Zhang 2017,
arXiv 1706.08224), and coverage (Naeem et al. 2020, arXiv 2002.09797) or recall at less than half its best. Early
samples are alike in healthy trainings too, so what was never better is a collapse only where it stopped improving.
"""

from __future__ import annotations

from dataclasses import dataclass

from gansmith.alarms.watch import Alarm, Severity, Signs, Watch


@dataclass(frozen=True)
class Collapse(Watch):
    """Thresholds.

    Args:
        fall: of the best so far: less of diversity, coverage or recall is a collapse.
        known: coverage or recall that must have been reached for its fall to mean anything.
        none: diversity that no working generator has at two looks in a row (measured: 0.04 at the first look at a
            dcgan with batch normalisation, 0.17 at the second; 0.25 and more elsewhere).
        within: diversity within a class or cluster, where it does not improve any more (measured: 0.5 and more in
            healthy trainings, 0.3 where clusters shrank to a picture each).
        narrow: diversity, and `alike` the share of duplicates, that is a collapse where neither improves any more.
        improving: growth over two looks that counts as improving.
    """

    fall: float = 0.5
    known: float = 0.2
    none: float = 0.05
    within: float = 0.35
    narrow: float = 0.5
    alike: float = 0.9
    improving: float = 1.1

    def look(self, signs: Signs, ease: float = 1.0) -> Alarm | None:
        found = self._fallen(signs, ease) or self._never_rose(signs, ease) or self._within(signs, ease)
        if found is None:
            return None
        severity, numbers, seen = found
        return Alarm(
            severity,
            numbers,
            seen,
            "Look at the newest grid. Start a new run with --recipe auto (relativistic loss with R1 and R2, which "
            "keeps the modes), or with --set loss.name=relativistic --set penalty.r1.weight=1 "
            "--set penalty.r2.weight=1. The generator of this run's best evaluation is handed on.",
        )

    def _fallen(self, signs: Signs, ease: float) -> tuple[Severity, dict[str, float], str] | None:
        """The worst fall from the best so far."""
        falls = []
        for name in ("scored_coverage", "scored_recall", "coverage", "diversity"):
            now, best = getattr(signs.now, name), getattr(signs.best, name)
            if now is not None and best is not None and best >= self.known:
                best = min(best, 1.0)  # samples can scatter more than reals only where they are bad
                falls.append((now / best, name, now, best))
        share, name, now, best = min(falls, default=(1.0, "", 0.0, 0.0))
        if share * ease >= self.fall:
            return None
        word = name.replace("scored_", "") + (" of the evaluation" if name.startswith("scored") else "")
        return (
            "alarm" if share < self.fall / 2 else "warn",
            {name: now, f"best_{name}": best},
            f"The samples' {word} was {best:.2f} and has fallen to {now:.2f}.",
        )

    def _never_rose(self, signs: Signs, ease: float) -> tuple[Severity, dict[str, float], str] | None:
        now, earlier = signs.now, signs.earlier
        if now.diversity is None or now.duplicates is None:
            return None
        numbers = {"diversity": now.diversity, "duplicates": now.duplicates}
        seen = (
            f"Samples differ {now.diversity:.0%} as much as real ones do, and {now.duplicates:.0%} of them are almost "
            "equal to another one"
        )
        if now.diversity * ease < self.none:
            return "alarm", numbers, seen + "."
        if earlier.diversity is None or earlier.duplicates is None:
            return None
        few = now.diversity * ease < self.narrow or now.duplicates > self.alike * ease
        wider = now.diversity >= self.improving * earlier.diversity
        if not few or wider or now.duplicates * self.improving <= earlier.duplicates:
            return None
        return "warn", numbers, seen + ", and that does not improve."

    def _within(self, signs: Signs, ease: float) -> tuple[Severity, dict[str, float], str] | None:
        """One class or cluster that shrank, which all samples together do not show."""
        now, earlier = signs.now.diversity_within, signs.earlier.diversity_within
        if now is None or earlier is None or now * ease >= self.within or now > self.improving * earlier:
            return None
        seen = f"Samples of one class or cluster differ only {now:.0%} as much as real ones of it do"
        return "warn", {"diversity_within": now}, seen + ", and that does not improve."
