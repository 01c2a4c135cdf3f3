"""Directions of w along which samples change much, found without labels: what an explorer puts on its sliders.

*Principal* directions (GANSpace: Haerkoenen et al. 2020, arXiv 2004.02546, sections 2.1 and 2.2): the principal
components of w where a mapping makes it; where w is the latent itself, which has none, those of an early layer's
activations, carried back to w by least squares. *Closed-form* directions (SeFa: Shen & Zhou 2021, arXiv 2007.06600,
equation 4): the eigenvectors of A^T A, largest eigenvalue first, A being the weights of all layers that take w in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gansmith.contracts import Generator

COUNT = 10  # directions of each kind, at most
SAMPLES = 500  # latents that are looked at
CHUNK = 100  # at a time
TOLD = 10  # classes or clusters that are looked at, evenly spread
NUMBERS = 1_024  # of a layer's activations that are looked at, evenly spread


@dataclass(frozen=True)
class Directions:
    """Each [K, D], D = `generator.latent_size`, or the last of w's sizes where w is [L, D], one vector a layer.

    They are added to the first D numbers of w (behind them lies a class, in some networks), in every layer. Their
    length is the standard deviation of w along them, so that 1 is a usual step and 3 a long one.
    """

    principal: Tensor
    closed_form: Tensor


@torch.inference_mode()
def find_directions(generator: Generator, classes: int) -> Directions:
    """Of a generator on the CPU, in evaluation, that is told one of `classes` possibilities, or nothing (0)."""
    chance = torch.Generator().manual_seed(0)
    z = torch.randn(SAMPLES, generator.latent_size, generator=chance)
    given = None
    if classes:
        told = torch.linspace(0, classes - 1, min(TOLD, classes), dtype=torch.float64).long()
        given = told[torch.arange(SAMPLES) % len(told)]
    w = generator.mapping(z, given)
    layered = w.ndim == 3
    moved = (w[:, 0] if layered else w[:, : generator.latent_size]).double()  # [N, D]
    moved = moved - _means(moved, given)
    if torch.allclose(moved + _means(z.double(), given), z.double()) and not layered:
        seen = _early(generator, w, given)
        found = _regressed(_principal(seen - _means(seen, given)), moved)
    else:
        found = _principal(moved)[1]
    return Directions(_scaled(found, moved), _scaled(_closed_form(generator, w, given, moved.shape[1]), moved))


def _means(x: Tensor, given: Tensor | None) -> Tensor:
    """The mean [N, D] of each row's class."""
    if given is None:
        return x.mean(0, keepdim=True).expand_as(x)
    found, places = torch.unique(given, return_inverse=True)
    sums = torch.zeros(len(found), x.shape[1], dtype=x.dtype).index_add_(0, places, x)
    means: Tensor = sums / torch.bincount(places)[:, None]
    return means[places]


def _principal(x: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates [N, K] of centred x [N, D] along its principal components [K, D], longest first."""
    u, s, v = torch.linalg.svd(x, full_matrices=False)
    count = min(COUNT, len(s))
    return u[:, :count] * s[:count], v[:count]


def _regressed(principal: tuple[Tensor, Tensor], w: Tensor) -> Tensor:
    """GANSpace's equation 3: directions [K, D] of w that move the coordinates, by least squares."""
    coordinates, _ = principal
    directions: Tensor = torch.linalg.lstsq(coordinates, w).solution
    return directions


def _scaled(directions: Tensor, w: Tensor) -> Tensor:
    """As long as the standard deviation of centred w along them; the largest number of each is positive."""
    unit = directions / directions.norm(dim=1, keepdim=True).clamp_min(1e-12)
    largest = unit.gather(1, unit.abs().argmax(1, keepdim=True))
    scaled: Tensor = unit * largest.sign() * (w @ unit.T).std(0)[:, None]
    return scaled.float()


class _Layers:
    """What a synthesis' layers with weights of their own make of w, in the order in which they are asked."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.layers = [m for m in generator.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]

    def __call__(self, w: Tensor, given: Tensor | None) -> list[Tensor]:
        """[B, numbers] of each."""
        made: list[Tensor] = []

        def keep(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
            if isinstance(output, Tensor) and len(output) == len(w):
                made.append(output.flatten(1))

        hooks = [layer.register_forward_hook(keep) for layer in self.layers]
        try:
            self.generator.synthesis(w, given)
        finally:
            for hook in hooks:
                hook.remove()
        return made


def _early(generator: Generator, w: Tensor, given: Tensor | None) -> Tensor:
    """Activations [N, numbers] of the first layer that does not see w alone, but what an earlier one made of it."""
    layers = _Layers(generator)
    straight = _affine(layers, w, given)
    place = next((k for k, affine in enumerate(straight) if not affine), 0)
    parts = [slice(i, i + CHUNK) for i in range(0, len(w), CHUNK)]
    made = [layers(w[p], None if given is None else given[p])[place] for p in parts]
    step = math.ceil(made[0].shape[1] / NUMBERS)
    return torch.cat([x[:, ::step] for x in made]).double()


def _affine(layers: _Layers, w: Tensor, given: Tensor | None) -> list[bool]:
    """Of each layer, whether what it makes is affine in w: then it takes w in (or what is only w, weighed)."""
    told = None if given is None else given[:1].expand(3)
    ends = w[[0, min(layers.generator.latent_size, len(w) - 1)]]
    a, b, middle = 0, 1, 2
    found = []
    for x in layers(torch.cat([ends, ends.mean(0, keepdim=True)]), told):
        between = (x[a] + x[b]) / 2
        moves = float((x[a] - x[b]).abs().max())
        found.append(moves > 0 and float((x[middle] - between).abs().max()) < 1e-4 * moves)
    return found


def _closed_form(generator: Generator, w: Tensor, given: Tensor | None, size: int) -> Tensor:
    layers = _Layers(generator)
    affine = _affine(layers, w, given)
    start = w.mean(0, keepdim=True)
    steps = torch.zeros(size, *start.shape[1:])
    steps[..., :size] += torch.eye(size).reshape(size, *[1] * (start.ndim - 2), size)
    told = None if given is None else given[:1].expand(size + 1)
    made = layers(torch.cat([start, start + steps]), told)
    weights = torch.cat([x[1:] - x[:1] for x, is_affine in zip(made, affine, strict=True) if is_affine], dim=1)
    vectors: Tensor = torch.linalg.eigh((weights @ weights.T).double()).eigenvectors  # smallest eigenvalue first
    return vectors.T.flip(0)[: min(COUNT, size)]
