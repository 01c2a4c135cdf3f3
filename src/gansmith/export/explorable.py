"""What an explorer in a browser needs of a generator: two small graphs, and all that it must know of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from gansmith.contracts import Codec, Generator
from gansmith.errors import RecipeError
from gansmith.export.directions import find_directions
from gansmith.export.onnx_graphs import describe, difference, graphs_of, require_agreement

GREY = 1 / 127.5  # a grey level; weights in half precision that make more of a difference are kept in float32
LEAST_NUMBERS = 256  # tensors with fewer stay in float32


@dataclass(frozen=True)
class Explorable:
    """`graphs` by the names that `onnx_graphs.py` gives them; `about` is its description, with directions, JSON."""

    about: dict[str, Any]
    graphs: dict[str, bytes]
    difference: float  # the largest of a picture's value from torch's


def explorable(generator: Generator, codec: Codec, mean_w: Tensor) -> Explorable:
    """Of a generator of pictures, on the CPU and in evaluation; `mean_w` as `write_onnx` takes it.

    Raises GansmithError where packages are missing, the samples are no pictures, or the graphs differ from torch.
    """
    if not codec.single:
        raise RecipeError("Pictures can be explored; these are points. Export them with --to onnx.")
    whole = graphs_of(generator, codec)
    graphs = {name: halved(graph) for name, graph in whole.items()}
    differs = difference(generator, codec, graphs)
    if not differs < GREY:
        graphs, differs = whole, require_agreement(generator, codec, whole)
    found = find_directions(generator, codec.spec.classes)
    about = describe(generator, codec, mean_w, differs, recipe={})
    about["directions"] = {"principal": found.principal.tolist(), "closed_form": found.closed_form.tolist()}
    return Explorable(about, graphs, differs)


def halved(graph: bytes) -> bytes:
    """The ONNX model with its larger weights kept in float16, and cast to float32 where they are used."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load_from_string(graph)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= LEAST_NUMBERS and np.abs(values).max() < 6e4:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            model.graph.node.insert(0, helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    halves: bytes = model.SerializeToString()
    return halves
