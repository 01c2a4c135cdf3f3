"""Latents by seed, truncation, and samples in constant memory, as many at a time as this machine makes fastest."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from gansmith.contracts import Generator

CHUNK = 64  # latents are always drawn in blocks of this size, so that picture k of a seed never depends on the count
SIZES = (CHUNK // 4, CHUNK, 4 * CHUNK)  # samples at a time that are tried where many are asked for
TRIED = 4 * max(SIZES)  # samples that each size is tried on
SMALL = 4 * 64 * 64  # numbers of a sample; of larger ones more than CHUNK at a time would take much memory
Precision = Literal["float32", "bfloat16"]


def device_of(generator: Generator) -> torch.device:
    """Where its weights are; the CPU where it has none of torch's."""
    return next(generator.parameters(), torch.empty(0)).device


def latents(count: int, latent_size: int, seed: int) -> Iterator[Tensor]:
    """Standard normal latents in blocks of at most CHUNK, [<= CHUNK, Z]; the k-th one depends on (seed, k) only."""
    for start in range(0, count, CHUNK):
        generator = torch.Generator().manual_seed((seed * 0x9E3779B97F4A7C15 + start // CHUNK) % 2**63)
        yield torch.randn(CHUNK, latent_size, generator=generator)[: count - start]


@torch.inference_mode()
def draw(
    generator: Generator,
    count: int,
    seed: int = 0,
    labels: Tensor | None = None,
    truncation: float = 1.0,
    precision: Precision = "float32",
) -> Iterator[Tensor]:
    """Samples in blocks, [<= 4 CHUNK, *spec.shape], on the CPU, in the network's range.

    `labels` int64 [count], where the generator is class-conditional. `truncation` psi in [0, 1] pulls every latent
    towards the mean one: w = mean + psi (w - mean) (Karras et al. 2019, arXiv 1812.04948, appendix B); less is
    smoother and less varied, 1 changes nothing. In bfloat16 samples differ by about a hundredth of the range.

    Of many samples the first are made by different numbers at a time (SIZES), the others by the fastest of these.
    """
    device = device_of(generator)
    sizes = Sizes([CHUNK])
    waiting = torch.empty(0, generator.latent_size)
    position, blocks = 0, latents(count, generator.latent_size, seed)
    while position < count:
        size = sizes.next()
        while len(waiting) < min(size, count - position):
            waiting = torch.cat([waiting, next(blocks)])
        z, waiting = waiting[:size], waiting[size:]
        given = None if labels is None else labels[position : position + len(z)].to(device)
        begin = time.perf_counter()
        w = mapped(generator, z.to(device), given, truncation)
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            samples = generator.synthesis(w, given).float().cpu()
        sizes.took(len(z), time.perf_counter() - begin)
        if position == 0 and count >= 2 * TRIED * len(SIZES):
            sizes = Sizes([size for size in SIZES if size <= CHUNK or samples[0].numel() <= SMALL])
        yield samples
        position += len(z)


class Sizes:
    """How many samples to make at a time: all `sizes` in turn until each was tried, then the fastest."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self._made = dict.fromkeys(sizes, 0)
        self._seconds = dict.fromkeys(sizes, 0.0)
        self._size = sizes[0]

    def next(self) -> int:
        """The size of the next block."""
        least = min(self._made, key=lambda size: self._made[size])
        if len(self._made) > 1 and self._made[least] < TRIED:
            self._size = least
        else:
            self._size = min(self._made, key=lambda size: self._seconds[size] / max(self._made[size], 1))
        return self._size

    def took(self, count: int, seconds: float) -> None:
        """`count` samples of the last size took so many seconds. The first block of each size only warms up."""
        if self._made[self._size] or len(self._made) == 1:
            self._seconds[self._size] += seconds
            self._made[self._size] += count
        else:
            self._made[self._size] = 1


@torch.inference_mode()
def mapped(generator: Generator, z: Tensor, given: Tensor | None, truncation: float) -> Tensor:
    """w [B, ...] for latents z [B, Z]: mean + truncation * (mapping(z) - mean), as `draw` says."""
    w = generator.mapping(z, given)
    if truncation == 1:
        return w
    mean = mean_latent(generator, given)
    return mean + truncation * (w - mean)


@torch.inference_mode()
def mean_latent(generator: Generator, given: Tensor | None, count: int = 1024) -> Tensor:
    """The mean of the mapping over `count` fixed latents: [1, ...], or [B, ...] for each of `given`'s classes."""
    device = device_of(generator)
    z = torch.randn(count, generator.latent_size, generator=torch.Generator().manual_seed(0)).to(device)
    if given is None:
        return generator.mapping(z, None).mean(0, keepdim=True)
    classes: list[int] = given.tolist()
    means = {c: generator.mapping(z, torch.full((count,), c, device=device)).mean(0) for c in set(classes)}
    return torch.stack([means[c] for c in classes])
