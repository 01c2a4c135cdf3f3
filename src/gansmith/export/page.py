"""One HTML file in which a trained generator runs by itself: no server, no network, no program but a browser.

It holds what `explorable.py` makes of the generator, ONNX Runtime compiled to WebAssembly, the explorer
(`web/src/explorer`), and the run's report. Its Content-Security-Policy lets it fetch nothing at all.
"""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from torch import Tensor

from gansmith.callbacks.report import report_parts
from gansmith.callbacks.report_page import STYLE, esc
from gansmith.contracts import Codec, Generator
from gansmith.errors import GansmithError, RecipeError
from gansmith.export.explorable import GREY, Explorable, explorable
from gansmith.folder import atomic, named_directions

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
    _require(path)
    require_parts()
    found = explorable(generator, codec, mean_w)
    content = page_of(found, run.resolve().name if run else path.stem, recipe, run)
    atomic.write_bytes(path, content)
    return Page(path, found.difference, len(content))


def page_of(found: Explorable, name: str, recipe: dict[str, Any], run: Path | None) -> bytes:
    """The page's content. Raises GansmithError where its parts were not built."""
    heading, *report = report_parts(run, commands=False) if run else [f"<h1>{esc(name)}</h1>"]
    body = _without_paths("".join([heading, '<div id="explorer"></div>', *report]), recipe)
    return _html(name, body, require_parts(), described(found, run))


def described(found: Explorable, run: Path | None) -> Explorable:
    """With the directions that were given names in `run`."""
    length = len(found.about["directions"]["principal"][0])  # where a class is told beside the latent, shorter than w
    named = named_directions.read(run, length) if run else []
    return replace(found, about={**found.about, "named": named})


def _require(path: Path) -> None:
    if path.suffix not in (".html", ".htm"):
        raise RecipeError(f"A page is written to a file that ends in .html, not to '{path}'.")
    if path.exists():
        raise RecipeError(f"'{path}' is there already, and nothing was changed. Choose another name.")


def require_parts() -> dict[str, bytes]:
    """The browser's programs. Raises GansmithError where they were not built."""
    folder = resources.files("gansmith.export").joinpath("page")
    try:
        return {name: folder.joinpath(name).read_bytes() for name in PARTS}
    except FileNotFoundError as error:
        raise GansmithError(
            "The page's parts were not built, as in every checkout at first. With Node 20 or newer run: make web "
            "(wheels carry them)."
        ) from error


def _without_paths(body: str, recipe: dict[str, Any]) -> str:
    """The report without the place of the data on its maker's disk, only its name."""
    place = str(recipe.get("data", {}).get("path", ""))
    return body.replace(esc(place), esc(Path(place).name)) if "/" in place or "\\" in place else body


def _html(name: str, body: str, parts: dict[str, bytes], found: Explorable) -> bytes:
    """One document. In scripts `<` is written as JSON and JavaScript allow, so that nothing can end one early."""
    packed = {"wasm": parts["runtime.wasm.gz"]}
    packed |= {Path(file).stem: gzip.compress(graph, mtime=0) for file, graph in found.graphs.items()}
    data = "".join(
        f'<script type="text/plain" id="{key}">{base64.b64encode(content).decode()}</script>'
        for key, content in packed.items()
    )
    described = json.dumps(found.about, ensure_ascii=False).replace("<", "\\u003c")
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
