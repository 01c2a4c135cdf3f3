"""`auto-longer`: the best networks of `auto` for three times as long, and where no class is told.

Whether another network wins where there is more time, or where clusters take the place of classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from gansmith.bench._bench import Data, Group
from gansmith.bench.auto import SETS, Auto, group

LEADERS = ("dcgan", "r3gan", "fastgan")  # each the best by `auto` somewhere; the others nowhere
MNIST = Data("mnist without classes", "mnist")


class AutoLonger(Auto):
    """The leaders x data sets."""

    summary = "the best networks of auto for three times as long, and without classes"
    minutes: ClassVar[float] = 6
    unlabelled: ClassVar[tuple[Data, ...]] = (MNIST, Data("stacked-mnist", "stacked-mnist"))
    labelled: ClassVar[tuple[str, ...]] = ("mnist", "cifar10", "clothing")  # of auto's data sets

    def groups(self) -> Sequence[Group]:
        without = [group(data, name, classes=False) for data in self.unlabelled for name in LEADERS]
        return without + [group(data, name) for data in SETS if data.name in self.labelled for name in LEADERS]
