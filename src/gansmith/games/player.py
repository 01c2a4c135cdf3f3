"""A player: network, optimiser and running average, and the one place where weights change.

The average is exponential with a half-life in samples (Karras et al. 2020, arXiv 1912.04958, appendix B); it starts
short and grows with the samples seen, so that an early grid is not the average of noise.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from gansmith.contracts import Clock, Schedule
from gansmith.uncompiled import uncompiled

Adam, RMSprop, SGD = uncompiled(torch.optim.Adam), uncompiled(torch.optim.RMSprop), uncompiled(torch.optim.SGD)
Take = Callable[[Sequence[Tensor], Sequence[Tensor | None]], None]
Layout = Literal["auto", "channels_last", "contiguous"]
LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


@dataclass(frozen=True)
class Optimizer:
    """How a player's weights follow the gradient.

    `lr` per update and the second of `betas` are numbers or schedules. `betas` are adam's (the second also rmsprop's
    alpha); `momentum` is for sgd and rmsprop.
    """

    name: Literal["adam", "sgd", "rmsprop"] = "adam"
    lr: Schedule = Schedule(2e-4)
    betas: tuple[float, Schedule] = (0.0, Schedule(0.99))
    momentum: float = 0.0

    def __post_init__(self) -> None:
        if min(self.lr.start, self.lr.start if self.lr.end is None else self.lr.end) < 0 or self.lr.start <= 0:
            raise ValueError(f"lr must be above 0, not {self.lr.start}; 2e-4 is usual")
        second = [self.betas[1].start, self.betas[1].start if self.betas[1].end is None else self.betas[1].end]
        if not all(0 <= b < 1 for b in (self.betas[0], *second)):
            raise ValueError(f"betas must be in [0, 1), not {[self.betas[0], *second]}; [0.0, 0.99] is usual")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be in [0, 1), not {self.momentum}")

    def build(self, network: nn.Module) -> torch.optim.Optimizer:
        """The torch optimiser over all of the network's parameters."""
        parameters = list(network.parameters())
        if self.name == "sgd":
            return SGD(parameters, self.lr.start, momentum=self.momentum)
        if self.name == "rmsprop":
            return RMSprop(parameters, self.lr.start, alpha=self.betas[1].start, momentum=self.momentum)
        # integer betas are refused by torch 2.13, so a recipe's 0 becomes 0.0 here
        betas = (float(self.betas[0]), float(self.betas[1].start))
        return Adam(parameters, self.lr.start, betas=betas, fused=True)


@dataclass(frozen=True)
class Average:
    """The generator's running average: half-life in samples, never more than `ramp` x the samples seen so far."""

    half_life_samples: Schedule = Schedule(10_000)
    ramp: float = 0.05

    def __post_init__(self) -> None:
        if min(self.half_life_samples.start, self.half_life_samples.end or 0) < 0:
            raise ValueError(f"half_life_samples must be 0 (no average) or more, not {self.half_life_samples}")
        if not self.ramp > 0:
            raise ValueError(f"ramp must be above 0 (0.05: a twentieth of the samples seen), not {self.ramp}")

    @property
    def wanted(self) -> bool:
        """Whether there is an average at all."""
        return max(self.half_life_samples.start, self.half_life_samples.end or 0) > 0

    def decay(self, clock: Clock, batch: int) -> float:
        """The share of the old average that stays in one update over the `batch` samples after `clock`."""
        half_life = min(self.half_life_samples(clock.progress), self.ramp * (clock.samples_seen + batch))
        return float(0.5 ** (batch / half_life)) if half_life > 0 else 0.0


class Player:
    """A network that learns. `averaged` is the running average (the network itself where there is none).

    Of several processes all have equal weights: what is `shared` is averaged before it is used.
    `layout` is that of maps in memory.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: Optimizer,
        average: Average | None = None,
        layout: Layout = "auto",
    ) -> None:
        memory = usual_layout(network) if layout == "auto" else LAYOUTS[layout]
        self.network: nn.Module = network.to(memory_format=memory)  # type: ignore[call-overload]
        self.choice = optimizer
        self.optimizer = optimizer.build(network)
        self.average = average if average and average.wanted else None
        self.averaged = copy.deepcopy(network).requires_grad_(False).eval() if self.average else network
        self.take: Take | None = None  # is given weights and their gradients, in place of keeping them
        self.caution = 1.0  # factor on the learning rate; lowered when training had to go back

    def lr(self, clock: Clock) -> float:
        return self.choice.lr(clock.progress) * self.caution

    def learn(self, loss: Tensor) -> None:
        """Backward to the weights alone; gradients add up until `update`."""
        weights = [p for p in self.network.parameters() if p.requires_grad]
        if self.take is None:
            loss.backward(inputs=weights)  # type: ignore[no-untyped-call]
        else:
            self.take(weights, torch.autograd.grad(loss, weights, allow_unused=True))

    def shared(self) -> list[Tensor]:
        """What several processes average before an update: gradients, and buffers (statistics of batches)."""
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        return [*gradients, *self.network.buffers()]

    def update(self, clock: Clock, batch: int) -> Tensor:
        """One optimiser step, and one of the average. Returns the gradient's norm, a scalar tensor.

        `batch` is how many samples there were since the last one, over all processes.
        """
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr(clock)
            if "betas" in group:
                group["betas"] = (group["betas"][0], self.choice.betas[1](clock.progress))
        norm = torch.nn.utils.get_total_norm(gradients)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average:
            self._follow(self.average.decay(clock, batch))
        return norm

    @torch.no_grad()
    def _follow(self, decay: float) -> None:
        old = [*self.averaged.parameters(), *self.averaged.buffers()]
        new = [*self.network.parameters(), *self.network.buffers()]
        floats = [i for i, t in enumerate(old) if t.is_floating_point()]
        torch._foreach_lerp_([old[i] for i in floats], [new[i] for i in floats], 1 - decay)
        for o, n in zip(old, new, strict=True):
            if not o.is_floating_point():
                o.copy_(n)

    def state_dict(self) -> dict[str, Any]:
        state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        if self.average:
            state["averaged"] = self.averaged.state_dict()
        return {**state, "caution": self.caution}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        # files hold plain layouts; the fused optimiser walks weight and moments in memory order, so these must agree
        for weight, moments in self.optimizer.state.items():
            for name, moment in moments.items():
                if isinstance(moment, Tensor) and moment.shape == weight.shape:
                    moments[name] = torch.empty_like(weight).copy_(moment)
        if self.average:
            self.averaged.load_state_dict(state["averaged"])
        self.caution = float(state["caution"])


def usual_layout(network: nn.Module) -> torch.memory_format:
    """Channels last, unless the network has transposed convolutions, which are several times slower that way."""
    transposed = any(isinstance(m, nn.ConvTranspose2d) for m in network.modules())
    return torch.contiguous_format if transposed else torch.channels_last
