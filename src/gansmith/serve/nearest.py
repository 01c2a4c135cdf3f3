"""The training pictures that look most like one of an explorer.

The server opens the data that a run folder names, when somebody presses the button that says which: what is shown to
the person who runs the server is what that person may read anyway, and no page of another site can ask. Only what lies
on this disk is opened, and only where it is what the run was trained on. docs/decisions/0020.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gansmith.config import build
from gansmith.contracts import Dataset, Source, Spec
from gansmith.data.codec import grid, to_float
from gansmith.data.hub import PREFIX
from gansmith.errors import DataError, GansmithError
from gansmith.features.random import RandomFeatures
from gansmith.folder.run_json import read_run
from gansmith.metrics.distances import nearest_other
from gansmith.serve.kept import Kept

POOL = 5_000  # training pictures that are looked through, evenly spread
COMPARED = 1_000  # of them, whose distances from each other say what is near
SHOWN = 6
CHUNK = 250
MOST = 2  # runs whose training pictures are kept


@dataclass(frozen=True)
class Pool:
    """Training pictures of a run by their features, random convolutions as in the alarm `memorisation`."""

    dataset: Dataset
    extractor: RandomFeatures
    indices: list[int]
    vectors: Tensor  # [N, D]
    usual: float  # the median distance of a training picture to the nearest other one

    def nearest(self, pixels: bytes) -> dict[str, Any]:
        """To a picture as RGBA bytes, row by row: the SHOWN nearest, nearest first, each as a PNG in base64 with its
        distance over the usual one. Raises GansmithError where there are more or fewer bytes."""
        x = _picture(pixels, self.dataset.spec.shape)
        distances = torch.cdist(self.extractor(x).vectors.double(), self.vectors.double())[0]
        order = distances.argsort()[:SHOWN].tolist()
        found = self.dataset.fetch([self.indices[i] for i in order]).real
        return {
            "looked_at": len(self.indices),
            "of": len(self.dataset),
            "nearest": [
                {"png": _png(one), "distance": float(distances[i]) / self.usual}
                for i, one in zip(order, found, strict=True)
            ],
        }


class Pools:
    """By run folder, each made when it is first asked for, which takes seconds."""

    def __init__(self) -> None:
        self._kept: Kept[Path, Pool] = Kept(MOST)

    def of(self, folder: Path, recipe: dict[str, Any]) -> Pool:
        """Of the data that the generator in `folder` was trained on. Raises GansmithError where that is not on this
        disk, or has changed."""
        return self._kept.of(folder, lambda: _pool(folder, recipe))


def data_of(recipe: dict[str, Any]) -> str:
    """What the data is called in a generator's recipe; "" where it says nothing."""
    table = recipe.get("data")
    path = table.get("path") if isinstance(table, dict) else None
    return path if isinstance(path, str) else ""


def _pool(folder: Path, recipe: dict[str, Any]) -> Pool:
    path = data_of(recipe)
    if path.startswith(PREFIX):
        raise DataError(f"'{path}' is not on this disk. What is nearest is in the run's report.")
    source: Any = build(Source, recipe.get("data", {}), "[data]", trust=False)  # type: ignore[type-abstract]
    dataset, _ = source.open()
    trained_on = read_run(folder).get("data")
    known = trained_on.get("fingerprint") if isinstance(trained_on, dict) else None
    if known != dataset.fingerprint:
        raise DataError(f"'{path}' is not what this run was trained on any more, so it says nothing of what it learnt.")
    chosen = sorted({round(i) for i in np.linspace(0, len(dataset) - 1, min(POOL, len(dataset))).tolist()})
    extractor = RandomFeatures(Spec(dataset.spec.shape))
    parts = [chosen[i : i + CHUNK] for i in range(0, len(chosen), CHUNK)]
    vectors = torch.cat([extractor(dataset.fetch(part).real).vectors for part in parts])
    usual = float(nearest_other(vectors[:: max(1, len(vectors) // COMPARED)].double()).median())
    return Pool(dataset, extractor, chosen, vectors, max(usual, 1e-12))


def _picture(pixels: bytes, shape: tuple[int, ...]) -> Tensor:
    """RGBA bytes -> [1, *shape] in [-1, 1]."""
    channels, height, width = shape
    if len(pixels) != 4 * height * width:
        raise GansmithError(f"A picture of this run has {4 * height * width} bytes, not {len(pixels)}.")
    rgba = np.frombuffer(pixels, np.uint8).reshape(1, height, width, 4)
    return to_float(rgba[..., :channels].transpose(0, 3, 1, 2))


def _png(x: Tensor) -> str:
    held = io.BytesIO()
    grid(x[None], 1).save(held, "PNG")
    return base64.b64encode(held.getvalue()).decode()
