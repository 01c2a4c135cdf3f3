"""`auto-longer`: the best networks of `auto` for three times as long, and where no class is told.

Whether another network wins where there is more time, or where clusters take the place of classes.
"""

from __future__ import annotations

from collections.abc import Sequence

from gansmith.bench._bench import Data, Group
from gansmith.bench.auto import SETS, Auto, group

LEADERS = ("dcgan", "r3gan", "fastgan")  # each the best by `auto` somewhere; the others nowhere
UNLABELLED = (Data("mnist without classes", "mnist"), Data("stacked-mnist", "stacked-mnist"))
LONGER = ("mnist", "cifar10", "clothing")


class AutoLonger(Auto):
    """The leaders x data sets."""

    summary = "the best networks of auto for three times as long, and without classes"
    minutes = 6

    def groups(self) -> Sequence[Group]:
        unlabelled = [group(data, name, classes=False) for data in UNLABELLED for name in LEADERS]
        return unlabelled + [group(data, name) for data in SETS if data.name in LONGER for name in LEADERS]
