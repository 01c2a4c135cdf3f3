"""The generator's gradient from what the discriminator's own step has computed: one pass of D serves both players.

dL/dfake_i = dL/dscore_i dscore_i/dfake_i, where each score is of its own sample alone. The second factor is what a
gradient penalty on the fakes needs anyway (decision 0013).
"""

from __future__ import annotations

import torch
from torch import Tensor

from gansmith.contracts import Loss, Step


def through_scores(loss: Loss, seen: Step, fake: Tensor) -> tuple[Tensor, Tensor]:
    """The generator's loss, and a scalar whose gradient to `fake` [B, *shape] is the loss's.

    `seen` is the discriminator's step on the same fakes, detached, with one head [B].
    """
    real, told = (v.scores[0].detach() for v in (seen.real_verdict, seen.fake_verdict))
    value = loss.generator(real if loss.compares else real[:0], told.requires_grad_())
    slope = torch.autograd.grad(value, told)[0].reshape(-1, *[1] * (fake.dim() - 1))
    return value.detach(), (fake * (slope * seen.gradient("fake").detach())).sum()
