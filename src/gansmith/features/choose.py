"""Which feature extractor judges a data set, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from gansmith.contracts import Dataset, Extractor
from gansmith.errors import RecipeError, nearest
from gansmith.features.classifier import fit_classifier
from gansmith.features.coordinates import Coordinates
from gansmith.features.from_file import from_file
from gansmith.features.inception import InceptionFeatures
from gansmith.features.random import RandomFeatures

NAMES = ("auto", "classifier", "random", "inception", "coordinates")


def find(
    name: str, dataset: Dataset, test: Dataset | None = None, say: Callable[[str], None] = lambda _: None
) -> Extractor:
    """The extractor called `name`, or at that path, for samples of `dataset`.

    "auto" is "classifier" where pictures have labels of two classes or more, otherwise "random", and "coordinates" for
    what is no picture. `say` hears what takes long. Raises RecipeError for an unknown name, DataError where the
    extractor cannot see this data.
    """
    if name == "auto":
        labelled = dataset.labels is not None and len(torch.unique(dataset.labels)) >= 2
        name = "coordinates" if len(dataset.spec.shape) != 3 else "classifier" if labelled else "random"
    if name == "classifier":
        return fit_classifier(dataset, test, say)
    if name == "random":
        return RandomFeatures(dataset.spec)
    if name == "coordinates":
        return Coordinates(dataset.spec)
    if name == "inception":
        return InceptionFeatures(dataset.spec)
    path = Path(name).expanduser()
    if path.suffix or path.exists() or len(path.parts) > 1:
        return from_file(path, dataset.spec)
    raise RecipeError(f"There are no features named '{name}'.{nearest(name, NAMES)} A .safetensors file works too.")
