"""A generator as two ONNX graphs, for programs without torch, and the proof that they make the same pictures.

`mapping.onnx` turns latents z float32 [B, Z] into w, `synthesis.onnx` turns w into samples float32 [B, *shape] in the
network's range ([-1, 1] for pictures); two graphs, because truncation and editing act between them. B is free. Where
the generator was told a class or a cluster, both take it too, `given` int64 [B]. `gansmith.json` beside them says all
that a program needs: sizes, names of classes, shares of clusters, the mean w that truncation pulls towards, and how far
the graphs' samples lie from torch's.
"""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gansmith.contracts import Codec, Generator
from gansmith.errors import GansmithError, RunFolderError
from gansmith.export.onnx_generator import DESCRIPTION, FORMAT, MAPPING, SYNTHESIS, runner
from gansmith.folder import atomic

NEEDED = ("onnx", "onnxscript", "onnxruntime")
AGREE = 1e-4  # of the range's half; more, and the graphs are not the generator
CHECKED = (1, 5, 32)  # batches that are compared
EXAMPLE = 2  # samples that the graphs are traced with; 0 and 1 would be taken for constants
OPSET = 20


@dataclass(frozen=True)
class Graphs:
    """What was written: the folder, and the largest difference of a value from torch's."""

    folder: Path
    difference: float
    bytes: int

    def text(self) -> str:
        return (
            f"Wrote {self.folder}: {MAPPING}, {SYNTHESIS} and {DESCRIPTION}, {self.bytes / 1e6:.1f} MB.\n"
            f"Checked with onnxruntime in batches of {', '.join(map(str, CHECKED))}: "
            f"no value is more than {self.difference:.1g} from torch's."
        )


def write_onnx(generator: Generator, codec: Codec, mean_w: Tensor, folder: Path, recipe: dict[str, Any]) -> Graphs:
    """Write the two graphs and their description into `folder`, which is made, or holds an earlier export.

    `generator` is on the CPU, in evaluation. `mean_w` [1, ...], or [K, ...] for each of K classes or clusters, is what
    truncation pulls w towards; [0, ...] where they are too many to be listed, and whoever truncates takes the mean of
    what the mapping makes of 1,024 latents (`explore.sampling.mean_latent`). `recipe` goes into the description, so
    that scores can be taken.
    Raises GansmithError where packages are missing, the folder holds anything else, a network cannot be exported, or
    the graphs' samples differ from torch's by more than AGREE; nothing is written then.
    """
    _require_ours(folder)
    graphs = graphs_of(generator, codec)
    found = require_agreement(generator, codec, graphs)
    described = describe(generator, codec, mean_w, found, recipe)
    files = {**graphs, DESCRIPTION: json.dumps(described, ensure_ascii=False, indent=1).encode()}
    for name, content in files.items():
        atomic.write_bytes(folder / name, content)
    return Graphs(folder, found, sum(map(len, files.values())))


def graphs_of(generator: Generator, codec: Codec) -> dict[str, bytes]:
    """The two models, serialised, by the names of their files. Raises GansmithError as `write_onnx` does."""
    _require_packages()
    z, given = _latents(generator, codec, EXAMPLE)
    with torch.inference_mode():
        w = generator.mapping(z, given)
    traced = copy.deepcopy(generator).requires_grad_()  # of frozen weights torch 2.13 takes some batches for constants
    return {
        MAPPING: _graph(_Mapping(traced), {"z": z, "given": given}, "w"),
        SYNTHESIS: _graph(_Synthesis(traced), {"w": w, "given": given}, "samples"),
    }


def difference(generator: Generator, codec: Codec, graphs: dict[str, bytes]) -> float:
    """The largest difference of a sample's value from torch's; NaN where one is NaN."""
    run_mapping, run_synthesis = runner(graphs[MAPPING]), runner(graphs[SYNTHESIS])
    differences = []
    for z, given in (_latents(generator, codec, count) for count in CHECKED):
        with torch.inference_mode():
            wanted = generator(z, given)
        samples = run_synthesis({"w": run_mapping({"z": z, "given": given}), "given": given})
        differences.append(float((samples - wanted).abs().max()))
    return float(torch.tensor(differences).max())


def require_agreement(generator: Generator, codec: Codec, graphs: dict[str, bytes]) -> float:
    """`difference`. Raises GansmithError where it is more than AGREE."""
    found = difference(generator, codec, graphs)
    if not found <= AGREE:  # NaN too
        raise GansmithError(
            f"The ONNX graphs do not make what the generator makes: a value differs by {found:.2g}, wanted at "
            f"most {AGREE:g}. Nothing was written. Please report the network ({type(generator).__name__}) and the "
            f"versions of {', '.join(NEEDED)}; generator.safetensors holds the weights for programs with torch."
        )
    return found


class _Mapping(nn.Module):
    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, z: Tensor, given: Tensor | None = None) -> Tensor:
        return self.generator.mapping(z, given)


class _Synthesis(nn.Module):
    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, w: Tensor, given: Tensor | None = None) -> Tensor:
        return self.generator.synthesis(w, given)


def _latents(generator: Generator, codec: Codec, count: int) -> tuple[Tensor, Tensor | None]:
    chance = torch.Generator().manual_seed(count)
    z = torch.randn(count, generator.latent_size, generator=chance)
    known = codec.spec.classes
    return z, torch.linspace(0, known - 1, count, dtype=torch.float64).long() if known else None


def _graph(module: nn.Module, inputs: dict[str, Tensor | None], output: str) -> bytes:
    """An ONNX model, serialised. Raises GansmithError where torch cannot translate an operation."""
    named = {name: x for name, x in inputs.items() if x is not None}
    batch = torch.export.Dim("batch", min=1)
    with _quiet():
        try:
            program = torch.onnx.export(
                module,
                tuple(named.values()),
                dynamo=True,
                input_names=list(named),
                output_names=[output],
                dynamic_shapes=tuple({0: batch} for _ in named),
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            raise GansmithError(f"This generator has an operation that ONNX does not: {error}") from error
    assert program is not None
    model: bytes = program.model_proto.SerializeToString()
    return model


def describe(
    generator: Generator, codec: Codec, mean_w: Tensor, difference: float, recipe: dict[str, Any]
) -> dict[str, Any]:
    """What a program needs to know of the graphs, JSON; the arguments are those of `write_onnx`."""
    return {
        "format": FORMAT,
        "samples": codec.describe(),
        "z": [generator.latent_size],
        "w": list(mean_w.shape[1:]),
        "given": codec.spec.classes,
        "mean_w": mean_w.tolist(),
        "largest_difference_from_torch": difference,
        "recipe": recipe,
    }


def _require_packages() -> None:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise GansmithError(
            f"Writing ONNX needs {' and '.join(missing)}, not installed here. Run: pip install 'gansmith[onnx]'"
        )


def _require_ours(folder: Path) -> None:
    if folder.is_dir():
        others = sorted(p.name for p in folder.iterdir() if p.name not in (MAPPING, SYNTHESIS, DESCRIPTION))
        if others:
            raise RunFolderError(
                f"{folder} holds other files ({others[0]}). An ONNX export is a folder of its own: give a new name."
            )
    elif folder.exists():
        raise RunFolderError(f"{folder} is a file. An ONNX export is a folder of three files: give another name.")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's own talk, which is about torch's insides."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
