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
from gansmith.features.random import RandomFeatures, second_random
from gansmith.features.recogniser import fit_recogniser
from gansmith.features.stacked import fit_stacked
from gansmith.features.stored import FIRST, SECOND

NAMES = ("auto", "second", "classifier", "recogniser", "random", "inception", "coordinates")
MADE_HERE = ("auto", "second", "classifier", "recogniser", "random", "coordinates")  # need no download
Say = Callable[[str], None]


def find(name: str, dataset: Dataset, test: Dataset | None = None, say: Say = lambda _: None) -> Extractor:
    """The extractor called `name`, or at that path, for samples of `dataset`.

    "auto" is the recogniser where the data's composition is known, else "classifier" where pictures have labels of two
    classes or more (of each channel, where it is stacks), otherwise "random", and "coordinates" for what is no picture.
    "second" is the same, of another architecture and seed: a judge to report beside the one that choices were made by
    (coordinates have only one). `say` hears what takes long. Raises RecipeError for an unknown name, DataError where
    the extractor cannot see this data.
    """
    if name in ("auto", "second"):
        return _by_data(dataset, test, say, second=name == "second")
    if name == "classifier":
        return _classifier(dataset, test, say, FIRST)
    if name == "recogniser":
        return fit_recogniser(dataset, test, say)
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


def _by_data(dataset: Dataset, test: Dataset | None, say: Say, second: bool) -> Extractor:
    made = SECOND if second else FIRST
    if len(dataset.spec.shape) != 3:
        return Coordinates(dataset.spec)
    if dataset.composition is not None:
        return fit_recogniser(dataset, test, say, architecture=made[0], seed=made[1])
    if dataset.labels is not None and len(torch.unique(dataset.labels)) >= 2:
        return _classifier(dataset, test, say, made)
    return second_random(dataset.spec) if second else RandomFeatures(dataset.spec)


def _classifier(dataset: Dataset, test: Dataset | None, say: Say, made: tuple[str, int]) -> Extractor:
    fit = fit_classifier if dataset.channels() is None else fit_stacked
    return fit(dataset, test, say, architecture=made[0], seed=made[1])
