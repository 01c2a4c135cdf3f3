"""What takes long says so: a line on standard error every few seconds, nothing for what is done at once."""

from __future__ import annotations

import sys
import time

SECONDS = 3.0


class Announce:
    """Called with (what, done, in all or 0 where it is not known); prints a line at most every three seconds."""

    def __init__(self, unit: str = "") -> None:
        self.unit = unit
        self._next = time.monotonic() + SECONDS

    def __call__(self, what: str, done: int, total: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SECONDS
            share = f"{done / total:.0%}" if total else f"{done:,}"
            print(f"{what}: {share}{self.unit}", file=sys.stderr, flush=True)
