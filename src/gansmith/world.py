"""The processes of one training: which one this is, and what they tell each other (torch.distributed).

A process alone is a world of one, in which nothing is sent. In a larger one the leader, rank 0, says what happens next,
and the others follow (`follower.py`): only the leader reads clocks, writes files and talks to people.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

import torch
import torch.distributed as dist
from torch import Tensor

from gansmith.errors import LostProcess
from gansmith.shared_mean import SharedMean

MESSAGE = struct.Struct("<qdQ")  # word, number, seed
TROUBLE_BYTES = 1000  # of an error's text that others are told
PATIENCE = timedelta(days=7)  # the leader may judge or train a classifier for long; a process that ends is noticed


class Word(IntEnum):
    """What the leader says, with a number, and a seed where one is needed."""

    STEP = 0  # progress: take one step
    DRAW = 1  # count, seed: make your part of so many samples, and keep it
    GO_BACK = 2  # caution: load the newest checkpoint, with this factor on the learning rates
    END = 3  # 1 where training is complete
    GIVE = 4  # count: send your part of the samples drawn last
    GENERATOR = 5  # take the averaged generator that follows
    EXTRACTOR = 6  # bytes: take the feature extractor that follows
    SEE = 7  # count: send what it sees in your part of the samples drawn last
    SEE_TRAIN = 8  # count, seed: send what it sees in your part of a choice of so many training samples
    SEE_TEST = 9  # count, seed: the same of held-out samples


@dataclass(frozen=True)
class World:
    """This process' `rank` among `size`."""

    rank: int = 0
    size: int = 1
    shared_mean: SharedMean | None = None  # a quicker way than torch.distributed's, where there is one

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def tell(self, word: Word, number: float = 0.0, seed: int = 0) -> None:
        """The leader's next word, to all others; they tell nobody. `seed` in [0, 2^64), all of its bits."""
        if self.leads and self.size > 1:
            self._broadcast(torch.frombuffer(bytearray(MESSAGE.pack(word, number, seed)), dtype=torch.uint8))

    def hear(self) -> tuple[Word, float, int]:
        """What the leader tells."""
        told = torch.zeros(MESSAGE.size, dtype=torch.uint8)
        self._broadcast(told)
        word, number, seed = MESSAGE.unpack(bytes(told.tolist()))
        return Word(word), number, seed

    @torch.no_grad()
    def average(self, tensors: Sequence[Tensor]) -> None:
        """Put the mean over all processes into each of `tensors`: one flat message for each type of number."""
        for dtype in sorted({t.dtype for t in tensors}, key=str) if self.size > 1 else ():
            self._average([_as_it_lies(t) for t in tensors if t.dtype == dtype])

    def _average(self, tensors: list[Tensor]) -> None:
        mean = None
        with _together():
            if self.shared_mean and tensors[0].dtype == torch.float32 and tensors[0].device.type == "cpu":
                mean = self.shared_mean(tensors)
            if mean is None:
                mean = torch.cat([t.reshape(-1) for t in tensors])
                dist.all_reduce(mean)
                mean /= self.size
        parts = torch.split(mean, [t.numel() for t in tensors])
        torch._foreach_copy_(tensors, [part.view(t.shape) for part, t in zip(parts, tensors, strict=True)])

    def part(self, count: int) -> slice:
        """This process' part of `count` things in a row; the parts differ by one at most."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def gather(self, part: Tensor, count: int) -> Tensor:
        """All parts [n, ...] of `count` rows in the order of `part`, on the CPU; for the leader, others get theirs."""
        if self.size == 1:
            return part
        sizes = [count * (k + 1) // self.size - count * k // self.size for k in range(self.size)]
        with _together():
            if not self.leads:
                dist.send(part.cpu().contiguous(), 0)
                return part
            parts = [part.cpu()]
            for rank in range(1, self.size):
                parts.append(torch.empty(sizes[rank], *part.shape[1:], dtype=part.dtype))
                dist.recv(parts[-1], rank)
        return torch.cat(parts)

    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Put the leader's values into each of `tensors`, which have one shape and type in all processes."""
        for t in tensors:
            told = t.detach().cpu().contiguous()
            self._broadcast(told)
            t.copy_(told)

    def trouble(self, mine: str) -> str:
        """What kept a process from doing its part (of several: the last one's), told to all; "" where nothing did."""
        if self.size == 1:
            return mine
        last = torch.tensor(self.rank + 1 if mine else 0)
        told = torch.zeros(TROUBLE_BYTES, dtype=torch.uint8)
        with _together():
            dist.all_reduce(last, dist.ReduceOp.MAX)
            if not last:
                return ""
            if int(last) == self.rank + 1:
                text = bytearray(mine.encode()[:TROUBLE_BYTES])
                told[: len(text)] = torch.frombuffer(text, dtype=torch.uint8)
            dist.broadcast(told, int(last) - 1)
        return bytes(told.tolist()).rstrip(b"\0").decode(errors="ignore")

    @contextlib.contextmanager
    def leader_first(self) -> Iterator[None]:
        """Others enter the block when the leader has left it, and all leave it together. They exit without a word where
        the leader failed: what is wrong with a command or with data is wrong for all, and one message is enough."""
        fine = torch.ones(())
        if self.leads:
            try:
                yield
            except BaseException:
                fine.zero_()
                raise
            finally:
                self._broadcast(fine)
        else:
            self._broadcast(fine)
            if not fine:
                raise SystemExit(2)
            yield
        self.average([fine])  # nobody goes on before everybody is here

    def _broadcast(self, told: Tensor) -> None:
        if self.size > 1:
            with _together():
                dist.broadcast(told, 0)


ALONE = World()


def started_among_several() -> bool:
    """Whether torchrun, or `gansmith train --processes`, started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def local_rank() -> int:
    """Which of the processes on this machine: the number of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextlib.contextmanager
def join() -> Iterator[World]:
    """The world that the environment tells of (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, as torchrun sets them)."""
    if not started_among_several():
        yield ALONE
        return
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank() % torch.cuda.device_count())
        backend = "cpu:gloo,cuda:nccl"
    with _together():
        dist.init_process_group(backend, timeout=PATIENCE)
    rank, size = dist.get_rank(), dist.get_world_size()
    world = World(rank, size, SharedMean(rank, size))
    try:
        yield world
    except LostProcess:
        if world.leads:
            raise
        raise SystemExit(2) from None  # the leader says it, or has said what it failed by
    dist.destroy_process_group()  # not after an error: others may be gone, and it would wait for them


def _as_it_lies(tensor: Tensor) -> Tensor:
    """The same numbers in the order of memory, where that is channels last."""
    last = tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    return tensor.permute(0, 2, 3, 1) if last else tensor


@contextlib.contextmanager
def _together() -> Iterator[None]:
    """Raises LostProcess where another process has ended."""
    try:
        yield
    except (RuntimeError, dist.DistError) as error:
        reason = str(error).splitlines()[0][:160]
        raise LostProcess(
            f"Another process of this training has ended, so this one ends too ({reason}).\n"
            "The last checkpoint is whole. What to do: read what the other one said, then start the same command "
            "again; it may have another number of processes."
        ) from error
