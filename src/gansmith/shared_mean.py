"""The mean over processes of one machine, in memory that all of them see.

On processors torch.distributed's gloo sends it through sockets, which takes three times as long (docs/decisions/0025).
"""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

FOLDER = Path("/dev/shm")  # where Linux keeps files in memory
LEAST = 2**16  # numbers; fewer are sent as fast
NAME_BYTES = 256


class SharedMean:
    """For process `rank` of `size`; all of them must ask for means of the same sizes in the same order."""

    def __init__(self, rank: int, size: int) -> None:
        self._rank, self._size = rank, size
        self._asked = 0  # the most numbers that room was asked for
        self._rows: Tensor | None = None  # [size + 1, asked]: what each has, and the mean

    def __call__(self, rows: Sequence[Tensor]) -> Tensor | None:
        """The mean over the processes of what lies in `rows` (float32, on the processor), one after the other.

        It lasts until the next call. None where it is little, or where the processes share no memory.
        """
        count = sum(row.numel() for row in rows)
        if count < LEAST:
            return None
        if count > self._asked:
            self._asked, self._rows = count, self._share(count)
        if self._rows is None:
            return None
        given, mean = self._rows[: self._size, :count], self._rows[self._size, :count]
        torch.cat([row.reshape(-1) for row in rows], out=given[self._rank])
        self._meet()
        mine = slice(count * self._rank // self._size, count * (self._rank + 1) // self._size)
        total = mean[mine].copy_(given[0, mine])
        for row in given[1:, mine]:  # torch.mean over rows takes five times as long
            total += row
        total /= self._size
        self._meet()  # the next call writes into `mean` after another one, so that all have read it
        return mean

    def _share(self, count: int) -> Tensor | None:
        """New room for `count` numbers a process; None, in all of them, where one of them has none."""
        self._meet()  # all are here, so that the file has a name for a moment only
        size = (self._size + 1) * count * torch.float32.itemsize
        path = _made(size) if self._rank == 0 else None
        try:
            told = torch.zeros(NAME_BYTES, dtype=torch.uint8)
            if path:
                spelt = bytearray(path.name.encode())
                told[: len(spelt)] = torch.frombuffer(spelt, dtype=torch.uint8)
            dist.broadcast(told, 0)
            name = bytes(told.tolist()).rstrip(b"\0").decode()
            room = _mapped(FOLDER / name, size) if name else None
            fine = torch.tensor(room is not None, dtype=torch.uint8)
            dist.all_reduce(fine, dist.ReduceOp.MIN)
        finally:
            if path:
                path.unlink()  # all who want it have it
        return room.view(self._size + 1, count) if room is not None and fine else None

    def _meet(self) -> None:
        dist.all_reduce(torch.zeros(1))


def _made(size: int) -> Path | None:
    """A file in memory of so many bytes, all of which are there; None where there is no such place, or not enough."""
    if sys.platform != "linux" or not FOLDER.is_dir():
        return None
    try:
        number, name = tempfile.mkstemp(prefix="gansmith-", dir=FOLDER)
    except OSError:
        return None
    try:
        os.posix_fallocate(number, 0, size)
    except OSError:
        Path(name).unlink()
        return None
    finally:
        os.close(number)
    return Path(name)


def _mapped(path: Path, size: int) -> Tensor | None:
    """What lies in the file, as numbers; None where there is no such file, as on another machine."""
    with contextlib.suppress(OSError, ValueError), path.open("r+b") as file:
        return torch.frombuffer(mmap.mmap(file.fileno(), size), dtype=torch.float32)
    return None
