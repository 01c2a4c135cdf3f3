"""Points in the plane as a source: a built-in cloud by name, or a user's own table of two columns.

Both axes are brought to mean 0 and standard deviation 1, each by itself, whatever their units are. `resolve` writes
that into the recipe, so that the networks, other data to judge by and a file of the generator alone all agree on it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gansmith.contracts import Batch, Dataset, GivenSpec, Mixture, Source, Spec, Survey
from gansmith.data.clouds import CLOUDS, VERSION, Cloud, draw_cloud
from gansmith.data.clusters import LOOKED_AT, Clusters, check_clusters, fit
from gansmith.data.given import clustered
from gansmith.data.point_codec import Pair, PointCodec
from gansmith.data.points_file import ENDINGS, held_out_file, read_points
from gansmith.errors import DataError, nearest

__all__ = ["PointCodec", "PointDataset", "Points"]

DIGITS = 6  # significant digits of an automatic normalisation: the same on every platform
ROOM = 0.12  # of the data's extent, on each side of a plot


@dataclass(frozen=True)
class Points(Source):
    """A built-in cloud (ring, grid, spiral, ...) or a .csv file of two columns. None: chosen by `resolve`."""

    path: str = ""
    mean: tuple[float, float] | None = None  # of the training points, in their own units
    scale: tuple[float, float] | None = None  # their standard deviation along each axis
    classes: bool | None = None  # whether both players are told a point's component; only built-in clouds have any
    clusters: int = 0  # groups of near points that both players are told in place of classes; 0: none

    def __post_init__(self) -> None:
        if self.scale is not None and min(self.scale) <= 0:
            raise ValueError(f"scale must be above 0, not {list(self.scale)}")
        check_clusters(self.clusters, self.classes)

    @cached_property
    def _train(self) -> _Split:
        return _open(self.path)

    @cached_property
    def _test(self) -> _Split | None:
        return _open_test(self.path)

    def survey(self) -> Survey:
        """Reads all points. Raises DataError, in words for users."""
        cloud = self._train.cloud
        counts = {} if cloud.labels is None else np.bincount(cloud.labels, minlength=len(cloud.names)).tolist()
        return Survey(
            count=len(cloud.values),
            label_counts=dict(zip(cloud.names, counts, strict=True)) if cloud.names else {},
            test_count=0 if self._test is None else len(self._test.cloud.values),
        )

    def resolve(self, survey: Survey) -> Points:
        """Classes only where they are asked for. Raises DataError where there are none then."""
        values = self._train.cloud.values
        spread = values.std(0)
        resolved = replace(
            self,
            mean=self.mean or _rounded(values.mean(0)),
            scale=self.scale or _rounded(np.where(spread > 0, spread, 1.0)),
            classes=bool(self.classes),
        )
        kept = {k: v for k, v in self.__dict__.items() if k in ("_train", "_test")}
        resolved.__dict__.update(kept)
        resolved._spec()
        return resolved

    def open(self) -> tuple[PointDataset, PointCodec]:
        if None in (self.mean, self.scale, self.classes):
            return self.resolve(self.survey()).open()
        assert self.mean is not None
        assert self.scale is not None
        low, high = _window(self._train.cloud.values)
        codec = PointCodec(self._spec(), self.mean, self.scale, low, high, self._train.columns)
        dataset = PointDataset(self._train.cloud, codec, self._train.fingerprint)
        if not self.clusters:
            return dataset, codec
        clusters = dataset.find_clusters(self.clusters)
        dataset.tell(clusters)
        return dataset, replace(codec, spec=dataset.spec)

    def open_test(self) -> PointDataset | None:
        """Other draws of a built-in cloud; `test.csv` (val, validation, valid) beside `train.csv`; else None."""
        if self._test is None:
            return None
        train, codec = self.open()
        test = PointDataset(self._test.cloud, codec, self._test.fingerprint)
        if train.clusters is not None:
            test.tell(train.clusters)
        return test

    def _spec(self) -> Spec:
        if self.classes and len(self._train.cloud.names) < 2:
            raise DataError(
                f"'{self.path}' has no classes, but training with classes was asked for. Only the built-in clouds of "
                "several parts have them (ring, grid, spiral, two-moons, rings). Leave --classes out."
            )
        return Spec((2,), GivenSpec(self._train.cloud.names) if self.classes else None)


class PointDataset(Dataset):
    """All points in memory, float32 [N, 2] in the network's range."""

    def __init__(self, cloud: Cloud, codec: PointCodec, fingerprint: str) -> None:
        self.spec = codec.spec
        self.fingerprint = fingerprint
        self.label_names = cloud.names
        self.clusters: Clusters | None = None
        self.labels: Tensor | None = None if cloud.labels is None else torch.from_numpy(cloud.labels)
        self._points = codec.encode(cloud.values)  # type: ignore[arg-type]  # an array is a sequence of pairs
        self._rows = self._points.numpy()  # loader threads must not start torch's own threads
        if cloud.centres is not None:
            mean, scale = (torch.tensor(pair, dtype=torch.float64) for pair in (codec.mean, codec.scale))
            self.mixture = Mixture((torch.from_numpy(cloud.centres) - mean) / scale, cloud.std / scale)

    def find_clusters(self, count: int) -> Clusters:
        """Up to `count` groups of points that lie together."""
        chosen = np.linspace(0, len(self) - 1, min(len(self), LOOKED_AT)).astype(np.int64)
        return fit(self._rows[chosen].astype(np.float64), count)

    def tell(self, clusters: Clusters) -> None:
        """From now on points come with the cluster that they belong to."""
        self.clusters = clusters
        self._group_of = clusters.nearest(self._rows.astype(np.float64))
        self.spec = replace(self.spec, given=clustered(clusters.shares))

    def __len__(self) -> int:
        return len(self._rows)

    def fetch(self, indices: Sequence[int]) -> Batch:
        """Points [B, 2] in the network's range; components or clusters int64 [B] where `spec.given` asks for them."""
        chosen = np.asarray(indices, np.int64)
        given = None
        if self.clusters is not None:
            given = torch.from_numpy(self._group_of[chosen])
        elif self.spec.given is not None and self.labels is not None:
            given = torch.from_numpy(self.labels.numpy()[chosen])
        return Batch(torch.from_numpy(self._rows[chosen]), given)


