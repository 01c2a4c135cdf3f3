"""Pictures as a source: what a user's files are, and the size, channels and classes that they are trained at."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gansmith.contracts import GivenSpec, Source, Spec, Survey
from gansmith.data.clusters import check_clusters
from gansmith.data.codec import ImageCodec, grid
from gansmith.data.dataset import ImageDataset
from gansmith.data.decode import Fit, Unreadable, channels_needed
from gansmith.data.files import Files, NoPictures
from gansmith.data.grouping import Grouping, Of, correlation_of_channels
from gansmith.data.locate import open_files
from gansmith.errors import DataError

__all__ = ["ImageCodec", "Images", "grid"]

SURVEYED = 256  # headers read for sizes
LOOKED_AT = 64  # pictures decoded for channels
AUTO_SIDE = 64  # the largest automatic size of the shorter side
CHANNELS: dict[int, Literal[1, 3, 4]] = {1: 1, 3: 3, 4: 4}
LONGEST = 256  # the largest automatic size of the longer side
KNOWN = ("_files", "_test_files")  # what does not change when a size is chosen


@dataclass(frozen=True)
class Images(Source):
    """A folder, zip, IDX, CIFAR-10 or NumPy set of pictures, or a built-in name. None: chosen by `resolve`."""

    path: str = ""
    resolution: tuple[int, int] | None = None  # (height, width)
    fit: Fit = "crop"  # "crop": cover, cut what juts out; "pad": all of the picture, on black
    channels: Literal[1, 3, 4] | None = None
    classes: bool | None = None  # whether both players are told the class
    mirror: bool = False  # every picture also mirrored
    clusters: int = 0  # groups of like pictures that both players are told in place of classes; 0: none
    clusters_of: Of = "picture"  # "channel": every channel has groups of its own
    workers: int | None = None  # processes that decode the training pictures; None: as many as pay, 0: threads do it

    def __post_init__(self) -> None:
        if self.resolution is not None and min(self.resolution) < 1:
            raise ValueError(f"resolution must be positive, not {list(self.resolution)}")
        if self.workers is not None and self.workers < 0:
            raise ValueError(f"workers must be 0 (threads decode) or more processes, not {self.workers}")
        check_clusters(self.clusters, self.classes)

    @cached_property
    def _files(self) -> Files:
        files = open_files(self.path)
        assert files is not None  # only a held-out split can be absent
        return files

    @cached_property
    def _test_files(self) -> Files | None:
        try:
            files = open_files(self.path, "test")
        except NoPictures:
            return None
        return files if files is not None and len(files) > 1 else None

    def survey(self) -> Survey:
        """Looks at no more than 256 files' headers and 64 files' pixels."""
        files = self._files
        counts: Counter[str] = Counter()
        if files.labels is not None:
            found = np.bincount(files.labels, minlength=len(files.label_names)).tolist()
            counts.update(dict(zip(files.label_names, found, strict=True)))
        channels, flat, channel_correlation = _look(files)
        return Survey(
            count=len(files),
            sizes=_sizes(files),
            channels=channels,
            label_counts=dict(counts),
            test_count=0 if self._test_files is None else len(self._test_files),
            labels_are_told=files.labels_are_told,
            flat=flat,
            channel_correlation=channel_correlation,
        )

    def resolve(self, survey: Survey) -> Images:
        """Raises DataError where no size can be read, or classes are asked for and there are none."""
        if not survey.sizes:
            raise DataError(f"There is no readable image in '{self.path}' ({survey.count:,} files).")
        if self.classes and len(survey.label_counts) < 2:
            raise DataError(
                f"'{self.path}' has no classes, but training with classes was asked for. Wanted: every picture in one "
                "of two or more sub-folders, whose names are the classes, or labels beside the array."
            )
        found = sorted(survey.label_counts.values())
        worth_telling = 2 <= len(found) <= 1000 and statistics.median(found) >= 20
        conditional = worth_telling and survey.labels_are_told and not self.clusters
        resolved = replace(
            self,
            resolution=self.resolution or auto_resolution(survey.sizes),
            channels=self.channels or CHANNELS[survey.channels],
            classes=conditional if self.classes is None else self.classes,
        )
        resolved.__dict__.update({k: v for k, v in self.__dict__.items() if k in KNOWN})
        return resolved

    def open(self) -> tuple[ImageDataset, ImageCodec]:
        if None in (self.resolution, self.channels, self.classes):
            return self.resolve(self.survey()).open()
        dataset = ImageDataset(self._files, self.spec, self.fit, self.mirror, workers=self.workers)
        if self.clusters:
            if "_grouping" not in self.__dict__:  # found with this dataset, not with another of the same pictures
                self.__dict__["_grouping"] = dataset.find_groups(self.clusters, self.clusters_of)
            dataset.tell(self._grouping)
        return dataset, ImageCodec(dataset.spec, self.fit)

    def open_test(self) -> ImageDataset | None:
        """The held-out split, not mirrored; unlabelled where it has other classes than the training split."""
        if None in (self.resolution, self.channels, self.classes):
            return self.resolve(self.survey()).open_test()
        files = self._test_files
        if files is None:
            return None
        spec = self.spec
        if not _same_classes(files, self._files.label_names):
            spec = replace(spec, given=None)
        dataset = ImageDataset(files, spec, self.fit)
        if self.clusters:
            dataset.tell(self._grouping)
        return dataset

    @cached_property
    def _grouping(self) -> Grouping:
        dataset = ImageDataset(self._files, self.spec, self.fit, self.mirror, workers=self.workers)
        return dataset.find_groups(self.clusters, self.clusters_of)

    def splits(self) -> dict[str, Files]:
        """The pictures as they lie there: `train`, and `test` where there is a held-out split, its classes in the
        order of the training split's."""
        if self._test_files is None:
            return {"train": self._files}
        _same_classes(self._test_files, self._files.label_names)
        return {"train": self._files, "test": self._test_files}

    @property
    def spec(self) -> Spec:
        """What a sample is, once size, channels and classes are chosen. Raises DataError where there are no classes."""
        assert self.resolution is not None
        assert self.channels is not None
        names = self._files.label_names
        if self.classes and len(names) < 2:
            raise DataError(f"'{self.path}' has no classes, but training with classes was asked for.")
        return Spec((self.channels, *self.resolution), GivenSpec(names) if self.classes else None)


