"""Samples of a run's averaged generator, for whoever looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gansmith.world import Word

if TYPE_CHECKING:
    from gansmith.run import Run

CHUNK = 64


def samples_of(run: Run, z: Tensor, given: Tensor | None = None) -> Tensor:
    """Samples for latents [N, Z], on the CPU, [N, *spec.shape]."""
    parts = [slice(i, i + CHUNK) for i in range(0, len(z), CHUNK)]
    told = [None if given is None else given[part].to(run.device) for part in parts]
    return torch.cat([run.game.sample(z[p].to(run.device), g).cpu() for p, g in zip(parts, told, strict=True)])


def draw(run: Run, count: int, seed: int) -> tuple[Tensor, Tensor | None]:
    """`count` samples of a seed, with classes and clusters as frequent as in the training data: (samples, classes or
    None). Where there are several processes each makes its part, and the leader has them all."""
    run.world.tell(Word.DRAW, count, seed)
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(count, run.game.latent_size, generator=generator)
    classes = given = None
    if run.spec.given is not None and run.spec.given.kind == "cluster":
        given = run.spec.given.draw(count, seed)
    elif run.spec.given is not None and run.dataset.labels is not None:
        given = classes = run.dataset.labels[torch.randint(len(run.dataset.labels), (count,), generator=generator)]
    mine = run.world.part(count)
    samples = samples_of(run, z[mine], None if given is None else given[mine])
    return run.world.gather(samples, count), classes
