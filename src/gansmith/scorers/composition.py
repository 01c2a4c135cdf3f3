"""Whether scenes keep their composition, as a recogniser reads it, beside what held-out scenes have."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gansmith.contracts import Dataset, Scorer
from gansmith.features.recogniser import fit_recogniser
from gansmith.metrics.composition import Compositions, composition

REFERENCE = 5000  # training samples
CHUNK = 500


class CompositionScorer(Scorer):
    """`counts`, `couples`, `companions`, `forbidden` of samples against training ones; `..._real` of held-out ones.

    Distances are of as many generated as held-out samples, since fewer are further off by chance alone.
    """

    name = "composition"

    def __init__(
        self, dataset: Dataset, test: Dataset | None, say: Callable[[str], None], made: tuple[str, int]
    ) -> None:
        known = dataset.composition
        assert known is not None
        self._recogniser = fit_recogniser(dataset, test, say, architecture=made[0], seed=made[1])
        self._rules = known.companions, known.forbidden
        whole = len(known.counts)
        order = torch.randperm(whole, generator=torch.Generator().manual_seed(0)).tolist()
        if test is not None:
            held_out = self._read(test, range(min(len(test), REFERENCE)))
        else:
            held_out = self._read(dataset, order[: whole // 2])
            order = order[whole // 2 :]
        self._held_out = held_out
        self._reference = self._read(dataset, order[:REFERENCE])
        self.samples = len(held_out.counts)
        self.protocol = {
            "hash": self._recogniser.hash,
            "details": self._recogniser.details,
            "reference": len(self._reference.counts),
            "real": f"{self.samples} samples of the {'test split' if test else 'training split, not in the reference'}",
            "counts": "total variation of the histograms of counts",
            "couples": "mean absolute difference of the shares of samples with both of two kinds",
            "companions": "share of samples with two kinds that are often together",
            "forbidden": "share of samples with two kinds that are never together",
        }

    def see(self, x: Tensor) -> Tensor:
        """int64 [B, 1 + K]: the count, then 1 for each kind that is there."""
        return self._recogniser.read(x)

    def score(self, seen: Tensor) -> dict[str, float]:
        """Of what `see` gives, [N, 1 + K]; the reals' scores are of the first N of them."""
        found = composition(_compositions(seen), self._reference, *self._rules)
        n = len(seen)
        real = Compositions(self._held_out.counts[:n], self._held_out.present[:n])
        near = composition(real, self._reference, *self._rules)
        return found | {f"{name}_real": value for name, value in near.items()}

    def _read(self, dataset: Dataset, indices: list[int] | range) -> Compositions:
        parts = [self.see(dataset.fetch(indices[i : i + CHUNK]).real) for i in range(0, len(indices), CHUNK)]
        return _compositions(torch.cat(parts))


def _compositions(read: Tensor) -> Compositions:
    return Compositions(read[:, 0], read[:, 1:].bool())
