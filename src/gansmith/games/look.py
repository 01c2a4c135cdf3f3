"""What the discriminator looks at in its step, and what of it is kept for gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor

from gansmith.contracts import Batch, Penalty, Step, Verdict
from gansmith.layers.biases import gather_biases

Judge = Callable[[Tensor, Tensor | None], Verdict]


def look(
    judge: Judge,
    batch: Batch,
    fake: Tensor,
    due: Sequence[Penalty],
    *,
    together: bool,
    tells: bool,
    homogeneous: bool,
    memory: dict[str, Tensor],
) -> Step:
    """The discriminator's step on `batch` and as many fakes [B, *shape], with the penalties that are `due` in it.

    `together`: reals and fakes may go through it in one pass; `tells`: the generator's loss is to be led back to the
    fakes; `homogeneous`: scores may be read off their derivatives (euler.py).
    """
    needs = frozenset(name for penalty in due for name in penalty.needs)
    real = batch.real.detach().requires_grad_("real" in needs)
    fake = fake.detach().requires_grad_("fake" in needs or tells)
    # apart, one side's gradient does not cost the other's
    together = together and (len(needs) == 2 or not (needs or tells))
    biases: list[Tensor] | None = None
    if homogeneous and together and needs and all(penalty.needs for penalty in due):
        biases = []
        judge = partial(_gathering, judge, biases)
    given = batch.given
    return Step("discriminator", judge, real, fake, given, needs, together=together, memory=memory, biases=biases)


def _gathering(judge: Judge, biases: list[Tensor], x: Tensor, given: Tensor | None) -> Verdict:
    with gather_biases(biases):
        return judge(x, given)
