"""Samples of a run's averaged generator, for whoever looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gansmith.features.together import gather_samples
from gansmith.world import Word

if TYPE_CHECKING:
    from gansmith.run import Run

CHUNK = 64


def samples_of(run: Run, z: Tensor, given: Tensor | None = None) -> Tensor:
    """Samples for latents [N, Z], on the CPU, [N, *spec.shape]."""
    if len(z) == 0:  # the part of a process that is one too many for so few
        return torch.empty(0, *run.spec.shape)
    parts = [slice(i, i + CHUNK) for i in range(0, len(z), CHUNK)]
    told = [None if given is None else given[part].to(run.device) for part in parts]
    return torch.cat([run.game.sample(z[p].to(run.device), g).cpu() for p, g in zip(parts, told, strict=True)])


def draw(run: Run, count: int, seed: int) -> tuple[Tensor, Tensor | None]:
    """`count` samples of a seed, with classes and clusters as frequent as in the training data: (samples, classes or
    None). Where there are several processes each makes its part, and the leader has them all."""
    part, classes = draw_part(run, count, seed)
    return gather_samples(run.world, part, count), classes


def draw_part(run: Run, count: int, seed: int) -> tuple[Tensor, Tensor | None]:
    """As `draw`, but the samples are this process' part, while the others keep theirs; the classes are all."""
    run.world.tell(Word.DRAW, count, seed)
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(count, run.game.latent_size, generator=generator)
    classes = given = None
    if run.spec.given is not None and run.spec.given.kind == "cluster":
        given = run.spec.given.draw(count, seed)
    elif run.spec.given is not None and run.dataset.labels is not None:
        given = classes = run.dataset.labels[torch.randint(len(run.dataset.labels), (count,), generator=generator)]
    mine = run.world.part(count)
    return samples_of(run, z[mine], None if given is None else given[mine]), classes


def spread_generator(run: Run) -> None:
    """From here on all processes draw from the leader's averaged generator, which may be of an earlier checkpoint."""
    run.world.tell(Word.GENERATOR)
    if run.world.size > 1:
        run.world.spread(run.game.generator.averaged.state_dict().values())
