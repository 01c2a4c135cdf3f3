"""What every benchmark is: a question whose answer can be printed, written down and drawn."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from gansmith.machine import cores

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Ask:
    """What a user asks of a benchmark; `None` is "as its protocol has it"."""

    work: Path
    seeds: int | None = None
    minutes: float | None = None
    samples: int | None = None
    jobs: int = 1
    data_root: Path | None = None
    settings: tuple[str, ...] = ()

    @property
    def threads(self) -> int:
        """Threads of each training: the cores shared out, and no more than OMP_NUM_THREADS already says."""
        asked = os.environ.get("OMP_NUM_THREADS", "")
        share = max(1, cores() // self.jobs)
        return min(share, int(asked)) if asked.isdigit() and int(asked) else share


@dataclass(frozen=True)
class Answer:
    """What a benchmark found: for machines, for people, and as a picture, which is drawn when it is wanted."""

    table: dict[str, Any]
    lines: list[str]
    draw: Callable[[], Image.Image]


class Benchmark(ABC):
    """`gansmith bench NAME`."""

    summary: ClassVar[str]  # one line

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def measure(self, ask: Ask, say: Callable[[str], None]) -> Answer:
        """Raises GansmithError; what is done by then is kept."""
