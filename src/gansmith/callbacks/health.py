"""Looks at a run now and then, and raises an alarm where it goes wrong: alerts.jsonl, the terminal, the report.

Time is samples seen: first after FIRST, then every STEP, ever more rarely later (every fifth of the samples so far), so
that looking costs 1 or 2 % of the time. Between looks the steps' numbers are only added up, without a word to the
device. An alarm is said once, again only where it became worse, and "cleared" when its signs are well again.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gansmith.alarms.watch import Alarm, Signs, Vitals, Watch
from gansmith.callbacks.averages import Averages
from gansmith.callbacks.base import Callback
from gansmith.callbacks.checkup import Checkup, undecided_loss, verdicts
from gansmith.callbacks.evaluate import Evaluate
from gansmith.callbacks.log import Log
from gansmith.callbacks.preview import save_picture
from gansmith.config.parts import parts
from gansmith.contracts import Report
from gansmith.folder import verdicts as verdicts_file
from gansmith.folder.alerts import Alert, append, read, summary
from gansmith.folder.run_json import update_run

if TYPE_CHECKING:
    from gansmith.run import Run

FIRST, STEP = 2_000, 5_000  # samples
EASE = 0.8  # an open alarm is cleared only this far on the good side of its thresholds
COVERED = 0.2  # coverage from which on recall means something: far and scattered samples "recall" everything
PICTURES = "copies.png"  # samples beside their nearest training samples


class Health(Callback):
    """Before `Checkpoint` in a run's list, so that a checkpoint holds what was seen up to it."""

    def __init__(self, log: Log, evaluate: Evaluate) -> None:
        self.log, self.evaluate = log, evaluate
        self._watches = {name: watch() for name, watch in parts(Watch, "gansmith.alarms").items()}  # type: ignore[type-abstract]
        self._checkup: Checkup | None = None
        self._averages = Averages()
        self._seen, self._due = 0, FIRST  # samples seen at the last look, and at the next
        self._last: list[dict[str, float | None]] = []  # the last two looks
        self._best: dict[str, float] = {}
        self._in_row: dict[str, int] = {}  # looks in a row at which an alarm had reason
        self._open: dict[str, dict[str, Any]] = {}  # alarm -> {"severity": str, "numbers": names of its evidence}

    def state_dict(self) -> dict[str, Any]:
        return {
            "averages": self._averages.state_dict(),
            "looks": {"seen": self._seen, "due": self._due, "last": self._last, "best": self._best},
            "alarms": {"in_row": self._in_row, "open": self._open},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._averages.load_state_dict(state["averages"])
        looks, alarms = state["looks"], state["alarms"]
        self._seen, self._due = int(looks["seen"]), int(looks["due"])
        self._last, self._best = list(looks["last"]), dict(looks["best"])
        self._in_row, self._open = dict(alarms["in_row"]), dict(alarms["open"])

    def start(self, run: Run) -> None:
        self._summarise(run)

    def after_step(self, run: Run, report: Report) -> None:
        self._averages.add(report.values)
        if run.clock.samples_seen >= self._due:
            self._look(run)

    def finish(self, run: Run) -> None:
        if run.clock.samples_seen - self._seen >= FIRST:
            self._look(run)

    def _look(self, run: Run) -> None:
        seen = run.clock.samples_seen
        vitals = self._measure(run)
        for name, value in asdict(vitals).items():
            if value is not None:
                self._best[name] = max(value, self._best.get(name, value))
        signs = Signs(
            now=vitals,
            earlier=Vitals(**self._last[0]) if len(self._last) == 2 else Vitals(),
            best=Vitals(**self._best),
            samples_seen=seen,
            epochs=seen / len(run.dataset),
            augmented=run.recipe.augment is not None,
            wasserstein=undecided_loss(run.recipe.loss) is None,
            farthest=2 * math.sqrt(math.prod(run.spec.shape)),
        )
        for name, watch in self._watches.items():
            self._consider(run, name, watch, signs)
        self._last = [*self._last[-1:], asdict(vitals)]
        self._seen, self._due = seen, seen + max(STEP, seen // 5)

    def _measure(self, run: Run) -> Vitals:
        """This look's numbers; those that are not finite are left out, as not measured."""
        means = self._averages.take()
        values = {"gradient": means.get("gradient/generator", math.nan)}
        values["gap"] = means.get("verdict/real", math.nan) - means.get("verdict/fake", math.nan)
        undecided = undecided_loss(run.recipe.loss)
        paid = [
            means.get(f"penalty/{type(p).__module__.rpartition('.')[2]}", math.nan) * p.weight(run.progress())
            for p in run.recipe.penalty
            if p.player == "discriminator"
        ]
        if undecided is not None and paid:
            values["penalty_share"] = sum(paid) / undecided
        if self._checkup is None:
            with run.watch.stopped():
                self._checkup = Checkup(run)
        scores = self._checkup.scores(run)
        kinds = {"real": scores.real, "fake": scores.fake}
        if scores.held_out is not None:
            kinds["held_out"] = scores.held_out
        verdicts_file.append(run.folder, run.clock.samples_seen, kinds)
        looked = self._checkup.samples(run) | verdicts(scores, run.recipe.loss)
        self.log.row(run, {f"health/{name}": value for name, value in looked.items()})
        values |= looked | self._scores()
        return Vitals(**{name: value for name, value in values.items() if math.isfinite(value)})

    def _scores(self) -> dict[str, float]:
        newest, best = self.evaluate.newest, self.evaluate.best
        names = {
            "coverage": "scored_coverage",
            "recall": "scored_recall",
            "memorization/share_close": "scored_copies",
        }
        values = {ours: newest[theirs] for theirs, ours in names.items() if theirs in newest}
        if values.get("scored_coverage", 0.0) < COVERED:
            values.pop("scored_recall", None)
        if best and best["frechet"] > 0 and "frechet" in newest:
            values["frechet_rise"] = newest["frechet"] / best["frechet"]
        return values

    def _consider(self, run: Run, name: str, watch: Watch, signs: Signs) -> None:
        """Raise, repeat or clear one alarm."""
        standing = self._open.get(name)
        alarm = watch.look(signs, EASE if standing else 1.0)
        self._in_row[name] = self._in_row.get(name, 0) + 1 if alarm else 0
        if alarm is None:
            if standing:
                del self._open[name]
                self._clear(run, name, standing["numbers"], signs.now)
            return
        worse = standing is None or (standing["severity"], alarm.severity) == ("warn", "alarm")
        if worse and self._in_row[name] >= watch.patience:
            self._open[name] = {"severity": alarm.severity, "numbers": list(alarm.numbers)}
            self._raise(run, name, alarm)

    def _raise(self, run: Run, name: str, alarm: Alarm) -> None:
        seen = run.clock.samples_seen
        if "copies" in alarm.numbers and self._checkup is not None:
            save_picture(run, self._checkup.closest(run), PICTURES)
        self._write(
            run, Alert(seen, name, alarm.seen, alarm.remedy, "raised", alarm.severity, run.watch.seconds, alarm.numbers)
        )
        self.log.progress.say(f"{_title(name)} at {seen:,} samples seen. {alarm.seen}\n{alarm.remedy}")

    def _clear(self, run: Run, name: str, numbers: list[str], now: Vitals) -> None:
        seen, known = run.clock.samples_seen, asdict(now)
        values = {n: known[n] for n in numbers if known.get(n) is not None}
        self._write(
            run, Alert(seen, name, "The signs are well again.", "", "cleared", "warn", run.watch.seconds, values)
        )
        self.log.progress.say(f"{_title(name)} is over at {seen:,} samples seen.")

    def _write(self, run: Run, alert: Alert) -> None:
        append(run.folder, alert)
        self._summarise(run)

    def _summarise(self, run: Run) -> None:
        update_run(run.folder, alarms=summary(read(run.folder)))


def _title(name: str) -> str:
    return f"Alarm: {name.replace('_', ' ')}"
