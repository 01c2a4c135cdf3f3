"""A picture of the same latents all through the training: at 0, 1k, 2k, 4k ... samples, then regularly."""

from __future__ import annotations

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


def next_preview(samples_seen: int) -> int:
    """When the next grid after `samples_seen` is due, in samples: powers of two of FIRST, then every LARGEST_GAP."""
    if samples_seen < FIRST:
        return FIRST
    gap = FIRST
    while gap < LARGEST_GAP and gap * 2 <= samples_seen:
        gap *= 2
    return (samples_seen // gap + 1) * gap


class Preview(Callback):
    """Writes `samples/<samples seen>.png` with the averaged generator; classes, where there are any, by column."""

    def __init__(self) -> None:
        self.newest: Path | None = None
        self._due = 0

    def start(self, run: Run) -> None:
        folder = run.folder / "samples"
        folder.mkdir(exist_ok=True)
        saved = sorted(folder.glob("[0-9]*.png"))
        self.newest = saved[-1] if saved else None
        if run.clock.samples_seen == 0:
            self._write(run)
        self._due = next_preview(run.clock.samples_seen)

    def after_step(self, run: Run, report: Report) -> None:
        if run.clock.samples_seen >= self._due:
            self._write(run)
            self._due = next_preview(run.clock.samples_seen)

    def finish(self, run: Run) -> None:
        self._write(run)

    def _write(self, run: Run) -> None:
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
