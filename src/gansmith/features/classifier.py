"""A classifier of the user's own classes as feature extractor: a small network, trained in seconds to minutes.

Its hidden activations tell apart what the labels tell apart, which on small pictures says more than Inception's view of
299x299 photographs. Trained once for each data set, then kept in the cache with its accuracy on held-out samples.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gansmith.cache import cache_folder
from gansmith.contracts import Dataset, Extractor, Seen
from gansmith.errors import DataError
from gansmith.features.fit import held_out, load_pixels, measure, train
from gansmith.features.network import ConvNet, shrink
from gansmith.features.weights import check_shape, in_chunks, weights_hash

VERSION = 1  # raise it when the network or its training changes: older cached weights are then not used
FORMAT = "gansmith classifier 1"


class Classifier(Extractor):
    """Hidden activations [B, 128] and class probabilities [B, K] of samples of `shape` (C, H, W)."""

    def __init__(self, network: ConvNet, shape: tuple[int, ...], labels: tuple[str, ...], details: dict[str, Any]):
        self.name = "classifier"
        self.network = network.eval().requires_grad_(False)
        self.shape = shape
        self.labels = labels
        self.details = details
        self.hash = weights_hash(network.state_dict())

    def __call__(self, x: Tensor) -> Seen:
        return in_chunks(self._see, x, self.shape)

    def _see(self, x: Tensor) -> Seen:
        features, logits = self.network(shrink(x, self.network.size))
        return Seen(features, logits.softmax(1))

    def save(self, path: Path) -> None:
        """Write weights and what is known of them, as safetensors; whole or not at all. Raises OSError."""
        known = {"shape": list(self.shape), "labels": list(self.labels), "details": self.details}
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            save_file(self.network.state_dict(), part, {"format": FORMAT, "known": json.dumps(known)})
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> Classifier:
        """Raises DataError where `path` holds no classifier that `save` wrote."""
        try:
            with safe_open(path, framework="pt") as file:
                about = file.metadata() or {}
                state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
            if about.get("format") != FORMAT:
                raise ValueError(f"its format is {about.get('format')!r}, not {FORMAT!r}")
            known = json.loads(about["known"])
            shape, labels = tuple(map(int, known["shape"])), tuple(map(str, known["labels"]))
            with torch.device("meta"):  # draws no random numbers
                network = ConvNet(shape, len(labels))
            network.load_state_dict(state, assign=True)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise DataError(f"{path} is no classifier that gansmith can read: {error}") from error
        return cls(network, shape, labels, dict(known["details"]))


def fit_classifier(
    dataset: Dataset, test: Dataset | None = None, say: Callable[[str], None] = lambda _: None, seed: int = 0
) -> Classifier:
    """A classifier of `dataset`'s labels, from the cache where there is one.

    Its accuracy is measured on `test` if that has the same classes, otherwise on a tenth of the data that is left out
    of its training. The same data, seed, number of threads and processor give the same weights. `say` hears what is
    being done. Raises DataError without labels of at least two classes.
    """
    check_shape(dataset.spec.shape, "classifier")
    if dataset.labels is None or len(torch.unique(dataset.labels)) < 2:
        raise DataError(
            "Classifier features need labels of two classes or more, and this data has none. Put the pictures of each "
            "class into a folder of its own, or use --features random."
        )
    if test is not None and (test.labels is None or test.label_names != dataset.label_names or len(test) < 2):
        test = None
    path = cache_folder() / "features" / f"classifier-{_key(dataset, test, seed)}.safetensors"
    if path.is_file():
        try:
            return Classifier.load(path)
        except DataError as error:
            say(f"{error}. Training it again.")
    classifier = _fit(dataset, test, say, seed)
    try:
        classifier.save(path)
    except OSError as error:
        say(f"The classifier could not be kept at {path}: {error}")
    return classifier


def _key(dataset: Dataset, test: Dataset | None, seed: int) -> str:
    parts = [VERSION, seed, dataset.fingerprint, list(dataset.spec.shape), test.fingerprint if test else ""]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _fit(dataset: Dataset, test: Dataset | None, say: Callable[[str], None], seed: int) -> Classifier:
    shape, names = dataset.spec.shape, dataset.label_names
    say(f"Training a classifier of {len(names)} classes on {len(dataset):,} samples, to judge with. Done once.")
    seen, unseen = held_out(dataset, test, seed)
    with torch.random.fork_rng(devices=[]):  # the caller's random state is none of our business
        torch.manual_seed(seed)
        network = ConvNet(shape, len(names))
    pixels, labels = load_pixels(dataset, seen, network.size)
    train(network, pixels, labels, seed, say)
    accuracy = measure(network, test or dataset, unseen)
    details = {
        "accuracy": round(accuracy, 4),
        "accuracy_on": f"{len(unseen)} samples of the {'test split' if test else 'training split, left out'}",
        "trained_on": len(seen),
        "features": network.head.in_features,
        "layer": "hidden, after ReLU",
        "labels": list(names),
        "resizer": "none: native resolution"
        if network.size == tuple(shape[1:])
        else f"antialiased bilinear to {network.size[0]}x{network.size[1]}",
    }
    say(f"The classifier is right on {accuracy:.1%} of {details['accuracy_on']}.")
    return Classifier(network, shape, names, details)
