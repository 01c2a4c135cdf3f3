"""A run: a recipe, trained in a folder. The loop reads from top to bottom; one step of it is in games/duel.py.

load the newest checkpoint, if there is one  ->  batch, step, callbacks, again and again  ->  save, judge, report
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from gansmith.callbacks.base import Callback
from gansmith.callbacks.checkpoint import restore
from gansmith.callbacks.recovery import Recovery
from gansmith.callbacks.stop import Stop
from gansmith.contracts import Batch, Clock, Codec, Dataset, Report
from gansmith.data.loader import Loader
from gansmith.errors import MemoryShortage
from gansmith.games.duel import Duel
from gansmith.games.memory import fitting_batch
from gansmith.games.player import Player
from gansmith.recipe import Recipe


class Run:
    """The state of one training. `train` runs it; callbacks read it."""

    def __init__(
        self, folder: Path, recipe: Recipe, dataset: Dataset, test: Dataset | None, codec: Codec, device: torch.device
    ) -> None:
        self.folder, self.recipe, self.device = folder, recipe, device
        self.dataset, self.test, self.codec, self.spec = dataset, test, codec, dataset.spec
        torch.manual_seed(recipe.train.seed)
        generator, discriminator = recipe.architecture.build(self.spec)
        self.latent_size = generator.latent_size
        self.game = Duel(
            Player(generator.to(device), recipe.generator, recipe.average),
            Player(discriminator.to(device), recipe.discriminator),
            recipe.loss,
            recipe.penalty,
            recipe.augment,
            discriminator_steps=recipe.train.discriminator_steps,
            seed=recipe.train.seed,
            bfloat16=recipe.train.precision == "bfloat16",
        )
        self.clock = Clock()
        self.callbacks: Sequence[Callback] = ()
        self.seconds_waiting = 0.0  # for data, in this process
        self.set_seconds(0.0)

    def train(self, callbacks: Sequence[Callback], say: Callable[[str], None]) -> bool:
        """Train until the recipe's samples or minutes are reached (True) or the process is asked to stop (False).

        Raises Diverged, MemoryShortage, RunFolderError or DataError; the last checkpoint is intact then.
        """
        self.callbacks, recovery = callbacks, Recovery()
        if restore(self, say):
            say(f"Continuing at {self.clock.samples_seen:,} samples seen.")
        loader = self._loader()
        try:
            with Stop() as stop:
                with self.off_the_clock():
                    for callback in callbacks:
                        callback.start(self)
                while self.progress() < 1 and not stop.asked:
                    report = self._step(loader.next())
                    self.seconds_waiting = loader.seconds_waiting
                    if not report.finite:
                        loader.close()
                        recovery.go_back(self, report, say)
                        loader = self._loader()
                        continue
                    for callback in callbacks:
                        callback.after_step(self, report)
        finally:
            loader.close()
        complete = self.progress() >= 1
        for callback in callbacks:
            callback.finish(self)
        return complete

    def require_memory(self) -> None:
        """Raises MemoryShortage, with a batch that would fit, where the recipe's does not."""
        batch = self.recipe.train.batch
        if batch >= 4:
            eight = self.dataset.fetch([i % len(self.dataset) for i in range(8)])
            fits = fitting_batch(self.game, self._on_device(eight), batch, self.device)
            if fits is not None:
                raise MemoryShortage(_too_large(batch, fits))

    def _on_device(self, batch: Batch) -> Batch:
        given = None if batch.given is None else batch.given.to(self.device, non_blocking=True)
        return Batch(batch.real.to(self.device, non_blocking=True), given)

    def _step(self, batch: Batch) -> Report:
        batch = self._on_device(batch)
        clock = self.clock._replace(progress=min(self.progress(), 1.0))
        try:
            report = self.game.step(batch, clock)
        except (RuntimeError, MemoryError) as error:
            if not isinstance(error, MemoryError) and "memory" not in str(error).lower():
                raise
            raise MemoryShortage(_too_large(len(batch.real), max(2, len(batch.real) // 2))) from error
        if report.finite:
            self.clock = Clock(clock.samples_seen + len(batch.real), clock.progress, clock.step + 1)
        return report

    def progress(self) -> float:
        """Share of the planned training that is done; 1 or more when complete."""
        plan = self.recipe.train
        if plan.minutes is not None:
            return self.seconds / (60 * plan.minutes)
        return self.clock.samples_seen / max(plan.samples or 1, 1)

    @property
    def seconds(self) -> float:
        """Seconds of training, evaluations and previews included, over all processes of this run."""
        return time.monotonic() - self._begin

    def set_seconds(self, seconds: float) -> None:
        """Let the clock go on from `seconds`."""
        self._begin = time.monotonic() - seconds

    @contextmanager
    def off_the_clock(self) -> Iterator[None]:
        """What happens inside is not training time (making a feature extractor, the final scores)."""
        seconds = self.seconds
        yield
        self.set_seconds(seconds)

    def _loader(self) -> Loader:
        return Loader(self.dataset, self.recipe.train.batch, self.recipe.train.seed, self.clock.samples_seen)

    def sample(self, z: Tensor, given: Tensor | None = None) -> Tensor:
        """Samples of the averaged generator for latents [N, Z], on the CPU, [N, *spec.shape]."""
        parts = [slice(i, i + 64) for i in range(0, len(z), 64)]
        labels = [None if given is None else given[part].to(self.device) for part in parts]
        return torch.cat([self.game.sample(z[p].to(self.device), g).cpu() for p, g in zip(parts, labels, strict=True)])

    def draw(self, count: int, seed: int) -> tuple[Tensor, Tensor | None]:
        """`count` samples of a seed, with classes and clusters as frequent as in the training data: (samples, classes
        or None)."""
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(count, self.latent_size, generator=generator)
        if self.spec.given is not None and self.spec.given.kind == "cluster":
            return self.sample(z, self.spec.given.draw(count, seed)), None
        given = None
        if self.spec.given is not None and self.dataset.labels is not None:
            given = self.dataset.labels[torch.randint(len(self.dataset.labels), (count,), generator=generator)]
        return self.sample(z, given), given


def _too_large(batch: int, fits: int) -> str:
    return (
        f"Out of memory: a batch of {batch} does not fit.\n"
        f"What to do: try --batch {fits} (or a lower --resolution, or a smaller architecture.width)."
    )
