"""Do scenes of several things keep their composition: how many there are, and which are together?

Of what a recogniser read in generated and in real samples, so that its errors weigh on both sides. Things can each look
right while their counts and company are wrong; features of whole pictures hardly show that.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

Couples = tuple[tuple[int, int], ...]  # indices of kinds


class Compositions(NamedTuple):
    """Counts int64 [N], 0 or more, and which of K kinds are present, bool [N, K]."""

    counts: Tensor
    present: Tensor


def count_distance(made: Tensor, real: Tensor) -> float:
    """Total variation between two histograms of counts int64 [N], [M]: the share that would have to change, 0 to 1."""
    most = 1 + int(torch.cat([made, real]).max())
    shares = [torch.bincount(x, minlength=most).double() / len(x) for x in (made, real)]
    return float((shares[0] - shares[1]).abs().sum()) / 2


def together(present: Tensor) -> Tensor:
    """Share of samples in which both of two kinds are, for every couple i < j: float64 [K (K - 1) / 2]."""
    x = present.double()
    rates = x.T @ x / len(x)
    i, j = torch.triu_indices(len(rates), len(rates), offset=1)
    return rates[i, j]


def couples_distance(made: Tensor, real: Tensor) -> float:
    """Mean absolute difference of `together` over all couples, of presences bool [N, K] and [M, K]."""
    return float((together(made) - together(real)).abs().mean())


def share_with(present: Tensor, couples: Couples) -> float:
    """Share of samples, presences bool [N, K], that hold one of `couples` or more. 0 where there are no couples."""
    if not couples:
        return 0.0
    first, second = torch.tensor(couples, device=present.device).T
    return float((present[:, first] & present[:, second]).any(1).double().mean())


def composition(
    generated: Compositions, reference: Compositions, companions: Couples, forbidden: Couples
) -> dict[str, float]:
    """Distances of counts and of couples, and the shares of samples with companions and with forbidden couples.

    Raises ValueError where one side is empty or the two know different kinds.
    """
    for x in (generated, reference):
        if len(x.counts) == 0 or x.present.ndim != 2 or len(x.present) != len(x.counts):
            raise ValueError(
                f"Wanted counts [N] and presences [N, K], not {tuple(x.counts.shape)}, {tuple(x.present.shape)}."
            )
    if generated.present.shape[1] != reference.present.shape[1]:
        raise ValueError(
            f"{generated.present.shape[1]} kinds were generated, but the reference has {reference.present.shape[1]}."
        )
    return {
        "counts": count_distance(generated.counts, reference.counts),
        "couples": couples_distance(generated.present, reference.present),
        "companions": share_with(generated.present, companions),
        "forbidden": share_with(generated.present, forbidden),
    }
