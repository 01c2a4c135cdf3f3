"""What extractors share: a hash of weights, the check of what comes in, and passing it on in pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from gansmith.contracts import Seen
from gansmith.errors import DataError

CHUNK = 250  # samples a pass: bounds the memory


def weights_hash(state: Mapping[str, Tensor]) -> str:
    """First 16 hex digits of the sha256 over names, types, shapes and bytes, in the names' order."""
    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def check_shape(shape: tuple[int, ...], extractor: str) -> None:
    """Raises DataError where samples are no pictures."""
    if len(shape) != 3:
        raise DataError(f"The {extractor} features see pictures [C, H, W], but these samples have shape {list(shape)}.")


def in_chunks(see: Callable[[Tensor], Seen], x: Tensor, shape: tuple[int, ...]) -> Seen:
    """`see` over `x` [B, *shape] in pieces, without gradients. Raises ValueError for samples of another shape."""
    if tuple(x.shape[1:]) != shape or len(x) == 0:
        raise ValueError(f"These features were made for samples {list(shape)}, but came {list(x.shape)} (with batch).")
    with torch.no_grad():
        seen = [see(part.float()) for part in torch.split(x, CHUNK)]
    probabilities = [s.probabilities for s in seen if s.probabilities is not None]
    return Seen(torch.cat([s.vectors for s in seen]), torch.cat(probabilities) if probabilities else None)
