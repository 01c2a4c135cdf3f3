"""The generator's gradient from what the discriminator's own step has computed: one pass of D serves both players.

Reals and fakes go through the same weights for both (decision 0013). Where each score is of its own sample alone and a
penalty has asked for dscore_i/dfake_i, dL/dfake_i is that times dL/dscore_i; else the loss is led back to the fakes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gansmith.contracts import Loss, Step


def told(loss: Loss, seen: Step, fake: Tensor, *, independent: bool) -> tuple[Tensor, Tensor]:
    """The generator's loss, and a scalar whose gradient to `fake` [B, *shape] is the loss's.

    `seen` is the discriminator's step on the same fakes, detached; `independent`: it has one head [B], whose scores are
    each of its own sample alone, and the fakes' gradients are penalised.
    """
    scores = seen.fake_verdict.scores
    reals = [s.detach() if loss.compares else s[:0].detach() for s in seen.real_verdict.scores]
    if independent:
        apart = scores[0].detach().requires_grad_()
        value = loss.generator(reals[0], apart)
        slope = torch.autograd.grad(value, apart)[0].reshape(-1, *[1] * (fake.dim() - 1))
        return value.detach(), (fake * (slope * seen.gradient("fake").detach())).sum()
    value = over_heads(loss.generator, reals, scores)
    (slope,) = torch.autograd.grad(value, seen.fake, retain_graph=True)
    return value.detach(), (fake * slope).sum()


def over_heads(loss: Callable[[Tensor, Tensor], Tensor], reals: Sequence[Tensor], fakes: Sequence[Tensor]) -> Tensor:
    """The mean of a loss over a discriminator's heads."""
    return torch.stack([loss(r, f) for r, f in zip(reals, fakes, strict=True)]).mean()


def wide(x: Tensor) -> Tensor:
    """`x` in float32, or in float64 where it is."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
