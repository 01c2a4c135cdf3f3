"""A training step as most would write it first: float32, one pass for each use, nothing shared. What ours is held to.

The same game as `games/duel.py` with R1 and R2: the same fakes for both players, exact gradient penalties, Adam, a
running average.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from gansmith.contracts import Loss
from gansmith.games.precision import allow_tf32
from gansmith.layers.textbook import textbook


class Plain:
    """Two networks, their losses and optimisers. `gammas`: the weights of R1 and of R2, 0 for none.

    `optimizer` makes one of parameters; `decay` is the share of the running average that stays in a step.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        loss: Loss,
        gammas: tuple[float, float] = (0.0, 0.0),
        *,
        optimizer: Callable[[Iterator[nn.Parameter]], torch.optim.Optimizer],
        decay: float,
    ) -> None:
        self.generator, self.discriminator, self.loss, self.gammas = generator, discriminator, loss, gammas
        self.decay, self.averaged = decay, copy.deepcopy(generator)
        self.of_generator = optimizer(generator.parameters())
        self.of_discriminator = optimizer(discriminator.parameters())

    def step(self, real: Tensor, given: Tensor | None, z: Tensor) -> None:
        """Both players once, on reals [B, C, H, W] and latents [B, Z]; by torch's own layers."""
        allow_tf32(False)
        with textbook():
            self._step(real, given, z)

    def _step(self, real: Tensor, given: Tensor | None, z: Tensor) -> None:
        fake = self.generator(z, given)
        told = self.discriminator(fake, given).scores
        reals = self.discriminator(real, given).scores if self.loss.compares else [s[:0] for s in told]
        self._update(self.of_generator, _mean([self.loss.generator(r, f) for r, f in zip(reals, told, strict=True)]))
        with torch.no_grad():
            for old, new in zip(self.averaged.parameters(), self.generator.parameters(), strict=True):
                old.lerp_(new, 1 - self.decay)
        real, fake = real.detach().requires_grad_(), fake.detach().requires_grad_()
        reals, fakes = self.discriminator(real, given).scores, self.discriminator(fake, given).scores
        loss = _mean([self.loss.discriminator(r, f) for r, f in zip(reals, fakes, strict=True)])
        for gamma, x, scores in zip(self.gammas, (real, fake), (reals, fakes), strict=True):
            if gamma:
                loss = loss + gamma / 2 * _slope(scores, x).square().flatten(1).sum(1).mean()
        self._update(self.of_discriminator, loss)

    def _update(self, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        self.of_generator.zero_grad()
        self.of_discriminator.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _mean(losses: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(losses)).mean()


def _slope(scores: Sequence[Tensor], x: Tensor) -> Tensor:
    return torch.autograd.grad(torch.stack([s.sum() for s in scores]).sum(), x, create_graph=True)[0]
