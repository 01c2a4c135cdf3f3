"""Pictures one after the other, as a file that everybody can play: .mp4, .gif or .webp."""

from __future__ import annotations

import importlib.util
import itertools
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from gansmith.errors import GansmithError, RecipeError
from gansmith.folder import atomic

ENDINGS = (".mp4", ".gif", ".webp")
SMALLEST = 256  # pixels of the longer side; smaller pictures are enlarged by a whole factor, so that pixels stay sharp
CRF = "16"  # constant rate factor of H.264: 0 is lossless, 23 the encoder's own choice, lower is better


def require_film(path: Path) -> None:
    """Raises where `path` has another ending, or what writes it is not installed: before anything long is computed."""
    if path.suffix.lower() not in ENDINGS:
        raise RecipeError(f"A film is written to a file that ends in {', '.join(ENDINGS)}, not to '{path}'.")
    if path.suffix.lower() == ".mp4" and importlib.util.find_spec("av") is None:
        raise GansmithError(
            "Writing .mp4 needs av, not installed here. Run: pip install 'gansmith[video]', or write a .webp or .gif."
        )


def write_film(frames: Iterable[Image.Image], path: Path, rate: float) -> Path:
    """Write `frames`, `rate` of them a second, at once or not at all; .gif and .webp play in a loop.

    All frames have the first one's size; transparency is shown on white. Frames are taken one by one and forgotten, but
    for .webp, whose encoder keeps all. Raises GansmithError as `require_film` does, and where the disk refuses.
    """
    require_film(path)
    sheets = map(ready, frames)
    with atomic.writing(path) as file:
        if path.suffix.lower() == ".mp4":
            _write_mp4(sheets, file, Fraction(rate).limit_denominator(1000))
        else:
            _write_loop(sheets, file, path.suffix.lower()[1:], round(1000 / rate))
    return path


def ready(frame: Image.Image) -> Image.Image:
    """RGB on white, enlarged where it is small."""
    if frame.mode in ("RGBA", "LA"):
        white = Image.new("RGBA", frame.size, "white")
        frame = Image.alpha_composite(white, frame.convert("RGBA"))
    factor = max(math.ceil(SMALLEST / max(frame.size)), 1)
    size = (frame.width * factor, frame.height * factor)
    return frame.convert("RGB").resize(size, Image.Resampling.NEAREST)


def _write_loop(frames: Iterator[Image.Image], file: IO[bytes], kind: str, milliseconds: int) -> None:
    first = next(frames)
    options: dict[str, Any] = {"quality": 90} if kind == "webp" else {}
    first.save(file, kind, save_all=True, append_images=frames, duration=milliseconds, loop=0, **options)


def _write_mp4(frames: Iterator[Image.Image], file: IO[bytes], rate: Fraction) -> None:
    import av

    first = next(frames)
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": CRF})
        stream.width, stream.height = (side + side % 2 for side in first.size)  # H.264 wants even sides
        stream.pix_fmt = "yuv420p"  # what browsers and telephones play
        for frame in itertools.chain([first], frames):
            even = frame if frame.size == (stream.width, stream.height) else _padded(frame, stream.width, stream.height)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(even), format="rgb24")))
        container.mux(stream.encode(None))


def _padded(frame: Image.Image, width: int, height: int) -> Image.Image:
    """With a row or column of white where a side is odd."""
    sheet = Image.new("RGB", (width, height), "white")
    sheet.paste(frame)
    return sheet
