"""`generator.safetensors`: the averaged generator's weights, and beside them all that sampling needs to know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from gansmith.errors import CheckpointError
from gansmith.folder import atomic, safe_tensors


def write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write weights and `metadata` (JSON; in the file as one string under the key "gansmith"), atomically.

    Equal input gives an equal file. Raises RunFolderError where the disk refuses; the old file is intact then.
    """
    atomic.write_bytes(path, safe_tensors.dump("generator", tensors, metadata))


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights on the CPU, and metadata. Raises CheckpointError for pickles, other programs' files, and cut ones."""
    tensors, metadata = safe_tensors.parse("generator", safe_tensors.read_bytes(path), path)
    if not isinstance(metadata, dict):
        raise CheckpointError(f"{path} is damaged: its metadata makes no sense. Train or copy it again.")
    return tensors, metadata
