"""The one door through which weights come in: safetensors bytes, our mark in their metadata, and nothing executed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from gansmith.errors import CheckpointError
from gansmith.folder import plain_json

_KEY = "gansmith"  # one metadata key only: with several, their order, and so the file's hash, would be chance
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def dump(kind: str, tensors: dict[str, Tensor], content: Any) -> bytes:
    """A safetensors file marked as ours: `kind` ("checkpoint", "generator"), and `content`, JSON, beside the tensors.

    Equal input gives equal bytes. Tensors may lie on any device, share memory and be non-contiguous.
    """
    mark = plain_json.dumps({"format": f"gansmith {kind}", "version": 1, "content": content})
    return bytes(safetensors.torch.save(_separate(tensors), {_KEY: mark}))


def parse(kind: str, data: bytes, path: Path) -> tuple[dict[str, Tensor], Any]:
    """What `dump` was given. `path` is only for messages. Raises CheckpointError where `data` is anything else."""
    if data.startswith(_PICKLES) and data[8:9] != b"{":  # a header of 640 bytes begins with \x80\x02 too
        raise CheckpointError(
            f"{path} is a pickle (a .pt or .pth file), not a gansmith {kind}. Pickles can run code when opened, so it "
            "was not opened. Nothing was changed. Use a .safetensors file that gansmith wrote."
        )
    try:
        tensors = safetensors.torch.load(data)
        mark = json.loads(_metadata(data).get(_KEY, "null"))
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is damaged, cut short, or not a safetensors file ({error or type(error).__name__}). "
            f"Wanted: a {kind} that gansmith wrote. Copy it again from where it is whole, or use another."
        ) from error
    if not isinstance(mark, dict) or mark.get("format") != f"gansmith {kind}":
        said = f"a '{mark.get('format')}' file" if isinstance(mark, dict) else "a safetensors file of another program"
        raise CheckpointError(f"{path} is {said}, not a gansmith {kind}. Use one that gansmith wrote.")
    if mark.get("version") != 1:
        raise CheckpointError(
            f"{path} is a {kind} of format version {mark.get('version')}; this gansmith reads version 1. "
            "Upgrade gansmith: pip install -U gansmith"
        )
    return tensors, mark.get("content")


def read_bytes(path: Path) -> bytes:
    """The file's bytes. Raises CheckpointError, in words for users, where they cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"Cannot read {path}: {error.strerror or error}. Check the path.") from error


def _metadata(data: bytes) -> dict[str, str]:
    """The header's metadata: 8 bytes of little-endian length, then JSON (`safetensors.torch.load` drops it)."""
    length = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    return metadata


def _separate(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, contiguous, and each alone in its memory, as safetensors demands; copied only where needed."""
    seen: set[int] = set()
    out = {}
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided:
            raise TypeError(f"{name} is {tensor.layout}; only dense tensors can be saved")
        plain = tensor.detach().cpu().contiguous()
        storage = plain.untyped_storage()
        if storage.data_ptr() in seen or storage.nbytes() != plain.nbytes:
            plain = plain.clone(memory_format=torch.contiguous_format)
        seen.add(plain.untyped_storage().data_ptr())
        out[name] = plain
    return out
