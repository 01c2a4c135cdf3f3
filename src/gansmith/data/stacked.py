"""`stacked-mnist`: RGB pictures whose channels are three random digits of mnist, 10 x 10 x 10 = 1,000 classes.

The field's count of modes (Metz et al. 2017, Unrolled GANs, arXiv 1611.02163; 26,000 samples as in Lin et al. 2018,
PacGAN, arXiv 1712.04086). Which digits are stacked follows from SEED alone; the held-out split is made
of mnist's test digits. Nothing is stored but the triples: pictures are put together when they are asked for.
"""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gansmith.data.arrays import ArrayFiles
from gansmith.data.files import Pixels
from gansmith.data.idx import open_idx_folder
from gansmith.errors import DataError

COUNTS = {"train": 128_000, "test": 26_000}
SEED = 0


class Triples:
    """Three pictures of `single` [M, 1, H, W] a row of `chosen` int64 [N, 3], as uint8 [N, 3, H, W] made on the fly."""

    def __init__(self, single: Pixels, chosen: NDArray[np.int64]) -> None:
        self.single, self.chosen = single[:, 0], chosen
        self.shape = (len(chosen), 3, *single.shape[2:])

    def __getitem__(self, index: int | slice | NDArray[np.int64]) -> NDArray[np.uint8]:
        stacked: NDArray[np.uint8] = self.single[self.chosen[index]]
        return stacked


class StackedFiles(ArrayFiles):
    """Stacks of three of `single`'s pictures; its class is the three digits in order, from 000 to 999."""

    labels_are_told = False

    def __init__(self, where: str, single: ArrayFiles, chosen: NDArray[np.int64]) -> None:
        assert single.labels is not None
        digits = single.labels[chosen]  # [N, 3]
        names = tuple("".join(three) for three in itertools.product(single.label_names, repeat=3))
        base = len(single.label_names)
        super().__init__(where, Triples(single.pixels, chosen), digits @ np.array([base * base, base, 1]), names)
        self.channels: ArrayFiles = single
        self._chosen = chosen

    def _fingerprint(self) -> str:
        return hashlib.sha256(f"stacked {self.channels.fingerprint}".encode() + self._chosen.tobytes()).hexdigest()


def open_stacked(mnist: Path, where: str, split: str) -> StackedFiles:
    """The stacks of a split ("train", "test") from the folder with mnist's IDX files. Raises DataError."""
    single = open_idx_folder(mnist, where, split)
    if single is None or single.labels is None:
        raise DataError(f"'{where}' is made from mnist, whose {split} images and labels are not both in '{mnist}'.")
    chance = np.random.default_rng([SEED, int(split == "test")])
    return StackedFiles(where, single, chance.integers(0, len(single), (COUNTS[split], 3)))
