"""A copy of a game to try steps on; the game stays as it was."""

from __future__ import annotations

import copy

from gansmith.games.duel import Duel
from gansmith.layers.synchronised import synchronise
from gansmith.world import ALONE


def trial_of(game: Duel) -> Duel:
    """The same game, in this process alone: its steps wait for nobody."""
    trial = copy.deepcopy(game)
    trial.listed = None
    trial.world = ALONE
    for player in (trial.generator, trial.discriminator):
        synchronise(player.network, ALONE)
    return trial
