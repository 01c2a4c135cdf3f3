"""Pictures at training size, by index. Kept as bytes where they fit in memory, else decoded every time.

The cache is claimed whole at opening, so that memory is flat from the first step on. A picture that cannot be read is
replaced by the next one that can, always by the same, so that a resumed run sees what an uninterrupted one sees. Where
there is much to decode, processes help (`decode_pool.py`); they deliver a picture or do not, all else is decided here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gansmith.contracts import Batch, Dataset, Spec
from gansmith.data.clusters import LOOKED_AT
from gansmith.data.codec import to_float
from gansmith.data.decode import Fit, Unreadable, to_array
from gansmith.data.decode_pool import DecodePool, usual_processes
from gansmith.data.files import EncodedFiles, Files, Pixels
from gansmith.data.grouping import Grouping, Of, find_groups
from gansmith.errors import DataError

CACHE_BYTES = 512 << 20
PROBED = 64  # files read at opening, evenly spread
PROBED_ALL = 512  # data sets up to this size are read whole at opening
WORTH_SECONDS = 4.0  # so much decoding is left for threads where processes, which take a second to start, are worth it


class ImageDataset(Dataset):
    """`files` at `spec.shape`; with `mirror`, sample i + len(files) is sample i mirrored; `keep` them where they fit.

    `workers` processes decode what comes in files of JPEG, PNG and so on; None: as many as pay, 0: threads do it.
    Raises DataError where fewer than two pictures can be read.
    """

    def __init__(
        self,
        files: Files,
        spec: Spec,
        fit: Fit = "crop",
        mirror: bool = False,
        keep: bool = True,
        workers: int | None = 0,
    ) -> None:
        self.files = files
        self.spec = spec
        self.fit: Fit = fit
        self.mirror = mirror
        self.fingerprint = files.fingerprint
        self.label_names = files.label_names
        self.labels: Tensor | None = None
        self.composition = files.composition
        self.unreadable: dict[str, str] = {}  # name -> reason, of those met so far
        self._lock = threading.Lock()
        self._replacement: dict[int, int] = {}  # unreadable -> the readable one shown instead
        self._given: NDArray[np.int64] | None = None
        if files.labels is not None:
            self._given = files.labels.astype(np.int64)
            self.labels = torch.from_numpy(np.tile(self._given, 1 + mirror))
        self._cached: NDArray[np.bool_] | None = None
        self._cache: NDArray[np.uint8] | None = None
        self._grouping: Grouping | None = None
        self._group_of = np.empty(0, np.int64)  # a sample's groups, -1 until it is first fetched
        self._whole: Pixels | None = None  # in place of a cache, where the pictures lie decoded already
        self._pool: DecodePool | None = None
        if files.pixels is not None and files.pixels.shape[1:] == spec.shape and spec.shape[0] != 4:
            self._whole = files.pixels
            self._require_two(len(files))
        else:
            self._claim(keep)
            seconds = self._probe()
            if workers is None:
                workers = usual_processes() if seconds > WORTH_SECONDS else 0
            if workers and isinstance(files, EncodedFiles):
                self._pool = DecodePool(workers, files.read, spec.shape, fit)

    def __len__(self) -> int:
        return len(self.files) * (1 + self.mirror)

    def fetch(self, indices: Sequence[int]) -> Batch:
        """Samples [B, C, H, W] in [-1, 1]; classes or clusters int64 [B] where `spec.given` asks for them."""
        pixels = self.pixels(indices)
        return Batch(to_float(pixels), self.given(indices, pixels))

    def pixels(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """Samples as they are kept, uint8 [B, C, H, W], mirrored where asked for; the caller's own."""
        asked = np.asarray(indices, np.int64)
        pixels = self._pixels(asked % len(self.files))
        if self.mirror:
            mirrored = asked >= len(self.files)
            pixels[mirrored] = pixels[mirrored, :, :, ::-1]
        return pixels

    def given(self, indices: Sequence[int], pixels: NDArray[np.uint8] | None = None) -> Tensor | None:
        """What is told with samples, whose `pixels` spare looking them up; int64 [B], None where nothing is."""
        asked = np.asarray(indices, np.int64)
        if self._grouping is not None:
            return torch.from_numpy(self._groups(self._grouping, asked, pixels))
        if self.spec.given is None or self._given is None:
            return None
        plain = asked % len(self.files)
        shown = [self._replacement.get(i, i) for i in plain.tolist()] if self._replacement else plain
        return torch.from_numpy(self._given[shown])

    def whole(self) -> Pixels | None:
        """All pictures, uint8 [N, C, H, W], not mirrored; None as long as some have to be decoded."""
        if self._whole is not None:
            return self._whole
        return self._cache if self._cached is not None and self._cached.all() else None

    def find_groups(self, count: int, of: Of) -> Grouping:
        """Up to `count` groups of pictures, or of each channel, that look alike."""
        chosen = np.linspace(0, len(self) - 1, min(len(self), LOOKED_AT)).astype(np.int64)
        return find_groups(self.pixels(chosen.tolist()), count, of)

    def tell(self, grouping: Grouping) -> None:
        """From now on samples come with the groups that they belong to."""
        self._grouping = grouping
        self._group_of = np.full(len(self), -1, np.int64)
        self.spec = replace(self.spec, given=grouping.given)

    def _groups(
        self, grouping: Grouping, asked: NDArray[np.int64], pixels: NDArray[np.uint8] | None
    ) -> NDArray[np.int64]:
        """The groups of the samples `asked`, which look like `pixels`."""
        new = self._group_of[asked] < 0
        if new.any():
            looks = self.pixels(asked[new].tolist()) if pixels is None else pixels[new]
            self._group_of[asked[new]] = grouping.nearest(looks)
        return self._group_of[asked]

    def channels(self) -> ImageDataset | None:
        """The labelled pictures of which each channel is one, at the same size; None where these are no stacks."""
        if self.files.channels is None or self.spec.shape[0] != 3:
            return None
        return ImageDataset(self.files.channels, Spec((1, *self.spec.shape[1:])), self.fit)

    def without_rules(self) -> ImageDataset | None:
        """Pictures of the same things in company by chance, at the same size; None where nothing is known of rules.

        Not kept in memory: whoever wants these looks at each once.
        """
        files = self.files.without_rules()
        return None if files is None else ImageDataset(files, Spec(self.spec.shape), self.fit, keep=False)

    def _pixels(self, plain: NDArray[np.int64]) -> NDArray[np.uint8]:
        """uint8 [B, C, H, W], the caller's own."""
        if self._whole is not None:
            return self._whole[plain]
        if self._cache is None or self._cached is None:
            pixels = np.empty((len(plain), *self.spec.shape), np.uint8)
            self._decode_into(pixels, np.arange(len(plain)), plain)
            return pixels
        missing = plain[~self._cached[plain]]
        if len(missing):
            self._decode_into(self._cache, missing, missing)
            self._cached[missing] = True  # after the pictures: other threads look here first
            if self._pool is not None and self._cached.all():
                self._pool.close()
        return self._cache[plain]

    def _decode_into(self, pixels: NDArray[np.uint8], rows: NDArray[np.int64], wanted: NDArray[np.int64]) -> None:
        """Picture wanted[k], or what is shown instead, into pixels[rows[k]]."""
        left = np.arange(len(wanted))
        if self._pool is not None:
            first = [self._replacement.get(i, i) for i in wanted.tolist()]
            left = left[~self._pool.decode(first, pixels, rows.tolist())]
        for k in left.tolist():
            pixels[rows[k]] = self._decode(int(wanted[k]))

    def _claim(self, keep: bool) -> None:
        shape = (len(self.files), *self.spec.shape)
        if keep and np.prod(shape, dtype=np.int64) <= CACHE_BYTES:
            self._cache = np.full(shape, 255, np.uint8)  # writing is what makes the system hand the memory over
            self._cached = np.zeros(len(self.files), np.bool_)

    def _decode(self, i: int) -> NDArray[np.uint8]:
        """Picture `i` or, where it cannot be read, the next that can."""
        start = self._replacement.get(i, i)
        for j in range(start, start + len(self.files)):
            j %= len(self.files)
            if (pixels := self._try(j)) is not None:
                if j != i:
                    with self._lock:
                        self._replacement[i] = j
                return pixels
        raise DataError(f"No picture in '{self.files.where}' can be read any more. Is it still there?")

    def _try(self, i: int) -> NDArray[np.uint8] | None:
        name = self.files.name(i)
        if name in self.unreadable:
            return None
        try:
            picture = self.files.open(i, at_least=max(self.spec.shape[1:]))
        except Unreadable as error:
            with self._lock:
                self.unreadable[name] = str(error)
            return None
        return to_array(picture, self.spec.shape, self.fit)

    def _probe(self) -> float:
        """Read some files, or all of a small data set, so that a hopeless one is refused before training.

        Returns about how many seconds threads take for those that are left, once.
        """
        count, began = len(self.files), time.perf_counter()
        first = range(count) if count <= PROBED_ALL else np.linspace(0, count - 1, PROBED).astype(int).tolist()
        with ThreadPoolExecutor(4) as pool:
            readable = sum(pool.map(self._keep, first))
        seconds = (time.perf_counter() - began) / len(first)
        if readable < 2:
            readable += self._count_to_two(set(range(count)) - set(first))
        self._require_two(readable)
        return seconds * (count if self._cache is None else count - len(first))

    def _keep(self, i: int) -> bool:
        pixels = self._try(i)
        if pixels is not None and self._cache is not None and self._cached is not None:
            self._cache[i] = pixels
            self._cached[i] = True
        return pixels is not None

    def _count_to_two(self, rest: Iterable[int]) -> int:
        readable = 0
        for i in rest:
            readable += self._keep(i)
            if readable == 2:
                break
        return readable

    def _require_two(self, readable: int) -> None:
        where, count = self.files.where, len(self.files)
        if readable == 0:
            name, reason = next(iter(self.unreadable.items()))
            raise DataError(f"There is no readable image in '{where}': of {count:,} files, '{name}' is {reason}.")
        if readable == 1:
            lost = f" ({count - 1:,} other files cannot be read)" if count > 1 else ""
            raise DataError(
                f"There is one readable image in '{where}'{lost}. "
                "Training needs at least 2, and hundreds to be any good."
            )
