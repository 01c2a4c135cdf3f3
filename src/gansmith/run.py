"""A run: a recipe, trained in a folder. The loop reads from top to bottom; one step of it is in games/duel.py.

load the newest checkpoint, if there is one  ->  batch, step, callbacks, again and again  ->  save, judge, report
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from gansmith.callbacks.base import Callback
from gansmith.callbacks.checkpoint import restore
from gansmith.callbacks.control import Control
from gansmith.callbacks.recovery import Recovery
from gansmith.callbacks.stopwatch import Stopwatch
from gansmith.contracts import Batch, Clock, Codec, Dataset, Report
from gansmith.data.loader import Loader
from gansmith.data.on_device import for_device
from gansmith.follower import follow
from gansmith.games.duel import Duel
from gansmith.games.listed import listed
from gansmith.games.memory import told_shortage
from gansmith.games.player import Player
from gansmith.layers.synchronised import synchronise
from gansmith.layers.upsampling import compose_upsampling
from gansmith.recipe import Recipe
from gansmith.world import ALONE, Word, World


class Run:
    """The state of one training. `train` runs it; callbacks read it."""

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        dataset: Dataset,
        test: Dataset | None,
        codec: Codec,
        device: torch.device,
        world: World = ALONE,
    ) -> None:
        self.folder, self.recipe, self.device, self.world = folder, recipe, device, world
        self.dataset, self.test, self.codec, self.spec = dataset, test, codec, dataset.spec
        torch.manual_seed(recipe.train.seed)
        generator, discriminator = recipe.architecture.build(self.spec)
        for network in (generator, discriminator):
            synchronise(network, world if recipe.train.sync_batchnorm else ALONE)
            compose_upsampling(network, recipe.train.upsampling == "composed")
        self.game = Duel(
            Player(generator.to(device), recipe.generator, recipe.average, recipe.train.layout),
            Player(discriminator.to(device), recipe.discriminator, None, recipe.train.layout),
            recipe.loss,
            recipe.penalty,
            recipe.augment,
            discriminator_steps=recipe.train.discriminator_steps,
            micro_batch=recipe.train.micro_batch,
            seed=recipe.train.seed,
            precision="float32" if recipe.train.precision == "auto" else recipe.train.precision,
            world=world,
        )
        self.game.listed = listed(self.game, recipe.train.execution)
        self.clock = Clock()
        self.callbacks: Sequence[Callback] = ()
        self.seconds_waiting = 0.0  # for data, in this process
        self.prepare = for_device(dataset, device)
        self.watch = Stopwatch()

    def train(self, callbacks: Sequence[Callback], say: Callable[[str], None]) -> bool:
        """Train until the recipe's samples or minutes are reached (True) or the process is asked to stop (False).

        Raises Diverged, MemoryShortage, RunFolderError or DataError; the last checkpoint is intact then.
        """
        self.callbacks, recovery = callbacks, Recovery()
        self.watch.set(0.0)  # what came before was no training
        if restore(self, say):
            say(f"Continuing at {self.clock.samples_seen:,} samples seen.")
        if not self.world.leads:
            return follow(self)
        loader = self.loader()
        try:
            with Control(self) as control:
                with self.watch.stopped():
                    for callback in callbacks:
                        callback.start(self)
                while self.progress() < 1 and control.goes_on():
                    report = self.step(loader.next(), min(self.progress(), 1.0))
                    self.seconds_waiting = loader.seconds_waiting
                    if not recovery.fine(report):
                        loader.close()
                        recovery.go_back(self, say)
                        self.world.tell(Word.GO_BACK, self.game.generator.caution)
                        loader = self.loader()
                        continue
                    for callback in callbacks:
                        callback.after_step(self, report)
        finally:
            loader.close()
        complete = self.progress() >= 1
        for callback in callbacks:
            callback.finish(self)
        self.world.tell(Word.END, complete)
        return complete

    def step(self, batch: Batch, progress: float) -> Report:
        """One step of the game at `progress` in [0, 1]; with others, on this process' part of their batch."""
        self.world.tell(Word.STEP, progress)
        moved: Any = (None if t is None else t.to(self.device, non_blocking=True) for t in batch)
        batch = Batch(*moved)
        clock = self.clock._replace(progress=progress)
        count = len(batch.real)
        with told_shortage(min(count, self.recipe.train.micro_batch or count)):
            report = self.game.step(batch, clock)
        self.clock = Clock(clock.samples_seen + count * self.world.size, clock.progress, clock.step + 1)
        return report

    def progress(self) -> float:
        """Share of the planned training that is done; 1 or more when complete."""
        plan = self.recipe.train
        if plan.minutes is not None:
            return self.watch.seconds / (60 * plan.minutes)
        return self.clock.samples_seen / max(plan.samples or 1, 1)

    @property
    def batch(self) -> int:
        """Samples a step of this process."""
        return self.recipe.train.batch // self.world.size

    def loader(self) -> Loader:
        """Batches from where training is."""
        place = self.recipe.train.seed, self.clock.samples_seen, self.world.rank, self.world.size
        return Loader(self.dataset, self.batch, *place, prepare=self.prepare)
