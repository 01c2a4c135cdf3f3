"""`race`: how much sooner `auto` makes unconditional digits as good as a tutorial's DCGAN makes them in 15 minutes.

`auto` gets a fortieth of the tutorial's time, 22.5 seconds, and must be at least as near to the training digits by the
Frechet ratio (as in `mnist.py`), in every seed. Those are seconds of training: evaluations on the way are in them, the
start of the process, making the features and the final scores are not, for both alike. They are told beside: `start-up`
until training was ready to begin (imports, data, clusters, networks, what is tuned), and the `process` as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from gansmith.bench._bench import Bar, Column, Group, Outcome
from gansmith.bench._curves import ratio_against_time
from gansmith.bench.mnist import SHARE, MNISTBench

TIMES = ("seconds", "startup_seconds", "process_seconds")


class Race(MNISTBench):
    """`auto` for a fortieth of the time of `article-dcgan-mnist`."""

    summary = "unconditional digits: a fortieth of a tutorial DCGAN's 15 minutes"
    minutes = 15
    columns = (
        *MNISTBench.columns[:3],
        Column("run/seconds", "training, s"),
        Column("run/startup_seconds", "start-up, s"),
        Column("run/process_seconds", "process, s"),
    )
    bars = (Bar(SHARE, "share", 1, "at most", "every seed", "share of the article's Frechet ratio"),)

    def groups(self) -> Sequence[Group]:
        auto, article = super().groups()
        return [replace(auto, share_of_time=1 / 40), article]

    def run_scores(self, outcome: Outcome) -> dict[str, float]:
        return {f"run/{time}": outcome.facts[time] for time in TIMES if time in outcome.facts}

    def panels(self, outcomes: Sequence[Outcome]) -> list[Image.Image]:
        return [ratio_against_time(outcomes)]
