"""Data: a source that is surveyed and opened, its samples by index, and the files that people open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, final

from torch import Tensor

from gansmith.contracts.samples import Batch, Spec


class Mixture(NamedTuple):
    """The equally likely Gaussian components that a data set was drawn from, in the network's range."""

    centres: Tensor  # float64 [K, D]
    std: Tensor  # float64 [D]: standard deviation along each coordinate, the same for every component


@dataclass(frozen=True)
class Composition:
    """What is known exactly of samples that are put together from several things: how many, and of which kinds."""

    counts: Tensor  # int64 [N], 1 or more
    present: Tensor  # bool [N, K]: whether a thing of each kind is there
    kinds: tuple[str, ...]  # K names
    companions: tuple[tuple[int, int], ...] = ()  # couples of kinds that are often together
    forbidden: tuple[tuple[int, int], ...] = ()  # couples of kinds that are never together


class Dataset(ABC):
    """Samples by index. `fetch` is called from several threads at once."""

    spec: Spec
    mixture: Mixture | None = None  # where the truth is known, the judge counts its modes
    fingerprint: str  # hex; of names, sizes and contents' checksums, not of where the data lies
    labels: Tensor | None  # int64 [N] class of every sample, also where training is unconditional
    label_names: tuple[str, ...]  # () where labels is None
    composition: Composition | None = None  # of the first N samples; any further ones are these once more, changed

    def channels(self) -> Dataset | None:
        """The labelled data set of which each channel is a sample, where these are stacks of such; otherwise None."""
        return None

    def without_rules(self) -> Dataset | None:
        """As many samples of the same things in company by chance, where `composition` follows rules; None elsewhere.

        For a recogniser: one that had only seen rules kept would read them into samples that break them.
        """
        return None

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def fetch(self, indices: Sequence[int]) -> Batch:
        """The samples at `indices`, on the CPU; `given` only where `spec.given` says so."""


class Codec(ABC):
    """Between tensors and what people open: pictures, sounds, tables."""

    spec: Spec
    shown: ClassVar[int] = 64  # samples that one `picture` is to show
    single: ClassVar[bool] = True  # whether one sample is worth a look of its own (pictures, not points)

    @abstractmethod
    def encode(self, items: Sequence[Any]) -> Tensor:
        """Files' contents (PIL images) -> float32 [N, *spec.shape] in the network's range."""

    @abstractmethod
    def decode(self, x: Tensor) -> list[Any]:
        """[N, *spec.shape] -> files' contents; values outside the range are clipped."""

    @abstractmethod
    def picture(self, x: Tensor, real: Tensor | None = None) -> Any:
        """One PIL image of samples [N, *spec.shape]; `real` [M, *spec.shape] lies beneath where that helps."""

    @final
    def save(self, x: Tensor, path: Path, labels: Tensor | None = None) -> Path:
        """As `write`, of samples [N, *spec.shape] that are there."""
        return self.write((x,), len(x), path, labels)

    @abstractmethod
    def write(self, parts: Iterable[Tensor], count: int, path: Path, labels: Tensor | None = None) -> Path:
        """Write `count` samples, which come in `parts` [n, *spec.shape], in the form that `path`'s ending asks for.

        `labels` int64 [count]. Arrays, tables and single files take no more memory than a part, one picture of all
        takes all. Returns what was written; raises DataError for an ending that it does not know, or no samples.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """JSON from which `restore` makes an equal codec: all that sampling needs to know of the data."""

    @classmethod
    @abstractmethod
    def restore(cls, description: dict[str, Any]) -> Codec: ...


@dataclass(frozen=True)
class Survey:
    """What can be said of a data set before any choice is made: what `auto` decides by."""

    count: int
    sizes: tuple[tuple[int, int], ...] = ()  # (height, width) of up to 256 pictures, evenly spread; else empty
    channels: int = 0  # 1 grey, 3 RGB, 4 RGBA: the fewest that lose nothing; 0 where samples are no pictures
    label_counts: dict[str, int] = field(default_factory=dict)  # class -> samples; empty without classes
    test_count: int = 0  # samples in the held-out split; 0 without one
    labels_are_told: bool = True  # False: they are for the judge, and training is unconditional unless asked
    flat: float = field(default=0.0, compare=False)  # share of values at an end of the range: plain backgrounds, masks
    channel_correlation: float = field(default=1.0, compare=False)  # largest of two, in [0, 1]; 0: unrelated things


class Source(ABC):
    """Where samples come from: a frozen dataclass of a recipe's [data] table. Files -> dataset + codec."""

    @abstractmethod
    def survey(self) -> Survey: ...

    @abstractmethod
    def resolve(self, survey: Survey) -> Source:
        """The same source with every automatic choice (resolution, channels, classes) made."""

    @abstractmethod
    def open(self) -> tuple[Dataset, Codec]:
        """The training split. Raises DataError, in words for users."""

    @abstractmethod
    def open_test(self) -> Dataset | None:
        """The held-out split in the same form, or None."""
