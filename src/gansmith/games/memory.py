"""Will a batch fit? Asked before training, because systems kill a process that takes too much without a word.

What autograd keeps for the backward passes grows with the batch and is nearly all that a step needs; it is counted in
steps of a few samples on a copy of the game. Four are the fewest that every discriminator can judge (packing).
"""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import Tensor

from gansmith.contracts import Batch, Clock
from gansmith.games.duel import Duel

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

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        copy.deepcopy(game).step(batch, Clock(step=game.discriminator_steps - 1))
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


def fitting_batch(game: Duel, eight: Batch, batch: int, device: torch.device) -> int | None:
    """The largest batch that fits where `batch` does not; None where it does, or nobody knows."""
    free = free_bytes(device)
    each = bytes_per_sample(game, eight)
    if free is None or each * batch <= free:
        return None
    return max(2, int(free * 0.8 / each))
