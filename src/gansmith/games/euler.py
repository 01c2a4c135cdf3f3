"""The discriminator's loss gradient read off the gradients that R1 and R2 penalise (Euler's theorem).

A penalty on g = ds/dx is differentiated by the weights through the graph of g: one pass along the layers for g itself,
one back along them, one for the weights. The loss, differentiated in the usual way, walks the graph of s once more:
one pass for the layers' outputs, one for the weights, with nearly the same numbers. For a homogeneous discriminator

    s = <g, x> + sum over layers of <ds/db, b>                       (layers/biases.py)

so that the loss's gradient, sum of a_i ds_i/dw with a_i = dL/ds_i, comes out of the graph of g, too, and with the
penalty's in the same passes: four instead of six.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gansmith.contracts import Loss, Step


def by_euler(loss: Loss, seen: Step) -> tuple[Tensor, Tensor]:
    """The discriminator's loss, detached, and a scalar whose gradient to the weights is the loss's.

    `seen` has judged reals and fakes together, with one head [B], and gathered the biases.
    """
    reals, fakes = (v.scores[0].detach().requires_grad_() for v in (seen.real_verdict, seen.fake_verdict))
    with torch.enable_grad():
        value = loss.discriminator(reals, fakes)
    a = torch.cat(torch.autograd.grad(value, (reals, fakes)))  # [2 B]
    assert seen.biases is not None
    terms = [(slope * rows).sum(1) for slope, rows in zip(seen.by_biases, seen.biases, strict=True)]
    x, g = torch.cat([seen.real, seen.fake]).detach(), torch.cat([seen.gradient("real"), seen.gradient("fake")])
    terms.append((g * x).flatten(1).sum(1))
    return value.detach(), (a * torch.stack([t.to(a.dtype) for t in terms]).sum(0)).sum()
