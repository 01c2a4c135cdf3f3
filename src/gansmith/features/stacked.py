"""Features of stacks: one classifier looks at every channel by itself, as published counts of modes do.

For `stacked-mnist` that is a classifier of single digits, which is right far more often than one of 1,000 stacks would.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from gansmith.contracts import Dataset, Extractor, Seen
from gansmith.errors import DataError
from gansmith.features.classifier import Classifier, fit_classifier
from gansmith.features.stored import FIRST


class StackedFeatures(Extractor):
    """The classifier's features of the channels side by side, [B, C x 128]; and its answers for each channel."""

    def __init__(self, single: Classifier, channels: int) -> None:
        self.name, self.hash = single.name, single.hash
        self.single = single
        self.channels = channels
        self.details = {**single.details, "sees": f"each of {channels} channels by itself"}
        self.details["features"] *= channels

    def __call__(self, x: Tensor) -> Seen:
        return Seen(self.single(self._apart(x)).vectors.reshape(len(x), -1))

    def classify(self, x: Tensor) -> Tensor:
        """The class of every channel of `x` [B, C, H, W], int64 [B, C]."""
        probabilities = self.single(self._apart(x)).probabilities
        assert probabilities is not None
        return probabilities.argmax(1).reshape(len(x), self.channels)

    def _apart(self, x: Tensor) -> Tensor:
        if x.shape[1] != self.channels:
            raise ValueError(f"These features were made for {self.channels} channels, but came {list(x.shape)}.")
        return x.reshape(-1, 1, *x.shape[2:])


def fit_stacked(
    dataset: Dataset,
    test: Dataset | None = None,
    say: Callable[[str], None] = lambda _: None,
    *,
    architecture: str = FIRST[0],
    seed: int = FIRST[1],
) -> StackedFeatures:
    """Features by a classifier of what `dataset`'s channels are; see `fit_classifier`.

    Raises DataError where the data are no stacks.
    """
    single = dataset.channels()
    if single is None:
        raise DataError("These samples are no stacks of labelled ones (as `stacked-mnist` is). Use --features auto.")
    held_out = None if test is None else test.channels()
    classifier = fit_classifier(single, held_out, say, architecture=architecture, seed=seed)
    return StackedFeatures(classifier, dataset.spec.shape[0])
