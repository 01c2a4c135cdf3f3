"""Batches in a fixed shuffled order, fetched ahead by threads.

The order is a pure function of (seed, position): epoch e is a permutation that (seed, e) determines, and batches run
on over the ends of epochs. So a loader that starts at k samples gives what an uninterrupted one gives from there on.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from gansmith.contracts import Batch, Dataset

AHEAD = 2  # batches that each thread keeps ready
KEPT = 3  # permutations, for the threads that are around the end of an epoch
Ready = Callable[[], Batch]  # what is left to do for a batch by whoever asks for it


class Order:
    """Position -> index: an endless row of permutations of `count`. Safe to use from several threads."""

    def __init__(self, count: int, seed: int) -> None:
        self._count = count
        self._seed = seed
        self._lock = threading.Lock()
        self._epochs: dict[int, NDArray[np.int64]] = {}  # the last few

    def indices(self, start: int, count: int) -> NDArray[np.int64]:
        """The indices at positions start .. start + count."""
        parts, position, end = [], start, start + count
        while position < end:
            epoch, offset = divmod(position, self._count)
            parts.append(self._epoch(epoch)[offset : offset + end - position])
            position += len(parts[-1])
        return np.concatenate(parts)

    def _epoch(self, epoch: int) -> NDArray[np.int64]:
        with self._lock:
            permutation = self._epochs.get(epoch)
            if permutation is None:
                generator = np.random.default_rng(np.random.SeedSequence([self._seed, epoch]))
                permutation = self._epochs[epoch] = generator.permutation(self._count)
                if len(self._epochs) > KEPT:  # a slow thread may still be in an earlier epoch: it then makes it again
                    del self._epochs[min(self._epochs)]
            return permutation


class Loader:
    """Endless batches of `batch` samples for process `rank` of `world`, from `samples_seen` (by all of them) on.

    Each round of all processes takes batch x world positions, of which a process has its own contiguous part.
    `workers` threads fetch ahead; use it as a context manager or call `close`. `prepare` does a thread's part of the
    work and returns the rest, which is left to `next`; by default threads do all.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch: int,
        seed: int,
        samples_seen: int = 0,
        rank: int = 0,
        world: int = 1,
        workers: int = 2,
        prepare: Callable[[list[int]], Ready] | None = None,
    ) -> None:
        self.seconds_waiting = 0.0  # how long `next` has been blocked in all
        self._dataset = dataset
        self._prepare = prepare or self._fetch
        self._batch = batch
        self._order = Order(len(dataset), seed)
        self._start = samples_seen + rank * batch
        self._stride = batch * world
        self._taken = 0
        self._stop = threading.Event()
        self._ready: list[queue.Queue[Ready | BaseException]] = [queue.Queue(AHEAD) for _ in range(workers)]
        self._threads = [threading.Thread(target=self._work, args=(k,), daemon=True) for k in range(workers)]
        for thread in self._threads:
            thread.start()

    def next(self) -> Batch:
        """The next batch. Raises what the data set raised for it."""
        if self._stop.is_set():
            raise RuntimeError("the loader is closed")
        began = time.perf_counter()
        item = self._ready[self._taken % len(self._ready)].get()
        self.seconds_waiting += time.perf_counter() - began
        if isinstance(item, BaseException):
            self.close()
            raise item
        self._taken += 1
        return item()

    def close(self) -> None:
        """End the threads. Can be called twice."""
        self._stop.set()
        for ready in self._ready:  # a thread may be waiting for room
            while not ready.empty():
                ready.get_nowait()
        for thread in self._threads:
            thread.join(timeout=10)

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _fetch(self, indices: list[int]) -> Ready:
        batch = self._dataset.fetch(indices)
        return lambda: batch

    def _work(self, worker: int) -> None:
        """Batches worker, worker + workers, ... into this thread's own queue, which keeps them in order."""
        ready, number = self._ready[worker], worker
        while not self._stop.is_set():
            item: Ready | BaseException
            try:
                indices = self._order.indices(self._start + number * self._stride, self._batch)
                item = self._prepare(indices.tolist())
            except BaseException as error:  # given to whoever calls next()
                item = error
            self._put(ready, item)
            if isinstance(item, BaseException):
                return
            number += len(self._ready)

    def _put(self, ready: queue.Queue[Ready | BaseException], item: Ready | BaseException) -> None:
        while not self._stop.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue
        return None
