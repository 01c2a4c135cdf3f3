"""One HTML file in which a trained generator runs by itself: no server, no network, no program but a browser.

It holds the graphs of `onnx_graphs.py` with their weights in half precision, ONNX Runtime compiled to WebAssembly, the
explorer (`web/src/explorer`), and the run's report. Its Content-Security-Policy lets it fetch nothing at all.
"""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from gansmith.callbacks.report import report_parts
from gansmith.callbacks.report_page import STYLE, esc
from gansmith.contracts import Codec, Generator
from gansmith.errors import GansmithError, RecipeError
from gansmith.export.directions import find_directions
from gansmith.export.onnx_graphs import describe, difference, graphs_of, require_agreement
from gansmith.folder import atomic

GREY = 1 / 127.5  # a grey level; weights in half precision that make more of a difference are kept in float32
LEAST_NUMBERS = 256  # tensors with fewer stay in float32
PARTS = ("page.js", "page.css", "runtime.wasm.gz", "licenses.md")
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' blob:; worker-src blob: data:; "
    "style-src 'unsafe-inline'; img-src data: blob:"
)


@dataclass(frozen=True)
class Page:
    """What was written, and the largest difference of a value from torch's."""

    path: Path
    difference: float
    bytes: int

    def text(self) -> str:
        return (
            f"Wrote {self.path}, {self.bytes / 1e6:.1f} MB: open it in any browser, it needs no network.\n"
            f"No value of its pictures is more than {self.difference:.1g} from torch's; a grey level is {GREY:.1g}."
        )


def write_page(
    generator: Generator, codec: Codec, mean_w: Tensor, path: Path, recipe: dict[str, Any], run: Path | None
) -> Page:
    """Write the page of a generator of pictures, on the CPU and in evaluation, with the report of `run`, if any.

    `mean_w` as `write_onnx` takes it. Raises GansmithError where the pages were not built, packages are missing, the
    samples are no pictures, `path` is taken or the graphs differ; nothing is written then.
    """
    _require(codec, path)
    parts = _parts()
    whole = graphs_of(generator, codec)
    graphs = {name: halved(graph) for name, graph in whole.items()}
    differs = difference(generator, codec, graphs)
    if not differs < GREY:
        graphs, differs = whole, require_agreement(generator, codec, whole)
    found = find_directions(generator, codec.spec.classes)
    about = describe(generator, codec, mean_w, differs, recipe={})
    about["directions"] = {"principal": found.principal.tolist(), "closed_form": found.closed_form.tolist()}
    name = run.resolve().name if run else path.stem
    heading, *report = report_parts(run, commands=False) if run else [f"<h1>{esc(name)}</h1>"]
    body = _without_paths("".join([heading, '<div id="explorer"></div>', *report]), recipe)
    content = _html(name, body, parts, about, graphs)
    atomic.write_bytes(path, content)
    return Page(path, differs, len(content))


def _require(codec: Codec, path: Path) -> None:
    if not codec.single:
        raise RecipeError("A page is made for generators of pictures; these are points. Export them with --to onnx.")
    if path.suffix not in (".html", ".htm"):
        raise RecipeError(f"A page is written to a file that ends in .html, not to '{path}'.")
    if path.exists():
        raise RecipeError(f"'{path}' is there already, and nothing was changed. Choose another name.")


def _parts() -> dict[str, bytes]:
    folder = resources.files("gansmith.export").joinpath("page")
    try:
        return {name: folder.joinpath(name).read_bytes() for name in PARTS}
    except FileNotFoundError as error:
        raise GansmithError(
            "The page's parts were not built, as in every checkout at first. With Node 20 or newer run: make web "
            "(wheels carry them)."
        ) from error


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


def _without_paths(body: str, recipe: dict[str, Any]) -> str:
    """The report without the place of the data on its maker's disk, only its name."""
    place = str(recipe.get("data", {}).get("path", ""))
    return body.replace(esc(place), esc(Path(place).name)) if "/" in place or "\\" in place else body


def _html(name: str, body: str, parts: dict[str, bytes], about: dict[str, Any], graphs: dict[str, bytes]) -> bytes:
    """One document. In scripts `<` is written as JSON and JavaScript allow, so that nothing can end one early."""
    packed = {"wasm": parts["runtime.wasm.gz"]}
    packed |= {Path(file).stem: gzip.compress(graph, mtime=0) for file, graph in graphs.items()}
    data = "".join(
        f'<script type="text/plain" id="{key}">{base64.b64encode(content).decode()}</script>'
        for key, content in packed.items()
    )
    described = json.dumps(about, ensure_ascii=False).replace("<", "\\u003c")
    script = parts["page.js"].decode().replace("</script", "<\\/script").replace("<!--", "<\\!--")
    licences = parts["licenses.md"].decode()
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{esc(POLICY)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{esc(name)}: gansmith</title><style>{STYLE}{parts['page.css'].decode()}</style></head><body><main>"
        f"{body}"
        f"<details><summary>Licences of this page's programs</summary><pre>{esc(licences)}</pre></details></main>"
        f'<script type="application/json" id="about">{described}</script>{data}<script>{script}</script></body></html>'
    ).encode()