def auto_resolution(sizes: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    """(height, width) for pictures of these sizes.

    Their own where all are equal and at most 64; else the shorter side becomes a power of two of at most 64, and the
    longer one keeps the aspect ratio, in multiples of 8, where all have the same.
    """
    heights, widths = zip(*sizes, strict=True)
    height, width = statistics.median(heights), statistics.median(widths)
    if len(set(sizes)) == 1 and max(sizes[0]) <= AUTO_SIDE:
        return sizes[0]
    side = 2 ** max(3, math.floor(math.log2(min(height, width, AUTO_SIDE))))
    ratios = [w / h for h, w in sizes]
    if max(ratios) > 1.02 * min(ratios):
        return side, side
    longer = min(LONGEST, max(side, 8 * round(side * max(height, width) / min(height, width) / 8)))
    return (side, longer) if width >= height else (longer, side)


def _sample(count: int, most: int) -> list[int]:
    """Up to `most` indices, evenly spread."""
    return sorted(set(np.linspace(0, count - 1, min(count, most)).astype(int).tolist()))


def _sizes(files: Files) -> tuple[tuple[int, int], ...]:
    sizes = []
    for i in _sample(len(files), SURVEYED):
        try:
            sizes.append(files.header(i).size)
        except Unreadable:
            continue
    return tuple(sizes)


def _look(files: Files) -> tuple[int, float, float]:
    """The fewest channels that lose nothing, the share of values at an end of the range, and how much channels say of
    each other (pictures of the most frequent size)."""
    needed, shares = 1, []
    of_size: dict[tuple[int, ...], list[NDArray[np.uint8]]] = {}
    for i in _sample(len(files), LOOKED_AT):
        try:
            image = files.open(i, at_least=AUTO_SIDE)
        except Unreadable:
            continue
        needed = max(needed, channels_needed(image))
        pixels = np.asarray(image)
        shares.append(float(((pixels <= 2) | (pixels >= 253)).mean()))  # 2: what JPEG makes of an even white
        of_size.setdefault(pixels.shape, []).append(pixels)
    most = max(of_size.values(), key=len, default=[])
    coloured = bool(most) and most[0].ndim == 3
    channel_correlation = correlation_of_channels([pixels[..., :needed] for pixels in most]) if coloured else 1.0
    return needed, statistics.fmean(shares) if shares else 0.0, channel_correlation


def _same_classes(files: Files, names: tuple[str, ...]) -> bool:
    """Whether the held-out split's classes are among `names`; if so its labels are brought to that order."""
    if files.labels is None or not set(files.label_names) <= set(names):
        files.labels, files.label_names = None, ()
        return False
    order = np.array([names.index(name) for name in files.label_names], np.int32)
    files.labels, files.label_names = order[files.labels], names
    return True
