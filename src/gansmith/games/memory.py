"""Will a batch fit? Asked before training, because systems kill a process that takes too much without a word.

What autograd keeps for the backward passes grows with the batch and is nearly all that a step needs; it is counted in
steps of a few samples on a copy of the game. Four are the fewest that every discriminator can judge (packing).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from gansmith.contracts import Batch, Clock, Dataset
from gansmith.errors import MemoryShortage
from gansmith.games.duel import Duel
from gansmith.games.trial import trial_of

MARGIN = 1.2  # on what autograd keeps; measured peaks were 0.94 and 1.06 of that (64 px, batches of 512 and 128)


def bytes_per_sample(game: Duel, eight: Batch) -> float:
    """About how many bytes one more sample in the batch takes: steps on four and on eight samples, compared."""
    four = Batch(eight.real[:4], None if eight.given is None else eight.given[:4])
    return (_kept(game, eight) - _kept(game, four)) / 4 * MARGIN


def _kept(game: Duel, batch: Batch) -> int:
    """Bytes that autograd keeps in one step of both players, weights included."""
    kept = 0

    def count(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel() * tensor.element_size()
        return tensor

    trial = trial_of(game)
    trial.micro_batch = None
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        trial.step(batch, Clock(step=game.turns.discriminator_steps - 1))
    return kept


def free_bytes(device: torch.device) -> int | None:
    """Memory that can still be had on `device`; None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    table = Path("/proc/meminfo")
    if device.type != "cpu" or not table.exists():
        return None
    lines = dict(line.split(":", 1) for line in table.read_text(encoding="ascii").splitlines() if ":" in line)
    return int(lines["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in lines else None


def require_memory(game: Duel, dataset: Dataset, batch: int, device: torch.device) -> None:
    """Raises MemoryShortage, with what would fit, where a step on `batch` samples does not. Takes steps on a copy."""
    free, count = free_bytes(device), min(batch, game.micro_batch or batch)
    if count < 4 or free is None:
        return
    real, given = dataset.fetch([i % len(dataset) for i in range(8)])
    each = bytes_per_sample(game, Batch(real.to(device), None if given is None else given.to(device)))
    if each * count > free:
        raise _shortage(count, int(free * 0.8 / each))


@contextmanager
def told_shortage(count: int) -> Iterator[None]:
    """Raises MemoryShortage where the memory does not suffice for `count` samples at a time."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError) and "memory" not in str(error).lower():
            raise
        raise _shortage(count, count // 2) from error


def _shortage(count: int, fits: int) -> MemoryShortage:
    fits = max(2, fits // 4 * 4)
    return MemoryShortage(
        f"Out of memory: {count} samples at a time do not fit.\n"
        f"What to do: try --set train.micro_batch={fits}, which takes each batch in parts and learns the same; or a "
        "smaller --batch, --resolution or architecture.width."
    )
