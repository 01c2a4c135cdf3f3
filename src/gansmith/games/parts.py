"""A step's batch in parts, each with its latents: what fits into memory, or caches, at once."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gansmith.contracts import Batch, Clock
from gansmith.games.seeds import step_seed
from gansmith.world import World


class Part(NamedTuple):
    """`batch` of b samples, their latents [b, Z], and b's share of the step's samples."""

    batch: Batch
    latents: Tensor
    share: float


def parts_of(batch: Batch, most: int | None, latent_size: int, seed: int, clock: Clock, world: World) -> list[Part]:
    """Parts of `most` samples. Sets the step's random state.

    `batch` is this process' part of one of `world.size` times as many samples, and so are its latents: the number of
    processes does not matter. What networks and augmentation draw after that is each process' own.
    """
    torch.manual_seed(step_seed(seed, clock.samples_seen))
    count = len(batch.real)
    latents = torch.randn(count * world.size, latent_size, device=batch.real.device)[world.part(count * world.size)]
    if world.size > 1:
        torch.manual_seed(step_seed(seed, clock.samples_seen, world.rank + 1))
    reals, zs = torch.split(batch.real, most or count), torch.split(latents, most or count)
    givens = [None] * len(reals) if batch.given is None else torch.split(batch.given, most or count)
    return [Part(Batch(x, g), z, len(z) / count) for x, g, z in zip(reals, givens, zs, strict=True)]
