"""Peak memory of a process that opens a million pictures: memory must not grow with files beyond their index.

The files are real: hard links (copies, where there are none) of 64x64 pictures in class folders of a thousand, removed
afterwards; and the same as members of a zip. All of the data path is in it: index, survey, classes, fingerprint, probe
and the first batch. A million pictures of 64x64 are too many to be kept decoded. The bar: 500 MB, with torch in it.
"""

from __future__ import annotations

import io
import os
import time
import zipfile
from pathlib import Path
from typing import Any

from benchmarks import call, folder, measure, note, peak_mb

A_FOLDER = 1000  # files; NTFS allows 1,023 links to a file
SIDE = 64


def run(small: bool = False, *, files: int = 1_000_000, runs: int = 3, zips: int = 1) -> dict[str, Any]:
    """`files` pictures in a folder and, with `zips` 1, in a zip, each opened in `runs` processes."""
    files, runs = (2_000, 1) if small else (files, runs)
    alone = [call(torch_alone) for _ in range(runs)]
    measures = [measure("import torch alone", alone, "MB")]
    makers = {"folder": make_folder, "zip": make_zip} if zips else {"folder": make_folder}
    for kind, make in makers.items():
        with folder() as place:
            note(f"  making {files:,} files in a {kind}")
            call(make, str(place / "pictures"), files)
            found = [call(open_data, str(place / "pictures")) for _ in range(runs)]
            note("  removing them")
        if {f["count"] for f in found} != {files}:
            raise RuntimeError(f"{files} files were made, {found[0]['count']} were found")
        peaks = [f["peak_mb"] for f in found]
        measures += [
            measure(f"{kind}: whole process", peaks, "MB", below=500),
            measure(f"{kind}: beyond torch", [p - min(alone) for p in peaks], "MB"),
            measure(f"{kind}: opening and first batch", [f["seconds"] for f in found], "s"),
        ]
    return {"measures": measures, "settings": {"files": files, "picture": f"{SIDE}x{SIDE} RGB"}}


def torch_alone() -> float | None:
    """Peak memory of `import torch`."""
    import torch  # noqa: F401

    return peak_mb()


def open_data(path: str) -> dict[str, Any]:
    """All that a training does with its data up to the first batch."""
    from gansmith.data.images import Images
    from gansmith.data.loader import Loader

    begin = time.perf_counter()
    source = Images(path)
    source = source.resolve(source.survey())
    dataset, _ = source.open()
    source.open_test()
    with Loader(dataset, 64, seed=0) as loader:
        loader.next()
    return {"count": len(dataset), "peak_mb": peak_mb(), "seconds": time.perf_counter() - begin}


def make_folder(path: str, files: int) -> None:
    """Class folders of A_FOLDER pictures; in each the first is written and the others are links to it."""
    png = _picture()
    for name, count in _folders(files):
        here = Path(path) / name
        here.mkdir(parents=True)
        first = here / "picture_00000.png"
        first.write_bytes(png)
        for k in range(1, count):
            try:
                os.link(first, here / f"picture_{k:05}.png")
            except OSError:  # a file system without links
                (here / f"picture_{k:05}.png").write_bytes(png)


def make_zip(path: str, files: int) -> None:
    """The same as members of a zip."""
    png = _picture()
    with zipfile.ZipFile(path, "w") as archive:
        for name, count in _folders(files):
            for k in range(count):
                archive.writestr(f"{name}/picture_{k:05}.png", png)


def _folders(files: int) -> list[tuple[str, int]]:
    starts = range(0, files, A_FOLDER)
    return [(f"class_{n:04}", min(A_FOLDER, files - start)) for n, start in enumerate(starts)]


def _picture() -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), "teal").save(file, "png")  # 200 bytes: the zip of a million stays small
    return file.getvalue()
