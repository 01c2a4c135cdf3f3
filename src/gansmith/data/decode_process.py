"""What a decoding process does: pictures at training size into memory that it shares with the process that asks.

Started by `decode_pool.py` as `python -m gansmith.data.decode_process MEMORY ROWS C H W FIT`. A request is a pickled
list of paths (str) and files' contents (bytes); the answer is one byte for each, 1 where its row of the memory, uint8
[ROWS, C, H, W], holds the picture. Why one has failed is not told: whoever asked tries it again, and tells.

Imports no torch, which would cost every process a second and 200 MB.
"""

from __future__ import annotations

import math
import mmap
import os
import pickle
import signal
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from gansmith.data.decode import Fit, open_picture, to_array


def main(memory: str, *words: str) -> None:
    """The process. It ends with the one that asks, not by what a terminal or a scheduler sends to both."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a decoder may print is no answer
    shape = tuple(map(int, words[:4]))
    rows = np.frombuffer(attach(memory, math.prod(shape)), np.uint8).reshape(shape)
    serve(sys.stdin.buffer, answers, rows, "pad" if words[4] == "pad" else "crop")


def attach(memory: str, size: int) -> mmap.mmap:
    """The memory that `decode_pool.share` made."""
    if sys.platform == "win32":
        return mmap.mmap(-1, size, tagname=memory)
    return mmap.mmap(int(memory), size)


def serve(requests: IO[bytes], answers: IO[bytes], rows: NDArray[np.uint8], fit: Fit) -> None:
    """Answer until the asking process closes its end, which it also does by dying."""
    while True:
        try:
            sources = pickle.load(requests)
            answers.write(decode_into(rows, sources, fit))
            answers.flush()
        except (EOFError, OSError, pickle.UnpicklingError):
            return


def decode_into(rows: NDArray[np.uint8], sources: Sequence[str | bytes], fit: Fit) -> bytes:
    """Picture k into row k; returns 1 for each that is there, else 0."""
    done = bytearray(len(sources))
    for k, source in enumerate(sources):
        try:
            picture = open_picture(Path(source) if isinstance(source, str) else BytesIO(source), max(rows.shape[2:]))
            rows[k] = to_array(picture, rows.shape[1:], fit)
            done[k] = 1
        except Exception:  # whatever it is, the asking process will meet it too
            continue
    return bytes(done)


if __name__ == "__main__":
    main(*sys.argv[1:])
