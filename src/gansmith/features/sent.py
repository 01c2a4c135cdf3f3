"""An extractor as bytes, for another process: one line of JSON, then its weights as safetensors.

No pickle: what arrives can name one of the classes below and fill it with numbers, and no more. What follows from a
seed or from the cache's checked download is made again there; what was trained is sent.
"""

from __future__ import annotations

import json
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from gansmith.contracts import Extractor, Spec
from gansmith.errors import DataError
from gansmith.features.classifier import Classifier
from gansmith.features.coordinates import Coordinates
from gansmith.features.inception import InceptionFeatures
from gansmith.features.random import RandomFeatures
from gansmith.features.recogniser import Recogniser
from gansmith.features.stacked import StackedFeatures
from gansmith.features.stored import Stored

SENT = (Classifier, Coordinates, InceptionFeatures, RandomFeatures, Recogniser, StackedFeatures)


def pack(extractor: Extractor) -> bytes | None:
    """From which `unpack` makes the same extractor; None for a class that is not ours."""
    if type(extractor) not in SENT:  # not isinstance: a class made of one of ours may see otherwise
        return None
    told: dict[str, Any] = {"kind": type(extractor).__name__, "name": extractor.name, "hash": extractor.hash}
    weights: dict[str, Tensor] = {}
    if isinstance(extractor, RandomFeatures):
        told |= {"seed": extractor.details["seed"], "kernel": extractor.kernel, "widths": extractor.widths}
    if isinstance(extractor, RandomFeatures | Coordinates | InceptionFeatures):
        told["shape"] = extractor.shape
    if isinstance(extractor, StackedFeatures):
        told["channels"] = extractor.channels
        extractor = extractor.single
    if isinstance(extractor, Classifier | Recogniser):
        told |= {"stored": extractor.stored.kind, "known": extractor.stored.known()}
        weights = extractor.stored.network.state_dict()
    return json.dumps(told).encode() + b"\n" + save(weights)


def unpack(data: bytes) -> Extractor:
    """What `pack` was given. Raises DataError where `data` is something else or has other weights than it says, and
    GansmithError where this machine cannot make it (Inception's package or weights)."""
    head, _, weights = data.partition(b"\n")
    try:
        told = json.loads(head)
        extractor = _make(told, load(weights))
        if extractor.hash != told["hash"]:
            raise ValueError(f"its weights have the hash {extractor.hash}, not {told['hash']}")
        extractor.name = str(told["name"])
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"What came from the first process is no feature extractor: {error}") from error
    return extractor


def _make(told: dict[str, Any], weights: dict[str, Tensor]) -> Extractor:
    kind = told["kind"]
    if kind == "RandomFeatures":
        return RandomFeatures(_spec(told), int(told["seed"]), int(told["kernel"]), tuple(map(int, told["widths"])))
    if kind == "Coordinates":
        return Coordinates(_spec(told))
    if kind == "InceptionFeatures":
        return InceptionFeatures(_spec(told))
    stored = Stored.build(told["stored"], told["known"], weights)
    if kind == "Recogniser":
        return Recogniser(stored)
    if kind == "Classifier":
        return Classifier(stored)
    if kind == "StackedFeatures":
        return StackedFeatures(Classifier(stored), int(told["channels"]))
    raise ValueError(f"there is no kind {kind!r}")


def _spec(told: dict[str, Any]) -> Spec:
    return Spec(tuple(map(int, told["shape"])))
