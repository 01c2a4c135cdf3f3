"""`auto-shorter`: the best networks of `auto` for half a minute, where the first thousands of samples decide."""

from __future__ import annotations

from gansmith.bench.auto_longer import MNIST, AutoLonger


class AutoShorter(AutoLonger):
    """The leaders on small grey pictures."""

    summary = "the best networks of auto for half a minute, with and without classes"
    minutes = 0.5
    unlabelled = (MNIST,)
    labelled = ("mnist",)
