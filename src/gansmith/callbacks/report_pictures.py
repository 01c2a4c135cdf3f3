"""A run's pictures, small enough to lie inside one HTML file: which grids to show, and each as a data address."""

from __future__ import annotations

import base64
import io
import math
import re
from pathlib import Path
from typing import NamedTuple

from PIL import Image


class Picture(NamedTuple):
    """A picture ready for `<img>`."""

    address: str  # data:image/...;base64,...
    width: int
    height: int


def grids(folder: Path) -> list[tuple[int, Path]]:
    """(samples seen, file) of the fixed-latent grids in `folder`/samples, oldest first."""
    files = (folder / "samples").glob("*.png")
    return sorted((int(p.stem), p) for p in files if re.fullmatch("[0-9]{1,18}", p.stem))


def spread(steps: list[int], most: int) -> list[int]:
    """At most `most` of the growing `steps`, about evenly on a logarithmic scale, the first and last among them."""
    if len(steps) <= most:
        return list(steps)
    offset = max(steps[1], 1)  # step 0 has no logarithm: as far before the next grid as that is from its double
    logs = [math.log(step + offset) for step in steps]
    chosen = {0, len(steps) - 1}
    for k in range(1, most - 1):
        wanted = logs[0] + (logs[-1] - logs[0]) * k / (most - 1)
        free = [index for index in range(len(steps)) if index not in chosen]
        chosen.add(min(free, key=lambda index: abs(logs[index] - wanted)))
    return [steps[index] for index in sorted(chosen)]


def embed(path: Path, most_bytes: int, most_pixels: int) -> Picture | None:
    """The picture in at most `most_bytes` bytes (before base64) and `most_pixels` pixels a side; None if unreadable."""
    try:
        with Image.open(path) as image:
            plain = image.convert("RGBA" if image.mode in ("RGBA", "LA", "PA") else "RGB")
    except Exception:  # Pillow's decoders raise almost anything on broken files, and a report is never worth a crash
        return None
    if path.suffix == ".png" and max(plain.size) <= most_pixels and path.stat().st_size <= most_bytes:
        return Picture(_address("png", path.read_bytes()), *plain.size)
    plain.thumbnail((most_pixels, most_pixels), Image.Resampling.LANCZOS)
    while True:
        data, kind = _encode(plain)
        if len(data) <= most_bytes or max(plain.size) <= 32:
            return Picture(_address(kind, data), *plain.size)
        smaller = (max(plain.width * 3 // 4, 1), max(plain.height * 3 // 4, 1))
        plain = plain.resize(smaller, Image.Resampling.LANCZOS)


def _encode(image: Image.Image) -> tuple[bytes, str]:
    buffer = io.BytesIO()
    try:
        image.save(buffer, "WEBP", quality=82)
        return buffer.getvalue(), "webp"
    except (OSError, KeyError):  # a Pillow that was built without WebP
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "JPEG", quality=85)
        return buffer.getvalue(), "jpeg"


def _address(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
