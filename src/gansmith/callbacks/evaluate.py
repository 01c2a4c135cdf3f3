"""Scores the averaged generator several times over the training, keeps the best, and judges the result at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from gansmith.callbacks.base import Callback
from gansmith.callbacks.checkpoint import Checkpoint, use_best
from gansmith.callbacks.draws import draw, draw_part, spread_generator
from gansmith.callbacks.log import Log
from gansmith.callbacks.preview import save_picture
from gansmith.contracts import Report
from gansmith.errors import GansmithError, LostProcess, RunFolderError
from gansmith.evaluation import Judge, Scores
from gansmith.features import MADE_HERE
from gansmith.features import find as find_extractor
from gansmith.features.together import share
from gansmith.folder.run_json import update_run
from gansmith.heap import give_back_freed_memory
from gansmith.scorers import find as find_scorers

if TYPE_CHECKING:
    from gansmith.run import Run

SHARE = 0.1  # of the time so far that evaluations take at most, where training is so many minutes
FIRST_SECONDS = 1.0  # what the first one is taken to last
PICTURES = 32  # uncurated pictures, and their nearest training samples, in the report


class Evaluate(Callback):
    """At every 1/`times` of the planned training; "best" is the lowest Frechet distance of these evaluations.

    Seconds of evaluating are missing from the training where minutes are its length: those that would take more than a
    tenth of the time so far are left out then, but for the last.
    Where the features do not rank generators (two coordinates' means and covariances), the last one is handed on.
    """

    def __init__(self, log: Log, checkpoint: Checkpoint) -> None:
        self.log, self.checkpoint = log, checkpoint
        self._judge: Judge | None = None
        self._done = 0
        self._able = True
        self._spent, self._last = 0.0, FIRST_SECONDS  # seconds of all evaluations, and of the newest
        self.best: dict[str, Any] | None = None  # {"frechet": float, "samples_seen": int}
        self.newest: dict[str, float] = {}  # the last evaluation's scores by name

    def state_dict(self) -> dict[str, Any]:
        lasted = {"spent": self._spent, "last": self._last}
        return {"done": self._done, "best": self.best, "newest": self.newest, **lasted}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._done, self.best, self.newest = int(state["done"]), state["best"], state.get("newest", {})
        self._spent, self._last = state.get("spent", 0.0), state.get("last", FIRST_SECONDS)

    def start(self, run: Run) -> None:
        # an extended training has gone back in progress, and its coming evaluations are new ones
        self._done = min(self._done, int(run.progress() * run.recipe.evaluate.times))
        if run.recipe.evaluate.features not in MADE_HERE and run.recipe.evaluate.times:
            self.judge(run, run.recipe.evaluate.samples, run.recipe.train.seed)  # fails now, not after an hour

    def after_step(self, run: Run, report: Report) -> None:
        due = int(run.progress() * run.recipe.evaluate.times)
        if due > self._done and self._able:
            self._done = due
            if self._affordable(run):
                with self._harmless():
                    self._score(run)

    def finish(self, run: Run) -> None:
        if not run.recipe.evaluate.times or run.clock.samples_seen == 0 or not self._able:
            return
        if run.progress() < 1:
            return  # stopped on the way: whoever pressed Ctrl-C does not want to wait for scores
        use_best(run)
        spread_generator(run)
        with self._harmless(), run.watch.stopped():
            # other latents than those by which the best evaluation was chosen
            judge = self.judge(run, run.recipe.evaluate.final_samples, run.recipe.train.seed + 1)
            scores = _scores(run, judge, whole=True)
            self._pictures(run)
            update_run(run.folder, scores={"values": scores.values, "protocol": scores.protocol})
            self.log.progress.say(summary(scores.values, scores.protocol))

    def _affordable(self, run: Run) -> bool:
        if run.recipe.train.minutes is None or run.progress() >= 1:
            return True
        return self._spent + self._last <= SHARE * run.watch.seconds

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        """What cannot be scored is said once; it must not end a training. A full disk and a lost process do."""
        try:
            yield
        except (RunFolderError, LostProcess):
            raise
        except (GansmithError, ValueError) as error:
            self._able = False
            self.log.progress.say(f"No more scores in this run, training goes on. {error}")

    def judge(self, run: Run, samples: int, seed: int) -> Judge:
        """A judge with this run's extractor, which all processes get, and scorers; trained when first asked for."""
        with run.watch.stopped():
            if self._judge:
                extractor, scorers, world = self._judge.extractor, self._judge.scorers, self._judge.world
            else:
                asked = run.recipe.evaluate.features, run.dataset, run.test, self.log.progress.say
                extractor, scorers = find_extractor(*asked), find_scorers(*asked)
                world = share(run.world, extractor, self.log.progress.say)
            self._judge = Judge(extractor, run.dataset, run.test, samples, seed, scorers, world)
        return self._judge

    def _score(self, run: Run) -> None:
        judge = self._judge or self.judge(run, run.recipe.evaluate.samples, run.recipe.train.seed)
        begin = run.watch.seconds
        scores = _scores(run, judge, whole=False)
        give_back_freed_memory()
        self._last = run.watch.seconds - begin
        self._spent += self._last
        self.newest = scores.values
        self.log.scores(run, scores.values)
        if not judge.extractor.ranks:
            return
        if self.best is None or scores.values["frechet"] < self.best["frechet"]:
            self.best = {"frechet": scores.values["frechet"], "samples_seen": run.clock.samples_seen}
            self.checkpoint.save(run)
            update_run(run.folder, best=self.best)

    def _pictures(self, run: Run) -> None:
        assert self._judge is not None
        samples, _ = draw(run, PICTURES if run.codec.single else run.codec.shown, seed=1)
        save_picture(run, samples, "uncurated.png")
        if run.codec.single:  # points have the training samples beneath them
            nearest, _ = self._judge.nearest(samples)
            save_picture(run, nearest, "nearest.png")


def _scores(run: Run, judge: Judge, *, whole: bool) -> Scores:
    """Of the averaged generator. A judge that sees alone needs all samples, one among several its part."""
    return judge.score(partial(draw_part if judge.world == run.world else draw, run), whole=whole)


def summary(values: dict[str, float], protocol: dict[str, Any]) -> str:
    """One line for people, with what it was measured by."""
    ratio = f" ({values['frechet_ratio']:.3g} x train-vs-test)" if "frechet_ratio" in values else ""
    parts = [f"Frechet distance {values['frechet']:.4g}{ratio}"]
    if "modes/hit" in values:
        share, kl = values["modes/high_quality"], values["modes/kl"]
        parts.append(f"{values['modes/hit']:.0f} modes, {share:.1%} of high quality, KL {kl:.3f}")
    parts += [f"{name} {values[name]:.3f}" for name in ("precision", "recall", "coverage") if name in values]
    return f"Scores: {', '.join(parts)} (features: {protocol.get('extractor')} {protocol.get('hash')})"
