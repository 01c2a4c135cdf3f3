"""The duel: one generator, one discriminator, alternating (Goodfellow et al. 2014, algorithm 1).

The generator moves first and its fakes are shown, detached, to the discriminator in the same step: they are made once,
and nothing has to be carried from step to step, so resuming is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gansmith.contracts import Augmentation, Batch, Clock, Game, Loss, Penalty, PlayerName, Report, Step, Verdict
from gansmith.games.player import Player
from gansmith.games.seeds import step_seed
from gansmith.world import ALONE, World


class Duel(Game):
    """`loss` and `penalties` between two players; `discriminator_steps` updates of D to each one of G."""

    def __init__(
        self,
        generator: Player,
        discriminator: Player,
        loss: Loss,
        penalties: Sequence[Penalty] = (),
        augment: Augmentation | None = None,
        *,
        discriminator_steps: int = 1,
        seed: int = 0,
        bfloat16: bool = False,
        world: World = ALONE,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.loss, self.penalties, self.augment = loss, tuple(penalties), augment
        self.discriminator_steps, self.seed, self.bfloat16 = discriminator_steps, seed, bfloat16
        self.world = world
        self.memory: dict[str, Tensor] = {}
        self._probability = torch.zeros(())  # of augmentation, in this step
        # a concatenated pass would let batch normalisation see reals and fakes mixed
        self.together = not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in discriminator.network.modules())

    def step(self, batch: Batch, clock: Clock) -> Report:
        """One update of D on `batch`, and one of G before it in every `discriminator_steps`-th step.

        In a world of several, `batch` is this process' part. The latents are those of one process with all of it, so
        that the number of processes does not matter; what networks and augmentation draw after them is each one's own.
        """
        latents = self._latents(batch.real, clock)
        values: dict[str, Tensor] = {}
        if self.augment:
            self._probability = values["augment/probability"] = self.augment.current(clock, self.memory)
        if (clock.step + 1) % self.discriminator_steps == 0:
            fake = self._generator_moves(batch, latents, clock, values)
        else:
            with torch.no_grad(), self._precision(batch.real):
                fake = self.generator.network(latents, batch.given).float()
        self._discriminator_moves(batch, fake.detach(), clock, values)
        self._share(values, batch.real.device)
        if self.augment:
            self.augment.adapt(self.memory, values["verdict/real_sign"], len(batch.real) * self.world.size)
        return Report(values)

    def _generator_moves(self, batch: Batch, latents: Tensor, clock: Clock, values: dict[str, Tensor]) -> Tensor:
        network: Any = self.generator.network
        self.discriminator.network.requires_grad_(False)
        with self._precision(batch.real):
            latent = network.mapping(latents, batch.given)
            if any("latent" in p.needs for p in self._due("generator", clock)):
                latent.requires_grad_()
            fake: Tensor = network.synthesis(latent, batch.given).float()
        step = Step("generator", self._judge, batch.real, fake, batch.given, latent=latent, memory=self.memory)
        reals = step.real_verdict.scores if self.loss.compares else [s[:0] for s in step.fake_verdict.scores]
        loss = _over_heads(self.loss.generator, reals, step.fake_verdict.scores)
        values["loss/generator"] = loss.detach()
        self._play(self.generator, "generator", loss, step, clock, values)
        self.discriminator.network.requires_grad_(True)
        return fake

    def _discriminator_moves(self, batch: Batch, fake: Tensor, clock: Clock, values: dict[str, Tensor]) -> None:
        needs = {n for p in self._due("discriminator", clock) for n in p.needs}
        real = batch.real.detach().requires_grad_("real" in needs)
        fake = fake.requires_grad_("fake" in needs)
        step = Step("discriminator", self._judge, real, fake, batch.given, together=self.together, memory=self.memory)
        reals, fakes = step.real_verdict.scores, step.fake_verdict.scores
        loss = _over_heads(self.loss.discriminator, reals, fakes)
        values["loss/discriminator"] = loss.detach()
        for r, f in zip(step.real_verdict.directions, step.fake_verdict.directions, strict=True):
            loss = loss + f.mean() - r.mean()  # the last layer's direction learns from this alone (SAN, eq. 14)
        compared = reals[0] - fakes[0] if self.loss.compares else reals[0]
        values["verdict/real"], values["verdict/fake"] = reals[0].detach().mean(), fakes[0].detach().mean()
        values["verdict/real_sign"] = compared.detach().sign().mean()
        self._play(self.discriminator, "discriminator", loss, step, clock, values)

    def _play(
        self, player: Player, name: PlayerName, loss: Tensor, step: Step, clock: Clock, values: dict[str, Tensor]
    ) -> None:
        for penalty in self._due(name, clock):
            term = penalty(step)
            values[f"penalty/{type(penalty).__module__.rpartition('.')[2]}"] = term.detach()
            loss = loss + penalty.weight(clock.progress) * penalty.every * term
        values[f"gradient/{name}"] = player.update(loss, clock, len(step.real) * self.world.size)
        for penalty in self.penalties:
            if penalty.player in (name, "both"):
                penalty.after_update(player.network)

    def _due(self, name: PlayerName, clock: Clock) -> list[Penalty]:
        moves = clock.step if name == "discriminator" else clock.step // self.discriminator_steps
        return [p for p in self.penalties if p.player in (name, "both") and moves % p.every == 0]

    def _judge(self, x: Tensor, given: Tensor | None) -> Verdict:
        if self.augment:
            x = self.augment(x, self._probability)
        with self._precision(x):
            verdict: Verdict = self.discriminator.network(x, given)
        return verdict._replace(scores=tuple(s.float() for s in verdict.scores))

    def _precision(self, x: Tensor) -> torch.autocast:
        return torch.autocast(x.device.type, torch.bfloat16, enabled=self.bfloat16)

    def _latents(self, like: Tensor, clock: Clock) -> Tensor:
        """The step's random state, and its latents [B, Z]: this process' part of those that one process would draw."""
        torch.manual_seed(step_seed(self.seed, clock.samples_seen))
        count, size = len(like) * self.world.size, int(self.generator.network.latent_size)  # type: ignore[arg-type]
        latents = torch.randn(count, size, device=like.device)[self.world.part(count)]
        if self.world.size > 1:
            torch.manual_seed(step_seed(self.seed, clock.samples_seen, self.world.rank + 1))
        return latents

    def _share(self, values: dict[str, Tensor], device: torch.device) -> None:
        """All processes are to know, and to remember, the same: the means of what each has seen."""
        if self.world.size > 1:
            told = torch.stack([value.float().to(device) for value in values.values()])
            self.world.average([told, *(m for m in self.memory.values() if m.dtype == torch.float32)])
            values.update(zip(values, told, strict=True))

    @torch.no_grad()
    def sample(self, z: Tensor, given: Tensor | None = None) -> Tensor:
        network = self.generator.averaged
        training = network.training
        try:
            fake: Tensor = network.eval()(z, given)
        finally:
            network.train(training)
        return fake.float()

    def state_dict(self) -> dict[str, Any]:
        players = {"generator": self.generator.state_dict(), "discriminator": self.discriminator.state_dict()}
        return {**players, "memory": self.memory}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.memory = dict(state["memory"])


def _over_heads(loss: Callable[[Tensor, Tensor], Tensor], reals: Sequence[Tensor], fakes: Sequence[Tensor]) -> Tensor:
    return torch.stack([loss(r, f) for r, f in zip(reals, fakes, strict=True)]).mean()
