"""A picture of the same latents all through the training: at 0, 1k, 2k, 4k ... samples, then regularly.

Where pictures cost little, there are eight times as many, so that a film of them (`gansmith timelapse`) runs smoothly.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gansmith.callbacks.base import Callback
from gansmith.callbacks.draws import samples_of
from gansmith.contracts import Report
from gansmith.folder import atomic

if TYPE_CHECKING:
    from gansmith.run import Run

FIRST, LARGEST_GAP = 1_000, 64_000
FINER = 8  # so many grids between two of the regular ones,
CHEAP = 0.01  # where they take no larger share of the time


def next_preview(samples_seen: int, finer: int = 1) -> int:
    """When the next grid after `samples_seen` is due, in samples: powers of two of FIRST, then every LARGEST_GAP.

    With `finer` more, `finer` of them for each of those, but none closer than FIRST.
    """
    gap = FIRST
    while gap < LARGEST_GAP and gap * 2 <= samples_seen:
        gap *= 2
    gap = max(gap // finer, FIRST)
    return (samples_seen // gap + 1) * gap


class Preview(Callback):
    """Writes `samples/<samples seen>.png` with the averaged generator; classes, where there are any, by column."""

    def __init__(self) -> None:
        self.newest: Path | None = None
        self._due = self._finer_due = 0
        self._written, self._cost = 0.0, 0.0  # when the newest grid was done, and how long it took, in seconds

    def start(self, run: Run) -> None:
        folder = run.folder / "samples"
        folder.mkdir(exist_ok=True)
        saved = sorted(folder.glob("[0-9]*.png"))
        self.newest = saved[-1] if saved else None
        if run.clock.samples_seen == 0:
            self._write(run)
        self._plan(run.clock.samples_seen)

    def after_step(self, run: Run, report: Report) -> None:
        seen = run.clock.samples_seen
        if seen >= self._finer_due:
            if seen >= self._due or self._cost < CHEAP * (time.monotonic() - self._written):
                self._write(run)
            self._plan(seen)

    def snapshot(self, run: Run) -> None:
        self._write(run)

    def finish(self, run: Run) -> None:
        self._write(run)

    def _plan(self, seen: int) -> None:
        self._due, self._finer_due = next_preview(seen), next_preview(seen, FINER)

    def _write(self, run: Run) -> None:
        begin = time.monotonic()
        generator = torch.Generator().manual_seed(run.recipe.train.seed)
        classes = len(run.spec.class_names)
        square = run.codec.single and 6 <= classes <= 12  # a square grid: then every column is a class
        count = classes**2 if square else run.codec.shown
        z = torch.randn(count, run.game.latent_size, generator=generator)
        given = torch.arange(count) % classes if classes else None
        if run.spec.given is not None and not classes:
            given = run.spec.given.draw(count, run.recipe.train.seed)
        x = samples_of(run, z, given)
        self.newest = save_picture(run, x, f"{run.clock.samples_seen:09d}.png")
        self._written = time.monotonic()
        self._cost = self._written - begin


def save_picture(run: Run, x: Tensor, name: str) -> Path:
    """A picture of `x` as samples/`name`, whole or not at all. Raises RunFolderError where the disk refuses."""
    real = None if run.codec.single else run.dataset.fetch(range(min(len(run.dataset), 2 * run.codec.shown))).real
    path = run.folder / "samples" / name
    temporary = path.with_name(f".{name}.tmp{path.suffix}")
    try:
        run.codec.picture(x, real).save(temporary)
        temporary.replace(path)
    except OSError as error:
        raise atomic.refusal(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path
