"""A classifier of the user's own classes as feature extractor: a small network, trained in seconds to minutes.

Its hidden activations tell apart what the labels tell apart, which on small pictures says more than Inception's view of
299x299 photographs. Trained once for each data set, then kept in the cache with its accuracy on held-out samples.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from gansmith.contracts import Dataset, Extractor, Seen
from gansmith.errors import DataError
from gansmith.features.fit import held_out, load_pixels, measure, resizer, train
from gansmith.features.network import shrink
from gansmith.features.stored import FIRST, Stored, cached, new_network
from gansmith.features.weights import check_shape, in_chunks, weights_hash

KIND = "classifier"


class Classifier(Extractor):
    """Hidden activations [B, 128] and class probabilities [B, K] of samples of `shape` (C, H, W)."""

    def __init__(self, stored: Stored) -> None:
        self.name = KIND if stored.architecture == FIRST[0] else "second"
        self.stored = stored
        self.network = stored.network.eval().requires_grad_(False)
        self.shape = stored.shape
        self.labels = stored.answers
        self.details = stored.details
        self.hash = weights_hash(self.network.state_dict())

    def __call__(self, x: Tensor) -> Seen:
        return in_chunks(self._see, x, self.shape)

    def _see(self, x: Tensor) -> Seen:
        features, logits = self.network(shrink(x, self.network.size))
        return Seen(features, logits.softmax(1))

    def save(self, path: Path) -> None:
        """Write it as safetensors; whole or not at all. Raises OSError."""
        self.stored.save(path)

    @classmethod
    def load(cls, path: Path) -> Classifier:
        """Raises DataError where `path` holds no classifier that `save` wrote."""
        return cls(Stored.load(path, KIND))


def fit_classifier(
    dataset: Dataset,
    test: Dataset | None = None,
    say: Callable[[str], None] = lambda _: None,
    *,
    architecture: str = FIRST[0],
    seed: int = FIRST[1],
) -> Classifier:
    """A classifier of `dataset`'s labels, from the cache where there is one.

    Its accuracy is measured on `test` if that has the same classes, otherwise on a tenth of the data that is left out
    of its training. The same data, seed, number of threads and processor give the same weights. `say` hears what is
    being done. Raises DataError without labels of at least two classes.
    """
    check_shape(dataset.spec.shape, KIND)
    if dataset.labels is None or len(torch.unique(dataset.labels)) < 2:
        raise DataError(
            "Classifier features need labels of two classes or more, and this data has none. Put the pictures of each "
            "class into a folder of its own, or use --features random."
        )
    if test is not None and (test.labels is None or test.label_names != dataset.label_names or len(test) < 2):
        test = None

    def fit() -> Stored:
        return _fit(dataset, test, say, architecture, seed)

    return Classifier(cached(KIND, architecture, seed, (dataset, test), fit, say))


def _fit(dataset: Dataset, test: Dataset | None, say: Callable[[str], None], architecture: str, seed: int) -> Stored:
    shape, names = dataset.spec.shape, dataset.label_names
    assert dataset.labels is not None
    say(f"Training a classifier of {len(names)} classes on {len(dataset):,} samples, to judge with. Done once.")
    seen, unseen = held_out(len(dataset), None if test is None else len(test), seed)
    network = new_network(architecture, shape, len(names), seed)
    pixels = load_pixels(dataset, seen, network.size)
    train(network, pixels, dataset.labels[seen], seed, say)
    accuracy = measure(network, test or dataset, unseen)
    details = {
        "accuracy": round(accuracy, 4),
        "accuracy_on": f"{len(unseen)} samples of the {'test split' if test else 'training split, left out'}",
        "trained_on": len(seen),
        "network": architecture,
        "seed": seed,
        "features": network.head.in_features,
        "layer": "hidden, after its activation",
        "labels": list(names),
        "resizer": resizer(shape, network.size),
    }
    say(f"The classifier is right on {accuracy:.1%} of {details['accuracy_on']}.")
    return Stored(KIND, architecture, network, shape, names, details)
