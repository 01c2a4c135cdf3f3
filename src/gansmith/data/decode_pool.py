"""Processes that decode pictures: Pillow lets go of Python's lock only in part, so threads do not use many cores.

They are plain children (`decode_process.py`), not multiprocessing's: nothing of a user's script is run again in them,
so it needs no `if __name__ == "__main__"`. They have no state, and end when this process does, however that ends.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gansmith.data.decode import Fit, Unreadable
from gansmith.machine import cores

MOST = 8  # processes, where nobody asks for more
CHUNK = 8  # pictures a request, at most
Read = Callable[[int], BytesIO | Path]


def usual_processes() -> int:
    """How many are worth having: one a core, but one for the training; 0 where it has no more than two."""
    trainings = int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("WORLD_SIZE") or 1)
    own = cores() // trainings
    return min(MOST, own - 1) if own > 2 else 0


class DecodePool:
    """`processes` that decode the pictures which `read` finds to uint8 `shape` (C, H, W), for any number of threads.

    They start with the first request. What they do not deliver, for whatever reason, is left to whoever asks.
    """

    def __init__(self, processes: int, read: Read, shape: tuple[int, ...], fit: Fit) -> None:
        self._count, self._read, self._shape, self._fit = processes, read, shape, fit
        self._lock = threading.RLock()
        self._idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        self._threads: ThreadPoolExecutor | None = None
        self._ended = False
        self._end: Callable[[], Any] = lambda: None

    def decode(self, wanted: Sequence[int], into: NDArray[np.uint8], rows: Sequence[int]) -> NDArray[np.bool_]:
        """Picture wanted[k] into into[rows[k]]; returns bool [K]: which of them are there."""
        size = max(1, min(CHUNK, -(-len(wanted) // self._count)))
        parts = [slice(k, k + size) for k in range(0, len(wanted), size)]
        with self._lock:
            if self._threads is None and not self._ended:
                self._start()
            if self._threads is None or not parts:
                return np.zeros(len(wanted), np.bool_)
            waiting = [self._threads.submit(self._ask, wanted[part], into, rows[part]) for part in parts]
        done = np.concatenate([found.result() for found in waiting])
        if self._ended:  # one of them was lost on the way
            self.close()
        return done

    def close(self) -> None:
        """End the processes once they have done what they were asked for; any later request is left undone."""
        with self._lock:
            threads, self._threads, self._ended = self._threads, None, True
        if threads is not None:
            threads.shutdown()
            self._end()

    def _start(self) -> None:
        processes: list[_Process] = []
        end = weakref.finalize(self, _end_all, processes)
        try:
            if not sys.executable or getattr(sys, "frozen", False):
                raise OSError("there is no Python interpreter to start them with")
            for _ in range(self._count):
                processes.append(_Process(self._shape, self._fit))
        except OSError as error:
            end()
            self._give_up(f"processes for it cannot be started ({error})")
            return
        for process in processes:
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(2 * self._count)  # some read files while others wait for answers
        self._end = end

    def _ask(self, wanted: Sequence[int], into: NDArray[np.uint8], rows: Sequence[int]) -> NDArray[np.bool_]:
        done = np.zeros(len(wanted), np.bool_)
        sources = {k: source for k, i in enumerate(wanted) if (source := _source(self._read, i)) is not None}
        process = self._idle.get()
        try:
            if sources and not self._ended:
                there = process.decode(list(sources.values()))
                places = np.array(list(sources))[there]
                into[np.asarray(rows)[places]] = process.rows[: len(there)][there]
                done[places] = True
        except (EOFError, OSError) as error:
            self._give_up(f"one of the processes for it has ended ({process.ending() or error})")
        finally:
            self._idle.put(process)
        return done

    def _give_up(self, reason: str) -> None:
        with self._lock:
            told, self._ended = self._ended, True
        if not told:
            text = f"Pictures are decoded by threads from now on, slower but the same: {reason}."
            print(f"{text} --set data.workers=0 does without these processes.", file=sys.stderr, flush=True)


class _Process:
    """One of them, with the memory `rows` uint8 [CHUNK, C, H, W] into which it decodes. Raises OSError."""

    def __init__(self, shape: tuple[int, ...], fit: Fit) -> None:
        wanted = (CHUNK, *shape)
        memory, descriptor, told = share(math.prod(wanted))
        self.rows = np.frombuffer(memory, np.uint8).reshape(wanted)
        command = [sys.executable, "-P", "-m", "gansmith.data.decode_process", told, *map(str, wanted), fit]
        options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        # groups of their own: Ctrl-C in a terminal is for the training alone, even before they can ignore it
        if sys.platform == "win32":
            options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
        else:
            options |= {"process_group": 0, "pass_fds": (descriptor,)}
        try:
            self._child = subprocess.Popen(command, env=_environment(), **options)
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def decode(self, sources: Sequence[str | bytes]) -> NDArray[np.bool_]:
        """Source k into rows[k]; returns bool [K]: which of them are there. Raises OSError or EOFError."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        pickle.dump(sources, self._child.stdin, pickle.HIGHEST_PROTOCOL)
        self._child.stdin.flush()
        answer = self._child.stdout.read(len(sources))
        if len(answer) < len(sources):
            raise EOFError("it does not answer")
        return np.frombuffer(answer, np.bool_)

    def ending(self) -> str:
        """How it has ended; empty where it has not."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return f"exit code {self._child.wait(timeout=1)}"
        return ""

    def end(self) -> None:
        """At once: nothing is lost."""
        self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout):
            with contextlib.suppress(OSError):  # what was not sent, to a process that has ended
                if pipe is not None:
                    pipe.close()
        self._child.wait()


def share(size: int) -> tuple[mmap.mmap, int, str]:
    """`size` bytes of memory that no folder names, so that it ends with the processes that have it, killed or not.

    Beside it the file descriptor that a child must inherit (-1 on Windows), and by what it finds it. Raises OSError.
    """
    if sys.platform == "win32":
        tag = f"gansmith-{os.getpid()}-{os.urandom(8).hex()}"
        return mmap.mmap(-1, size, tagname=tag), -1, tag
    if sys.platform == "linux" and hasattr(os, "memfd_create"):  # musl's Python may lack it
        descriptor = os.memfd_create("gansmith")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return mmap.mmap(descriptor, size), descriptor, str(descriptor)


def _environment() -> dict[str, str]:
    """This process' own, from which a child imports the same modules, on one thread each."""
    found = os.pathsep.join(str(place or Path.cwd()) for place in sys.path)
    return {**os.environ, "PYTHONPATH": found, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _source(read: Read, i: int) -> str | bytes | None:
    """What a process is told of picture `i`: its path, or the contents of its file; None where that cannot be read."""
    try:
        found = read(i)
    except Unreadable:
        return None
    return str(found) if isinstance(found, Path) else found.getvalue()


def _end_all(processes: Sequence[_Process]) -> None:
    for process in processes:
        process.end()
