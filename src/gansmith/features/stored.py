"""Trained networks that judge: what is known of them, their file, and the cache that spares training them again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gansmith.cache import cache_folder
from gansmith.contracts import Dataset
from gansmith.errors import DataError
from gansmith.features.network import ConvNet, Network
from gansmith.features.residual import ResidualNet
from gansmith.layers.weightless import weightless

VERSION = 1  # raise it when a network or its training changes: older cached weights are then not used
NETWORKS: dict[str, type[Network]] = {"convolutional": ConvNet, "residual": ResidualNet}
FIRST = ("convolutional", 0)  # network and seed of the judge that training is tuned by
SECOND = ("residual", 1)  # of the judge that nothing is tuned by


@dataclass(frozen=True)
class Stored:
    """A network with what must be known to use it."""

    kind: str  # "classifier" or "recogniser": what its answers mean
    architecture: str  # a key of NETWORKS
    network: Network
    shape: tuple[int, ...]  # of the samples it sees, (C, H, W)
    answers: tuple[str, ...]  # the names of its outputs
    details: dict[str, Any]  # JSON, for readers of scores

    def known(self) -> dict[str, Any]:
        """All but kind and weights, as JSON."""
        return {
            "architecture": self.architecture,
            "shape": list(self.shape),
            "labels": list(self.answers),
            "details": self.details,
        }

    @classmethod
    def build(cls, kind: str, known: dict[str, Any], weights: dict[str, Tensor]) -> Stored:
        """The one of which `known` and the network's `weights` are. Raises KeyError, TypeError, ValueError or
        RuntimeError where they do not fit together."""
        architecture = str(known.get("architecture", "convolutional"))  # older files knew no other
        shape, answers = tuple(map(int, known["shape"])), tuple(map(str, known["labels"]))
        with weightless():
            network = NETWORKS[architecture](shape, len(answers))
        network.load_state_dict(weights, assign=True)
        return cls(kind, architecture, network, shape, answers, dict(known["details"]))

    def save(self, path: Path) -> None:
        """Write weights and what is known of them, as safetensors; whole or not at all. Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            save_file(
                self.network.state_dict(), part, {"format": _format(self.kind), "known": json.dumps(self.known())}
            )
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path, kind: str) -> Stored:
        """Raises DataError where `path` holds no network of that kind that `save` wrote."""
        try:
            with safe_open(path, framework="pt") as file:
                about = file.metadata() or {}
                state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
            if about.get("format") != _format(kind):
                raise ValueError(f"its format is {about.get('format')!r}, not {_format(kind)!r}")
            return cls.build(kind, json.loads(about["known"]), state)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise DataError(f"{path} is no {kind} that gansmith can read: {error}") from error


def _format(kind: str) -> str:
    return f"gansmith {kind} 1"


def new_network(architecture: str, shape: tuple[int, ...], answers: int, seed: int) -> Network:
    """An untrained one. The caller's random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return NETWORKS[architecture](shape, answers)


def cached(
    kind: str,
    architecture: str,
    seed: int,
    data: tuple[Dataset, Dataset | None],
    fit: Callable[[], Stored],
    say: Callable[[str], None],
) -> Stored:
    """What `fit` gives for training and held-out `data`, from the cache where it is there, and kept there."""
    train, test = data
    parts = [VERSION, seed, train.fingerprint, list(train.spec.shape), test.fingerprint if test else ""]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    mark = "" if architecture == FIRST[0] else f"-{architecture}"
    path = cache_folder() / "features" / f"{kind}{mark}-{key}.safetensors"
    if path.is_file():
        try:
            return Stored.load(path, kind)
        except DataError as error:
            say(f"{error}. Training it again.")
    stored = fit()
    try:
        stored.save(path)
    except OSError as error:
        say(f"The {kind} could not be kept at {path}: {error}")
    return stored
