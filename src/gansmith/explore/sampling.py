"""Latents by seed, truncation, and samples in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from gansmith.contracts import Generator

CHUNK = 64  # latents are always drawn in blocks of this size, so that picture k of a seed never depends on the count
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
    """Samples in blocks, [<= CHUNK, *spec.shape], on the CPU, in the network's range.

    `labels` int64 [count], where the generator is class-conditional. `truncation` psi in [0, 1] pulls every latent
    towards the mean one: w = mean + psi (w - mean) (Karras et al. 2019, arXiv 1812.04948, appendix B); less is
    smoother and less varied, 1 changes nothing. In bfloat16 samples differ by about a hundredth of the range.
    """
    device = device_of(generator)
    position = 0
    for z in latents(count, generator.latent_size, seed):
        given = None if labels is None else labels[position : position + len(z)].to(device)
        w = mapped(generator, z.to(device), given, truncation)
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            samples = generator.synthesis(w, given)
        yield samples.float().cpu()
        position += len(z)


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
