"""A game: its players' losses, penalties and augmentation, and one step of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from gansmith.contracts.clock import Clock, Schedule
from gansmith.contracts.networks import Verdict
from gansmith.contracts.samples import Batch

PlayerName = Literal["generator", "discriminator"]


class Step:
    """What one player can see in one step. Verdicts and gradients are computed when first asked for."""

    def __init__(
        self,
        player: PlayerName,
        judge: Callable[[Tensor, Tensor | None], Verdict],
        real: Tensor,
        fake: Tensor,
        given: Tensor | None = None,
        needs: Collection[str] = ("real", "fake"),
        *,
        latent: Tensor | None = None,
        together: bool = True,
        memory: dict[str, Tensor] | None = None,
        biases: list[Tensor] | None = None,
    ) -> None:
        self.player = player
        self.judge = judge  # the discriminator in the step's precision: (x, given) -> Verdict
        self.real = real  # [B, *shape]
        self.fake = fake  # [B, *shape]
        self.given = given
        self.needs = needs  # whose gradients penalties read
        self.latent = latent  # w [B, ...], where the generator has just made it
        self.together = together  # one concatenated discriminator pass; not where it normalises over the batch
        self.memory: dict[str, Tensor] = {} if memory is None else memory  # checkpointed with the game
        self.biases = biases  # [2 B, C] each, where `judge` gathers them

    @cached_property
    def _verdicts(self) -> tuple[Verdict, Verdict]:
        if not self.together:
            return self.judge(self.real, self.given), self.judge(self.fake, self.given)
        given = None if self.given is None else torch.cat([self.given, self.given])
        real, fake = self.judge(torch.cat([self.real, self.fake]), given).split()
        return real, fake

    @cached_property
    def real_verdict(self) -> Verdict:
        """On the reals; without gradients in the generator's step, where the reals are only compared with."""
        if self.player == "discriminator":
            return self._verdicts[0]
        with torch.no_grad():
            return self.judge(self.real, self.given)

    @cached_property
    def fake_verdict(self) -> Verdict:
        return self._verdicts[1] if self.player == "discriminator" else self.judge(self.fake, self.given)

    @cached_property
    def _gradients(self) -> tuple[dict[str, Tensor], list[Tensor]]:
        sides = {"real": self.real, "fake": self.fake}
        asked = {n: x for n, x in sides.items() if n in self.needs and x.requires_grad}
        verdicts = {"real": self.real_verdict, "fake": self.fake_verdict}
        total = torch.stack([s.sum() for n in asked for s in verdicts[n].scores]).sum()
        found = list(torch.autograd.grad(total, [*asked.values(), *(self.biases or [])], create_graph=True))
        return dict(zip(asked, found, strict=False)), found[len(asked) :]

    def gradient(self, of: Literal["real", "fake"]) -> Tensor:
        """d(sum of scores)/d(x) for the reals or the fakes, [B, *shape], differentiable.

        Both come from one backward pass. A penalty that calls this must name it in `Penalty.needs`.
        """
        return self._gradients[0][of]

    @property
    def by_biases(self) -> list[Tensor]:
        """d(sum of scores)/d(biases), [2 B, C] for each of `biases`, differentiable."""
        return self._gradients[1]

    def gradient_at(self, x: Tensor) -> Tensor:
        """d(sum of scores)/d(x) at other points [B, *shape], differentiable; costs a pass of its own."""
        x = x.detach().requires_grad_()
        total = torch.stack([s.sum() for s in self.judge(x, self.given).scores]).sum()
        return torch.autograd.grad(total, x, create_graph=True)[0]


class Loss(ABC):
    """An adversarial loss, of scores only. Implementations are frozen dataclasses."""

    compares: ClassVar[bool] = False  # True: the generator's loss needs the reals' scores too (relativistic)

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Scores of reals and fakes, each [B, ...] -> scalar to minimise."""

    @abstractmethod
    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Scores of reals (empty unless `compares`) and fakes -> scalar to minimise."""


class Penalty(ABC):
    """A term that one player pays beside the loss. Implementations are frozen dataclasses with these two fields."""

    player: ClassVar[PlayerName | Literal["both"]] = "discriminator"
    needs: ClassVar[frozenset[str]] = frozenset()  # of {"real", "fake", "latent"}: whose gradients it reads
    remembers: ClassVar[bool] = False  # True: it writes into `Step.memory`
    weight: Schedule
    every: int  # paid in every k-th step of its player, k times as much then

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every must be 1 (each step) or more, not {self.every}")
        if min(self.weight.start, self.weight.start if self.weight.end is None else self.weight.end) < 0:
            raise ValueError(f"weight must be 0 or more, not {self.weight}")

    @abstractmethod
    def __call__(self, step: Step) -> Tensor:
        """The unweighted term, a scalar tensor."""

    def after_update(self, network: nn.Module) -> None:
        """Change the paying player's weights after its update (weight clipping). Nothing by default."""
        return


class Augmentation(ABC):
    """Differentiable changes of what the discriminator sees, reals and fakes alike. Frozen dataclasses.

    The discriminator never sees an unchanged sample where p is 1; gradient penalties are taken with respect to the
    samples as they were before.
    """

    probability: Schedule

    @abstractmethod
    def __call__(self, x: Tensor, probability: Tensor) -> Tensor:
        """`x` [B, C, H, W], each sample changed with `probability` (scalar in [0, 1]), drawn for it alone."""

    def current(self, clock: Clock, memory: dict[str, Tensor]) -> Tensor:
        """The probability of this step, a scalar tensor."""
        return torch.tensor(self.probability(clock.progress))

    def adapt(self, memory: dict[str, Tensor], real_sign: Tensor, samples: int) -> None:
        """After each step of the discriminator: E sign of the reals' scores, over `samples`. Nothing by default."""
        return


class Report(NamedTuple):
    """What one step of a game has to tell: tag -> detached scalar tensor."""

    values: dict[str, Tensor]

    @property
    def finite(self) -> bool:
        return all(bool(torch.isfinite(v)) for v in self.values.values())


class Game(ABC):
    """Players, their losses, and one step of play."""

    @abstractmethod
    def step(self, batch: Batch, clock: Clock) -> Report: ...

    @abstractmethod
    def sample(self, z: Tensor, given: Tensor | None = None) -> Tensor:
        """Samples [B, *shape] of the averaged generator, float32, without gradients."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]: ...

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None: ...
