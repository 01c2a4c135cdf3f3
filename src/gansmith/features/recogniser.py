"""A recogniser of what samples are put together from: how many things, and of which kinds.

The classifier's network with two heads in one: a class for every count, and a yes or no for every kind. Trained on data
whose composition is known exactly, so that the composition of generated samples can be read back. Kept in the cache.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from gansmith.contracts import Composition, Dataset, Extractor, Seen
from gansmith.errors import DataError
from gansmith.features.fit import fetch_all, held_out, load_pixels, resizer, train
from gansmith.features.network import Network, shrink
from gansmith.features.stored import FIRST, Stored, cached, new_network
from gansmith.features.weights import CHUNK, check_shape, in_chunks, weights_hash

KIND = "recogniser"
PASSES = 3  # times as many samples as a classifier is shown: it has more to learn


class Recogniser(Extractor):
    """Hidden activations [B, 128] of samples of `shape` (C, H, W), and what they are put together from."""

    def __init__(self, stored: Stored) -> None:
        self.name = KIND if stored.architecture == FIRST[0] else "second"
        self.stored = stored
        self.network = stored.network.eval().requires_grad_(False)
        self.shape = stored.shape
        self.details = stored.details
        self.most = int(stored.details["most"])
        self.hash = weights_hash(self.network.state_dict())

    def __call__(self, x: Tensor) -> Seen:
        return in_chunks(lambda part: Seen(self.network(shrink(part, self.network.size))[0]), x, self.shape)

    @torch.no_grad()
    def read(self, x: Tensor) -> Tensor:
        """int64 [B, 1 + K] of samples [B, C, H, W]: the count, then 1 for each kind that is there."""
        parts = [self.network(shrink(part.float(), self.network.size))[1] for part in torch.split(x, CHUNK)]
        return _read(torch.cat(parts), self.most)


def fit_recogniser(
    dataset: Dataset,
    test: Dataset | None = None,
    say: Callable[[str], None] = lambda _: None,
    *,
    architecture: str = FIRST[0],
    seed: int = FIRST[1],
) -> Recogniser:
    """A recogniser of `dataset`'s composition, from the cache where there is one; see `fit_classifier`.

    Trained, and its accuracy measured, on the same things in company by chance, where the data can give such. Raises
    DataError where the composition is not known.
    """
    check_shape(dataset.spec.shape, KIND)
    if dataset.composition is None:
        raise DataError(
            "A recogniser needs data of which is known what each sample is put together from (the built-in `scenes`). "
            "Use --features auto."
        )
    if test is not None and (test.composition is None or test.composition.kinds != dataset.composition.kinds):
        test = None

    def fit() -> Stored:
        free = dataset.without_rules()
        stored = _fit(free or dataset, test and (test.without_rules() or test), say, architecture, seed)
        stored.details["company"] = (
            "as in the data" if free is None else "by chance, in training and in held-out samples"
        )
        return stored

    return Recogniser(cached(KIND, architecture, seed, (dataset, test), fit, say))


def _fit(dataset: Dataset, test: Dataset | None, say: Callable[[str], None], architecture: str, seed: int) -> Stored:
    known = dataset.composition
    assert known is not None
    shape, most = dataset.spec.shape, int(known.counts.max())
    say(
        f"Training a recogniser of {len(known.kinds)} kinds on {len(known.counts):,} samples, to judge with. Done once."
    )
    seen, unseen = held_out(len(known.counts), len(test) if test else None, seed)
    network = new_network(architecture, shape, most + len(known.kinds), seed)
    pixels = load_pixels(dataset, seen, network.size)
    train(network, pixels, _targets(known)[seen], seed, say, _loss, PASSES)
    right = _measure(network, test or dataset, unseen, most)
    details = {
        **right,
        "accuracy_on": f"{len(unseen)} samples of the {'test split' if test else 'training split, left out'}",
        "trained_on": len(seen),
        "network": architecture,
        "seed": seed,
        "features": network.head.in_features,
        "layer": "hidden, after its activation",
        "most": most,
        "resizer": resizer(shape, network.size),
    }
    say(
        f"The recogniser reads the count right on {right['count_accuracy']:.1%} and all kinds on "
        f"{right['kinds_accuracy']:.1%} of {details['accuracy_on']}."
    )
    names = (*(f"{k} in all" for k in range(1, most + 1)), *known.kinds)
    return Stored(KIND, architecture, network, shape, names, details)


def _targets(known: Composition) -> Tensor:
    """float32 [N, 1 + K]: the count, then 1 for each kind that is there."""
    return torch.cat([known.counts[:, None], known.present], dim=1).float()


def _loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of the count plus that of each kind's presence, summed over the kinds; mean over the batch."""
    most = logits.shape[1] - (targets.shape[1] - 1)
    kinds = F.binary_cross_entropy_with_logits(logits[:, most:], targets[:, 1:], reduction="sum") / len(logits)
    return F.cross_entropy(logits[:, :most], targets[:, 0].long() - 1) + kinds


def _read(logits: Tensor, most: int) -> Tensor:
    return torch.cat([1 + logits[:, :most].argmax(1, keepdim=True), (logits[:, most:] > 0).long()], dim=1)


@torch.no_grad()
def _measure(network: Network, dataset: Dataset, indices: list[int], most: int) -> dict[str, float]:
    """Shares of samples, in [0, 1]: of which the count is right, and of which every kind's presence is."""
    assert dataset.composition is not None
    logits = torch.cat([network(part)[1] for part in fetch_all(dataset, indices, network.size)])
    right = _read(logits, most) == _targets(dataset.composition)[indices].long()
    return {
        "count_accuracy": round(float(right[:, 0].double().mean()), 4),
        "kinds_accuracy": round(float(right[:, 1:].all(1).double().mean()), 4),
    }
