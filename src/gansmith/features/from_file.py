"""Features from the user's own file: a classifier that gansmith saved, as safetensors.

TorchScript and pickles are programs, and loading a model never executes code here: they are refused.
"""

from __future__ import annotations

from pathlib import Path

from gansmith.contracts import Spec
from gansmith.errors import DataError
from gansmith.features.classifier import Classifier


def from_file(path: Path, spec: Spec) -> Classifier:
    """The classifier at `path`, named after it.

    Raises DataError where the file is missing, of another kind, or made for samples of another shape.
    """
    if not path.is_file():
        raise DataError(f"There is no feature extractor at {path}.")
    if path.suffix != ".safetensors":
        raise DataError(
            f"{path} is no .safetensors file. Only classifiers that gansmith saved can be features: other formats "
            "(TorchScript, pickles) run code when they are loaded."
        )
    classifier = Classifier.load(path)
    if classifier.shape != spec.shape:
        raise DataError(
            f"The features in {path} see samples of shape {list(classifier.shape)}, but these have "
            f"{list(spec.shape)}. Use features made for this resolution, or --features auto."
        )
    classifier.name = path.name
    return classifier
