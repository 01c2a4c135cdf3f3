"""What a run's page hands on: the one-file page, ONNX graphs in a zip, the weights; each with its size and, measured
when it was made, how far its samples are from torch's."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from gansmith.errors import GansmithError
from gansmith.serve.generators import FILE, MOST, Generators, require_generator
from gansmith.serve.kept import Kept
from gansmith.trained import Trained


class Zipped(NamedTuple):
    """An ONNX export as one file, and the largest difference of a sample's value from torch's."""

    content: bytes
    difference: float


class Exports:
    """Of the newest generator of each run; what takes seconds to make is kept until the generator changes."""

    def __init__(self, generators: Generators) -> None:
        self._generators = generators
        self._zips: Kept[tuple[Path, int], Zipped] = Kept(MOST)

    def onnx(self, folder: Path) -> Zipped:
        """Raises GansmithError where there is no generator, packages are missing, or the graphs differ from torch."""
        require_generator(folder)
        path = folder / FILE
        return self._zips.of((path, path.stat().st_mtime_ns), lambda: _zipped(path))

    def table(self, folder: Path) -> list[dict[str, Any]]:
        """Of each export: `what`, and its `bytes` and `difference` (None where nothing is computed), or the `problem`
        for which it cannot be made. Raises GansmithError where there is no generator."""
        require_generator(folder)
        rows: list[dict[str, Any]] = []
        try:
            content = self._generators.page_of(folder)
            rows.append(_row("page", len(content), self._generators.of(folder).explorable.difference))
        except GansmithError as error:
            rows.append({"what": "page", "problem": str(error)})
        try:
            found = self.onnx(folder)
            rows.append(_row("onnx", len(found.content), found.difference))
        except GansmithError as error:
            rows.append({"what": "onnx", "problem": str(error)})
        return [*rows, _row("weights", (folder / FILE).stat().st_size, None)]


def _row(what: str, size: int, difference: float | None) -> dict[str, Any]:
    return {"what": what, "bytes": size, "difference": difference}


def _zipped(path: Path) -> Zipped:
    held = io.BytesIO()
    with tempfile.TemporaryDirectory() as place:
        try:
            found = Trained(path).export_onnx(Path(place) / "onnx")
        except GansmithError:
            raise
        except Exception as error:  # of torch and onnx, on a generator that nobody vouches for
            raise GansmithError(f"The generator of '{path.parent.name}' cannot be exported: {error}") from error
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as file:
            for made in sorted(found.folder.iterdir()):
                file.write(made, made.name)
    return Zipped(held.getvalue(), found.difference)
