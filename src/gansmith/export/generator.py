"""A generator read back from `generator.safetensors` alone: no data set, no checkpoint, no pickle, no code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gansmith.config import build
from gansmith.contracts import Architecture, Codec, Generator
from gansmith.data.kind import restore_codec
from gansmith.errors import CheckpointError, GansmithError
from gansmith.folder import generator_file
from gansmith.layers.weightless import weightless


def read_generator(path: Path, *, trust: bool = False) -> tuple[Generator, Codec, dict[str, Any]]:
    """The generator (ready to sample, on the CPU), its codec, and the file's metadata.

    An architecture of the user's own, named by a dotted path, is imported only with `trust`. Raises CheckpointError
    where the file is not one of ours or its weights do not fit its recipe.
    """
    tensors, metadata = generator_file.read(path)
    try:
        codec = restore_codec(metadata["codec"])
        table = metadata["recipe"]["architecture"]
        architecture = build(Architecture, table, f"{path} [architecture]", trust=trust)  # type: ignore[type-abstract]
        with weightless():  # sizes without memory: a hostile file cannot ask for more than it brings
            generator, _ = architecture.build(codec.spec)
        generator.load_state_dict(tensors, assign=True)
    except GansmithError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{path} cannot be used: its weights do not fit its own description ({error}).\n"
            "Wanted: a generator.safetensors that gansmith wrote. Take a whole copy of it from the run folder."
        ) from error
    return generator.eval().requires_grad_(False), codec, metadata
