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
from gansmith.games.chain import through_scores
from gansmith.games.parts import Part, parts_of
from gansmith.games.player import Player
from gansmith.games.tally import Tally
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
        micro_batch: int | None = None,
        seed: int = 0,
        bfloat16: bool = False,
        world: World = ALONE,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.loss, self.penalties, self.augment = loss, tuple(penalties), augment
        self.discriminator_steps, self.micro_batch = discriminator_steps, micro_batch
        self.seed, self.bfloat16, self.world = seed, bfloat16, world
        self.latent_size = int(generator.network.latent_size)  # type: ignore[arg-type]
        self.memory: dict[str, Tensor] = {}
        self._probability = torch.zeros(())  # of augmentation, in this step
        self.independent = bool(getattr(discriminator.network, "independent", False))
        # a concatenated pass would let batch normalisation see reals and fakes mixed
        self.together = not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in discriminator.network.modules())

    def step(self, batch: Batch, clock: Clock) -> Report:
        """One update of D on `batch`, and one of G before it in every `discriminator_steps`-th step.

        Gradients are summed over parts of `micro_batch` samples. In a world of several, `batch` is this process' part.
        """
        moves, count, tally = (clock.step + 1) % self.discriminator_steps == 0, len(batch.real), Tally()
        if self.augment:
            self._probability = self.augment.current(clock, self.memory)
            tally.add("augment/probability", self._probability)
        for part in parts_of(batch, self.micro_batch, self.latent_size, self.seed, clock, self.world):
            with torch.set_grad_enabled(moves), self._precision(batch.real):
                latent, fake = self._make(part, clock)
            seen = self._seen(part.batch, fake.detach(), clock)
            if moves and self._one_pass(clock):
                loss, told = through_scores(self.loss, seen, fake)
                tally.add("loss/generator", loss, part.share)
                self.generator.learn(told * part.share)
            elif moves:
                self._generator_learns(part, latent, fake, clock, tally)
            self._discriminator_learns(seen, clock, part.share, tally)
        if moves:
            self._update(self.generator, "generator", clock, count, tally)
        self._update(self.discriminator, "discriminator", clock, count, tally)
        tally.average(self.world, batch.real.device, self.memory)
        if self.augment:
            self.augment.adapt(self.memory, tally.values["verdict/real_sign"], count * self.world.size)
        return Report(tally.values)

    def _make(self, part: Part, clock: Clock) -> tuple[Tensor, Tensor]:
        network: Any = self.generator.network
        latent = network.mapping(part.latents, part.batch.given)
        if any("latent" in p.needs for p in self._due("generator", clock)):
            latent.requires_grad_()
        return latent, network.synthesis(latent, part.batch.given).float()

    def _seen(self, batch: Batch, fake: Tensor, clock: Clock) -> Step:
        needs = {n for p in self._due("discriminator", clock) for n in p.needs}
        real = batch.real.detach().requires_grad_("real" in needs)
        fake = fake.requires_grad_("fake" in needs)
        together = self.together and len(needs) != 1  # alone, one side's gradient must not cost the other's
        return Step("discriminator", self._judge, real, fake, batch.given, together=together, memory=self.memory)

    def _one_pass(self, clock: Clock) -> bool:
        """Whether the discriminator's own pass and gradients tell the generator all it needs (decision 0013)."""
        asked = any("fake" in p.needs for p in self._due("discriminator", clock))
        return asked and self.independent and not self._due("generator", clock)

    def _generator_learns(self, part: Part, latent: Tensor, fake: Tensor, clock: Clock, tally: Tally) -> None:
        self.discriminator.network.requires_grad_(False)
        real, given = part.batch
        step = Step("generator", self._judge, real, fake, given, latent=latent, memory=self.memory)
        reals = step.real_verdict.scores if self.loss.compares else [s[:0] for s in step.fake_verdict.scores]
        loss = _over_heads(self.loss.generator, reals, step.fake_verdict.scores)
        tally.add("loss/generator", loss, part.share)
        self._learn(self.generator, loss, step, clock, part.share, tally)
        self.discriminator.network.requires_grad_(True)

    def _discriminator_learns(self, step: Step, clock: Clock, share: float, tally: Tally) -> None:
        reals, fakes = step.real_verdict.scores, step.fake_verdict.scores
        loss = _over_heads(self.loss.discriminator, reals, fakes)
        tally.add("loss/discriminator", loss, share)
        for r, f in zip(step.real_verdict.directions, step.fake_verdict.directions, strict=True):
            loss = loss + f.mean() - r.mean()  # the last layer's direction learns from this alone (SAN, eq. 14)
        compared = reals[0] - fakes[0] if self.loss.compares else reals[0]
        for tag, found in (("real", reals[0]), ("fake", fakes[0]), ("real_sign", compared.sign())):
            tally.add(f"verdict/{tag}", found.mean(), share)
        self._learn(self.discriminator, loss, step, clock, share, tally)

    def _learn(self, player: Player, loss: Tensor, step: Step, clock: Clock, share: float, tally: Tally) -> None:
        for penalty in self._due(step.player, clock):
            term = penalty(step)
            tally.add(f"penalty/{type(penalty).__module__.rpartition('.')[2]}", term, share)
            loss = loss + penalty.weight(clock.progress) * penalty.every * term
        player.learn(loss * share)

    def _update(self, player: Player, name: PlayerName, clock: Clock, count: int, tally: Tally) -> None:
        tally.add(f"gradient/{name}", player.update(clock, count * self.world.size))
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
