"""Networks made of shapes alone, to take weights that are there already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

RANDOM = (Tensor.normal_, Tensor.uniform_)


@contextmanager
def weightless() -> Iterator[None]:
    """Tensors made within it take no memory (device "meta"), and draw no random numbers."""
    with torch.device("meta"), _Unstarted():
        yield


class _Unstarted(TorchFunctionMode):
    """Starts no weights: on "meta", torch would import its compiler to do that, which takes a second."""

    def __torch_function__(
        self, function: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function in RANDOM or getattr(function, "__module__", "") == "torch.nn.init":
            return args[0] if args else (kwargs or {})["tensor"]
        return function(*args, **(kwargs or {}))
