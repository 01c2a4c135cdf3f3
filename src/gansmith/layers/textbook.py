"""Layers as a textbook has them: torch's own, one after the other.

Ours compute the same numbers in other ways (`conv.py`, `leaky.py`, `upsampling.py`). Compilers and exporters see the
textbook's, and so does whoever wants to compare.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import torch

_asked: ContextVar[bool] = ContextVar("textbook", default=False)


def by_the_textbook() -> bool:
    """Whether layers are to compute as torch's own do."""
    return torch.compiler.is_compiling() or _asked.get()  # compilers cannot follow the second


@contextlib.contextmanager
def textbook() -> Iterator[None]:
    """Within the block, and what it calls in this thread, layers compute as torch's own do."""
    token = _asked.set(True)
    try:
        yield
    finally:
        _asked.reset(token)
