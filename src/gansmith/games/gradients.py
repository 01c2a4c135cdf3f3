"""The gradients that one step of a game gives its players."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gansmith.contracts import Batch, Clock
from gansmith.games.duel import Duel


def step_gradients(game: Duel, batch: Batch, clock: Clock) -> list[Tensor]:
    """Take a step; the generator's gradient and the discriminator's, each as one vector of float32 on the CPU.

    A player that does not move in this step has an empty one.
    """
    found = [torch.zeros(0), torch.zeros(0)]
    hooks = []
    for index, player in enumerate((game.generator, game.discriminator)):

        def keep(optimizer: torch.optim.Optimizer, *_: Any, index: int = index) -> None:
            gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
            found[index] = torch.cat([g.detach().float().flatten() for g in gradients]).cpu()

        hooks.append(player.optimizer.register_step_pre_hook(keep))
    try:
        game.step(batch, clock)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def disagreement(found: list[Tensor], wanted: list[Tensor]) -> float:
    """The largest relative error |found - wanted| / |wanted| among the players; not a number where one has none."""
    moved = [(f, w) for f, w in zip(found, wanted, strict=True) if w.numel()]
    return float(torch.stack([torch.zeros(()), *((f - w).norm() / w.norm() for f, w in moved)]).max())
