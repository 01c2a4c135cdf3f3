"""A generator read back from the folder of an ONNX export, run by onnxruntime."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gansmith.contracts import Codec, Generator
from gansmith.data.kind import restore_codec
from gansmith.errors import CheckpointError, GansmithError

MAPPING, SYNTHESIS, DESCRIPTION = "mapping.onnx", "synthesis.onnx", "gansmith.json"
FORMAT = "gansmith onnx 1"


class OnnxGenerator(Generator):
    """The two graphs as one generator; float32, on the CPU, not to be trained."""

    def __init__(self, mapping: bytes, synthesis: bytes, latent_size: int) -> None:
        super().__init__()
        self.latent_size = latent_size
        self._run_mapping, self._run_synthesis = runner(mapping), runner(synthesis)

    def mapping(self, z: Tensor, given: Tensor | None) -> Tensor:
        return self._run_mapping({"z": z, "given": given})

    def synthesis(self, w: Tensor, given: Tensor | None) -> Tensor:
        return self._run_synthesis({"w": w, "given": given})


def runner(graph: bytes) -> Callable[[dict[str, Tensor | None]], Tensor]:
    """What onnxruntime makes of named inputs: the graph's one output."""
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    taken = {i.name for i in session.get_inputs()}

    def run(inputs: dict[str, Tensor | None]) -> Tensor:
        found: list[Any] = session.run(None, {k: x.numpy() for k, x in inputs.items() if x is not None and k in taken})
        return torch.from_numpy(found[0])

    return run


def is_export(folder: Path) -> bool:
    """Whether `folder` looks like an ONNX export of ours."""
    return (folder / DESCRIPTION).is_file() and (folder / SYNTHESIS).is_file()


def read_onnx(folder: Path) -> tuple[OnnxGenerator, Codec, dict[str, Any]]:
    """The generator, its codec, and the description. Raises GansmithError where it cannot be used."""
    if importlib.util.find_spec("onnxruntime") is None:
        raise GansmithError(f"'{folder}' needs onnxruntime, not installed here. Run: pip install 'gansmith[onnx]'")
    try:
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        if description["format"] != FORMAT:
            raise ValueError(f"its format is {description['format']!r}, wanted {FORMAT!r}")
        if not isinstance(description["recipe"], dict):
            raise TypeError("its recipe is no table")
        mapping, synthesis = ((folder / name).read_bytes() for name in (MAPPING, SYNTHESIS))
        generator = OnnxGenerator(mapping, synthesis, int(description["z"][0]))
        return generator, restore_codec(description["samples"]), description
    except GansmithError:
        raise
    except Exception as error:  # onnxruntime raises many kinds on broken graphs
        raise CheckpointError(
            f"{folder} cannot be used as an ONNX export: {error}. Export it again: gansmith export RUN --to onnx"
        ) from error