@dataclass(frozen=True)
class _Split:
    cloud: Cloud
    columns: tuple[str, str]
    fingerprint: str


def _open(path: str, split: str = "train") -> _Split:
    place = Path(path).expanduser()
    if path in CLOUDS and not place.is_file():
        known = f"cloud {path} {split} {VERSION}"  # not its bytes, whose last bits may differ between platforms
        return _Split(draw_cloud(path, split), ("x", "y"), hashlib.sha256(known.encode()).hexdigest())
    if place.suffix.lower() not in ENDINGS:
        raise DataError(
            f"There are no points '{path}'.{nearest(path, CLOUDS)} Or give a .csv file of two columns, x and y."
        )
    table = read_points(place).require(path)
    digest = hashlib.sha256(json.dumps([*table.columns, len(table.values)]).encode())
    digest.update(np.ascontiguousarray(table.values, "<f8").tobytes())
    return _Split(Cloud(table.values), table.columns, digest.hexdigest())


def _open_test(path: str) -> _Split | None:
    place = Path(path).expanduser()
    if path in CLOUDS and not place.is_file():
        return _open(path, "test")
    other = held_out_file(place)
    return None if other is None else _open(str(other))


def _rounded(pair: NDArray[np.float64]) -> Pair:
    a, b = (float(f"{number:.{DIGITS}g}") for number in pair)
    return a, b


def _window(values: NDArray[np.float64]) -> tuple[Pair, Pair]:
    """The corners of a plot: nearly all points with room around; one scale where the axes are alike."""
    low, high = np.quantile(values, [0.001, 0.999], axis=0)
    half, middle = (high - low) / 2, (high + low) / 2
    half = np.where(half > 0, half, 1.0)
    if half.max() < 3 * half.min():
        half[:] = half.max()
    return _rounded(middle - half * (1 + 2 * ROOM)), _rounded(middle + half * (1 + 2 * ROOM))
