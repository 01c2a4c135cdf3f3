"""Whose turn it is, and who pays what in it."""

from __future__ import annotations

from dataclasses import dataclass

from gansmith.contracts import Clock, Penalty, PlayerName


@dataclass(frozen=True)
class Turns:
    """The discriminator learns in every step, the generator in the last of every `discriminator_steps`."""

    penalties: tuple[Penalty, ...]
    discriminator_steps: int = 1

    def moves(self, clock: Clock) -> bool:
        """Whether the generator learns in this step."""
        return (clock.step + 1) % self.discriminator_steps == 0

    def due(self, name: PlayerName, clock: Clock) -> list[Penalty]:
        """The penalties that a player pays in this step."""
        turn = clock.step if name == "discriminator" else clock.step // self.discriminator_steps
        return [p for p in self.penalties if p.player in (name, "both") and turn % p.every == 0]

    def tells(self, clock: Clock) -> bool:
        """Whether the discriminator's own pass tells the generator all that it needs (decision 0013)."""
        return self.moves(clock) and not self.due("generator", clock)
