"""Freed memory stays with the process, where the C library is glibc.

A training step allocates and frees the same few hundred megabytes every time. By default glibc gives large blocks back
to the system at once, and every page of the next one is then a fault: thousands of them a step, 5 to 15 % of its time.
What an evaluation has freed is given back: no step needs so much, and it lies between blocks that stay, a little more
each time.
"""

from __future__ import annotations

import contextlib
import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt's parameters in malloc.h
_KEPT_BYTES = 2**30  # so much at the top of the heap is not given back
_LARGEST_BYTES = (2**30, 2**25)  # blocks up to this size come from the heap; older glibc takes no more than the second


def keep_freed_memory() -> None:
    """Ask the C library to keep what is freed; does nothing where it cannot be asked (macOS, Windows, musl)."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        any(mallopt(_MMAP_THRESHOLD, size) for size in _LARGEST_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)


def give_back_freed_memory() -> None:
    """Give the system all pages on which nothing lies any more; does nothing where the C library cannot be asked."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
