"""`auto-shorter`: the best networks of `auto` for half a minute, where the first thousands of samples decide."""

from __future__ import annotations

from collections.abc import Sequence

from gansmith.bench._bench import Data, Group
from gansmith.bench.auto import SETS, Auto, group
from gansmith.bench.auto_longer import LEADERS

HURRIED = ("mnist",)
UNLABELLED = (Data("mnist without classes", "mnist"),)


class AutoShorter(Auto):
    """The leaders x small pictures."""

    summary = "the best networks of auto for half a minute, with and without classes"
    minutes = 0.5

    def groups(self) -> Sequence[Group]:
        unlabelled = [group(data, name, classes=False) for data in UNLABELLED for name in LEADERS]
        return unlabelled + [group(data, name) for data in SETS if data.name in HURRIED for name in LEADERS]
