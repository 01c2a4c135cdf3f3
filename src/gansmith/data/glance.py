"""One pass over every picture of a split: decode, look, and keep some 250 bytes of it. Pixels are not kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import SupportsInt

import numpy as np
from numpy.typing import NDArray

from gansmith.data.decode import Unreadable
from gansmith.data.duplicates import SIDE, look
from gansmith.data.files import Files

Progress = Callable[[str, int, int], None]  # split, pictures done, pictures in all
CHUNK = 64  # pictures a thread takes at a time


@dataclass
class Kept:
    """What one pass over a split leaves; arrays by the picture's index."""

    split: str
    files: Files
    prefix: str  # of names, where there are two splits
    exact: NDArray[np.uint64]  # [N, 2]
    difference: NDArray[np.uint64]  # [N]
    thumbnails: NDArray[np.uint8]  # [N, SIDE * SIDE * 3]
    size: NDArray[np.int32]  # [N, 2] height, width
    channels: NDArray[np.uint8]  # [N]; 0 where unreadable
    blank: NDArray[np.bool_]  # [N]
    modes: list[str]
    formats: list[str]
    unreadable: dict[int, str] = field(default_factory=dict)  # index -> reason

    @classmethod
    def empty(cls, split: str, files: Files, prefix: str) -> Kept:
        n = len(files)
        return cls(
            split,
            files,
            prefix,
            np.zeros((n, 2), np.uint64),
            np.zeros(n, np.uint64),
            np.zeros((n, SIDE * SIDE * 3), np.uint8),
            np.zeros((n, 2), np.int32),
            np.zeros(n, np.uint8),
            np.zeros(n, np.bool_),
            [""] * n,
            [""] * n,
        )

    def take(self, i: int) -> None:
        """Look at picture `i`. Threads write to different places of the arrays."""
        try:
            header, image = self.files.header(i), self.files.open(i)
        except Unreadable as error:
            self.unreadable[i] = str(error)
            return
        seen = look(image)
        self.exact[i] = np.frombuffer(seen.exact, np.uint64)
        self.difference[i] = seen.difference
        self.thumbnails[i] = seen.thumbnail
        self.size[i] = header.size
        self.channels[i] = seen.channels
        self.blank[i] = seen.blank
        self.modes[i], self.formats[i] = header.mode, header.format

    def name(self, i: SupportsInt) -> str:
        """For people: also where a file's name is not valid text."""
        return self.prefix + self.files.name(int(i)).encode("utf-8", "backslashreplace").decode()

    def label(self, i: SupportsInt) -> str:
        """The class of picture `i`; "" without classes."""
        return "" if self.files.labels is None else self.files.label_names[int(self.files.labels[int(i)])]

    @property
    def readable(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.channels)


def glance(part: Kept, progress: Progress | None = None) -> None:
    """Fill `part` in a few threads, which is enough: Pillow decodes outside of the interpreter's lock."""
    total = len(part.files)

    def chunk(start: int) -> int:
        for i in range(start, min(start + CHUNK, total)):
            part.take(i)
        return min(start + CHUNK, total)

    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    try:
        for done in pool.map(chunk, range(0, total, CHUNK)):
            if progress:
                progress(part.split, done, total)
    finally:
        pool.shutdown(cancel_futures=True)
