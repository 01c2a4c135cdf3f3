"""Keeps the whole state on disk: at the start, about every 30 seconds, and at the end; and brings it back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gansmith.callbacks.base import Callback
from gansmith.contracts import Clock, Report
from gansmith.folder import atomic, checkpoints, generator_file

if TYPE_CHECKING:
    from gansmith.run import Run

KEPT = "generators"
SECONDS = 30.0  # between two saves, or 30 x as long as one takes


class Checkpoint(Callback):
    """checkpoints/ with all state (the last two and the best are kept), generator.safetensors with the average."""

    def __init__(self) -> None:
        self._next = 0.0

    def start(self, run: Run) -> None:
        for place in (run.folder, run.folder / "samples"):
            atomic.remove_temporaries(place)
        if run.clock.samples_seen == 0:
            self.save(run)
        self._next = time.monotonic() + SECONDS

    def after_step(self, run: Run, report: Report) -> None:
        if time.monotonic() >= self._next:
            self.save(run)

    def snapshot(self, run: Run) -> None:
        self.save(run)

    def finish(self, run: Run) -> None:
        self.save(run)

    def save(self, run: Run) -> None:
        """Write a checkpoint and the generator. Raises RunFolderError, older ones intact.

        Weights that are not finite are not worth keeping: the checkpoint before is what the next step goes back to.
        """
        if not _finite(run):
            return
        begin = time.monotonic()
        state = {
            "game": run.game.state_dict(),
            "samples_seen": run.clock.samples_seen,
            "step": run.clock.step,
            "seconds": run.watch.seconds,
            "callbacks": {callback.name: callback.state_dict() for callback in run.callbacks},
        }
        path = checkpoints.save(run.folder, state, run.clock.samples_seen)
        checkpoints.prune(run.folder, {p for p in (best_checkpoint(run), path) if p})
        export(run, run.clock.samples_seen)
        end = time.monotonic()
        self._next = end + max(SECONDS, 30 * (end - begin))


def _finite(run: Run) -> bool:
    networks = (run.game.generator.network, run.game.generator.averaged, run.game.discriminator.network)
    return all(bool(torch.isfinite(weight).all()) for network in networks for weight in network.parameters())


def restore(run: Run, say: Callable[[str], None]) -> bool:
    """Bring back the newest whole checkpoint; False where there is none yet."""
    found = checkpoints.load_latest(run.folder, say)
    if found:
        _load(run, found[0])
    return found is not None


def use_best(run: Run) -> None:
    """Hand on the generator of the best evaluation; the newest checkpoint stays the one to continue from."""
    best = best_checkpoint(run)
    if best:
        state = checkpoints.load(best)
        run.game.load_state_dict(state["game"])
        export(run, int(state["samples_seen"]))


def best_checkpoint(run: Run) -> Path | None:
    """The checkpoint of the best evaluation, where it still exists."""
    best = next((c.best for c in run.callbacks if hasattr(c, "best")), None)
    if best is None:
        return None
    return next((f for f in checkpoints.found(run.folder) if f.name.startswith(f"{best['samples_seen']:012d}-")), None)


def keep_generator(run: Run) -> Path:
    """Write the averaged generator of this moment into generators/, where nothing removes it."""
    return export(run, run.clock.samples_seen, f"{KEPT}/{run.clock.samples_seen:09d}.safetensors")


def export(run: Run, samples_seen: int, name: str = "generator.safetensors") -> Path:
    """Write the averaged generator with all that sampling needs to know."""
    path = run.folder / name
    metadata = {
        "recipe": run.recipe.to_table(),
        "codec": run.codec.describe(),
        "samples_seen": samples_seen,
        "data": run.dataset.fingerprint,
    }
    generator_file.write(path, run.game.generator.averaged.state_dict(), metadata)
    return path


def _load(run: Run, state: dict[str, Any]) -> None:
    run.game.load_state_dict(state["game"])
    run.clock = Clock(int(state["samples_seen"]), 0.0, int(state["step"]))
    run.watch.set(float(state["seconds"]))
    for callback in run.callbacks:
        if callback.name in state["callbacks"]:
            callback.load_state_dict(state["callbacks"][callback.name])
