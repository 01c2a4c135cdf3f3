"""Inception-v3 features, the ones that FID is defined on, with torch-fidelity's weights (the extra `metrics`).

Pictures go in as uint8 RGB at their own resolution and are resized inside, by the original's TensorFlow-1 bilinear
resizer to 299x299.
"""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gansmith.cache import cache_folder
from gansmith.contracts import Extractor, Seen, Spec
from gansmith.errors import DataError, GansmithError
from gansmith.features.weights import check_shape, in_chunks, weights_hash

INSTEAD = "Or judge with --features classifier (labelled data) or --features random, which need nothing."


class InceptionFeatures(Extractor):
    """2048 features and 1008 class probabilities of pictures with 1 or 3 channels."""

    name = "inception"

    def __init__(self, spec: Spec) -> None:
        """Raises DataError for other samples, GansmithError without the extra or its weights."""
        check_shape(spec.shape, self.name)
        if spec.shape[0] not in (1, 3):
            raise DataError(f"Inception sees grey or RGB pictures, but these have {spec.shape[0]} channels. {INSTEAD}")
        self.shape = spec.shape
        self.network = _network()
        self.hash = weights_hash(self.network.state_dict())
        self.details: dict[str, Any] = {
            "features": 2048,
            "layer": "pool_3",
            "weights": "2015-12-05 (torch-fidelity)",
            "resizer": "bilinear as in TensorFlow 1, to 299x299",
        }

    def __call__(self, x: Tensor) -> Seen:
        return in_chunks(self._see, x, self.shape)

    def _see(self, x: Tensor) -> Seen:
        pixels = ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        vectors, logits = self.network(pixels.expand(-1, 3, -1, -1))
        return Seen(vectors.float(), logits.float().softmax(1))


def _network() -> Any:
    try:
        module = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
    except ImportError as error:
        raise GansmithError(
            "Inception features need the optional package torch-fidelity, which is not installed: "
            f"pip install 'gansmith[metrics]'. {INSTEAD}"
        ) from error
    path = _weights(str(module.URL_INCEPTION_V3))
    return module.FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], str(path))


def _weights(url: str) -> Path:
    """The checked weights' file, downloaded once into the cache."""
    path = cache_folder() / "features" / url.rsplit("/", 1)[-1]
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        checksum = path.stem.rsplit("-", 1)[-1]  # the file's name ends in the beginning of its sha256
        try:
            torch.hub.download_url_to_file(url, str(path), hash_prefix=checksum, progress=False)
        except (OSError, RuntimeError) as error:
            raise GansmithError(
                f"Inception's weights could not be downloaded from {url} ({error}). Without a network, put that file "
                f"at {path}. {INSTEAD}"
            ) from error
    try:
        torch.load(path, map_location="cpu", weights_only=True)  # torch-fidelity would run code from a bad file
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise GansmithError(f"{path} does not hold Inception's weights. Delete it to download it again.") from error
    return path
