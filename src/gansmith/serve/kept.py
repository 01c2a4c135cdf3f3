"""The newest few things that took seconds to make, each made once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Kept(Generic[K, V]):
    """At most `most` of them, for several threads; what is asked for at the same time is made one after the other."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._made: dict[K, V] = {}
        self._busy = threading.Lock()

    def known(self, key: K) -> V | None:
        """What was made for `key`, or None where that was not, or others took its place."""
        return self._made.get(key)

    def of(self, key: K, make: Callable[[], V]) -> V:
        """What `make` gave for `key`, now or earlier. Raises what it raises, and keeps nothing then."""
        with self._busy:
            if key not in self._made:
                made = make()
                self._made = dict([*self._made.items(), (key, made)][-self.most :])
            return self._made[key]
