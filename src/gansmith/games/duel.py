"""The duel: one generator, one discriminator, alternating (Goodfellow et al. 2014, algorithm 1).

The generator moves first and its fakes are shown, detached, to the discriminator in the same step: they are made once,
and nothing has to be carried from step to step, so resuming is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gansmith.contracts import Augmentation, Batch, Clock, Game, Loss, Penalty, PlayerName, Report, Step, Verdict
from gansmith.games.euler import by_euler
from gansmith.games.listed import Listed
from gansmith.games.look import look
from gansmith.games.parts import Part, parts_of
from gansmith.games.player import Player
from gansmith.games.precision import Precision, allow_tf32, multiplies
from gansmith.games.tally import Tally
from gansmith.games.told import over_heads, told, wide
from gansmith.games.turns import Turns
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
        precision: Precision = "float32",
        world: World = ALONE,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.players = {"generator": generator, "discriminator": discriminator}
        self.loss, self.penalties, self.augment = loss, tuple(penalties), augment
        self.turns, self.micro_batch = Turns(self.penalties, discriminator_steps), micro_batch
        self.seed, self.precision, self.world = seed, precision, world
        self.latent_size = int(generator.network.latent_size)  # type: ignore[arg-type]
        self.memory: dict[str, Tensor] = {}
        self.probability, self.weights = torch.zeros(()), list[Any]()  # of augmentation and penalties, in this step
        self.listed: Listed | None = None  # does what `play` does
        network: Any = discriminator.network
        self.independent, self.homogeneous = (getattr(network, n, False) for n in ("independent", "homogeneous"))
        # a concatenated pass would let batch normalisation see reals and fakes mixed
        self.together = not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules())

    def step(self, batch: Batch, clock: Clock) -> Report:
        """One update of D on `batch`, and one of G before it in every `discriminator_steps`-th step; gradients are
        summed over parts of `micro_batch` samples. In a world of several, `batch` is this process' part."""
        count, tally = len(batch.real), Tally()
        allow_tf32(self.precision == "tf32")
        self.weights = [p.weight(clock.progress) * p.every for p in self.penalties]
        if self.augment:
            self.probability = self.augment.current(clock, self.memory)
            tally.add("augment/probability", self.probability)
        for part in parts_of(batch, self.micro_batch, self.latent_size, self.seed, clock, self.world):
            (self.listed or self.play)(part, clock, tally)
        shares = (self.generator.shared, self.discriminator.shared, self.memory.values)
        tally.average(self.world, batch.real.device, (tensor for share in shares for tensor in share()))
        if self.turns.moves(clock):
            self._update(self.generator, "generator", clock, count, tally)
        self._update(self.discriminator, "discriminator", clock, count, tally)
        if self.augment:
            self.augment.adapt(self.memory, tally.values["verdict/real_sign"], count * self.world.size)
        return Report(tally.values)

    def play(self, part: Part, clock: Clock, tally: Tally) -> None:
        """Both players' gradients for one part of a step's batch, added to what they have."""
        moves, tells = self.turns.moves(clock), self.turns.tells(clock)
        with torch.set_grad_enabled(moves), multiplies(self.precision, part.latents):
            latent, fake = self._make(part, clock)
        due, read_off = self.turns.due("discriminator", clock), self.homogeneous and not self.augment
        words: Any = {"together": self.together, "tells": tells, "homogeneous": read_off, "memory": self.memory}
        seen = look(self._judge, part.batch, fake, due, **words)
        if tells:
            loss, way = told(self.loss, seen, fake, independent=self.independent and "fake" in seen.needs)
            tally.add("loss/generator", loss, part.share)
            self.generator.learn(way * part.share)
        elif moves:
            self._generator_learns(part, latent, fake, clock, tally)
        self._discriminator_learns(seen, clock, part.share, tally)

    def _make(self, part: Part, clock: Clock) -> tuple[Tensor, Tensor]:
        network: Any = self.generator.network
        latent = network.mapping(part.latents, part.batch.given)
        if any("latent" in p.needs for p in self.turns.due("generator", clock)):
            latent.requires_grad_()
        return latent, wide(network.synthesis(latent, part.batch.given))

    def _generator_learns(self, part: Part, latent: Tensor, fake: Tensor, clock: Clock, tally: Tally) -> None:
        self.discriminator.network.requires_grad_(False)
        real, given = part.batch
        step = Step("generator", self._judge, real, fake, given, latent=latent, memory=self.memory)
        reals = step.real_verdict.scores if self.loss.compares else [s[:0] for s in step.fake_verdict.scores]
        loss = over_heads(self.loss.generator, reals, step.fake_verdict.scores)
        tally.add("loss/generator", loss, part.share)
        self._learn(self.generator, loss, step, clock, part.share, tally)
        self.discriminator.network.requires_grad_(True)

    def _discriminator_learns(self, step: Step, clock: Clock, share: float, tally: Tally) -> None:
        reals, fakes = step.real_verdict.scores, step.fake_verdict.scores
        if step.biases is None:
            value = loss = over_heads(self.loss.discriminator, reals, fakes)
        else:
            value, loss = by_euler(self.loss, step)
        tally.add("loss/discriminator", value, share)
        for r, f in zip(step.real_verdict.directions, step.fake_verdict.directions, strict=True):
            loss = loss + f.mean() - r.mean()  # the last layer's direction learns from this alone (SAN, eq. 14)
        compared = reals[0] - fakes[0] if self.loss.compares else reals[0]
        for tag, found in (("real", reals[0]), ("fake", fakes[0]), ("real_sign", compared.sign())):
            tally.add(f"verdict/{tag}", found.mean(), share)
        self._learn(self.discriminator, loss, step, clock, share, tally)

    def _learn(self, player: Player, loss: Tensor, step: Step, clock: Clock, share: float, tally: Tally) -> None:
        for penalty, weight in zip(self.penalties, self.weights, strict=True):
            if penalty not in self.turns.due(step.player, clock):
                continue
            term = penalty(step)
            tally.add(f"penalty/{type(penalty).__module__.rpartition('.')[2]}", term, share)
            loss = loss + weight * term
        player.learn(loss * share)

    def _update(self, player: Player, name: PlayerName, clock: Clock, count: int, tally: Tally) -> None:
        tally.add(f"gradient/{name}", player.update(clock, count * self.world.size))
        for penalty in self.penalties:
            if penalty.player in (name, "both"):
                penalty.after_update(player.network)

    def _judge(self, x: Tensor, given: Tensor | None) -> Verdict:
        if self.augment:
            x = self.augment(x, self.probability)
        with multiplies(self.precision, x):
            verdict: Verdict = self.discriminator.network(x, given)
        return verdict._replace(scores=tuple(wide(s) for s in verdict.scores))

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
        return {name: player.state_dict() for name, player in self.players.items()} | {"memory": self.memory}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, player in self.players.items():
            player.load_state_dict(state[name])
        self.memory = dict(state["memory"])
