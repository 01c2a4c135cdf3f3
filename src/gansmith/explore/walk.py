"""A walk through latent space: from seed to seed and back to the first, in small steps.

Between two latents of a normal distribution the straight line passes through the middle, where no latent lies in many
dimensions; the way taken is the great circle through both (slerp: White 2016, arXiv 1609.04468, section 2.1). Where the
two ends have different classes or clusters, both are told on the way, and the results w of the mapping fade from one
to the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from gansmith.contracts import Generator
from gansmith.explore.sampling import CHUNK, device_of, latents, mapped


@torch.inference_mode()
def walk(
    generator: Generator, seeds: Sequence[int], frames: int, given: Tensor | None = None, truncation: float = 1.0
) -> Iterator[Tensor]:
    """`frames` samples in blocks [<= CHUNK, *spec.shape], on the CPU; the last one is next to the first.

    A seed stands for its first sample, the one that `sampling.draw` makes of it. `given`: the class or cluster of each
    seed, int64 [len(seeds)]. `truncation` as in `sampling.draw`.
    """
    device = device_of(generator)
    ends = torch.cat([next(latents(1, generator.latent_size, seed)) for seed in seeds]).to(device)
    given = None if given is None else given.to(device)
    places = torch.arange(frames, device=device, dtype=torch.float64) * len(seeds) / frames
    for part in torch.split(places, CHUNK):
        before = part.long()
        after, share = (before + 1) % len(seeds), (part - before).float()[:, None]
        z = slerp(ends[before], ends[after], share)
        told = None if given is None else (given[before], given[after])
        w = _mapped(generator, z, told, share, truncation)
        nearer = None if told is None else torch.where(share[:, 0] < 0.5, *told)
        yield generator.synthesis(w, nearer).float().cpu()


def _mapped(
    generator: Generator, z: Tensor, told: tuple[Tensor, Tensor] | None, share: Tensor, truncation: float
) -> Tensor:
    """w for latents z [B, Z]; between two classes as far as `share` [B, 1] says."""
    if told is None:
        return mapped(generator, z, None, truncation)
    before, after = (mapped(generator, z, given, truncation) for given in told)
    return torch.lerp(before, after, share.reshape(-1, *[1] * (before.ndim - 1)))


def slerp(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """Between a and b [B, Z] along the great circle of their directions, as far as `share` [B, 1] in [0, 1] says.

    The length goes evenly from a's to b's. Directions that are the same, or opposite, so that every great circle
    passes through them, are joined by the straight line.
    """
    length_a, length_b = a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True)
    u, v = a / length_a, b / length_b
    angle = (u * v).sum(1, keepdim=True).clamp(-1, 1).acos()
    sine = angle.sin()
    arc = (((1 - share) * angle).sin() * u + (share * angle).sin() * v) / sine
    return torch.where(sine < 1e-4, torch.lerp(a, b, share), arc * torch.lerp(length_a, length_b, share))
