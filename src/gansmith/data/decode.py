"""One file to one upright 8-bit picture, and that to the size and channels that a network wants.

Whatever people have becomes grey (L), RGB or RGBA. Transparency is premultiplied in resizing, and what lies under
fully transparent pixels is white, so that no hidden colour is ever learnt.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from gansmith.errors import DataError

Fit = Literal["crop", "pad"]
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


class Unreadable(DataError):
    """One picture cannot be read; the message is the reason in a few words, without the name."""


class Header(NamedTuple):
    """What a file says of its picture before any decoding."""

    size: tuple[int, int]  # (height, width), upright
    mode: str  # Pillow's
    format: str  # "JPEG", "PNG", ...; "array" where there is no file format


def open_picture(source: BytesIO | Path, at_least: int | None = None) -> Image.Image:
    """Decode a picture: first frame, upright, mode L, RGB or RGBA. Raises `Unreadable`.

    With `at_least`, a JPEG is decoded at 1/2, 1/4 or 1/8 of its size as long as no side falls below twice that.
    """
    try:
        with Image.open(source) as image:
            if at_least:
                image.draft("", (2 * at_least, 2 * at_least))
            image.load()
            return to_eight_bits(_upright(image))
    except Unreadable:
        raise
    except Exception as error:  # Pillow's decoders raise nearly every built-in exception on broken files
        raise Unreadable(_reason(error)) from error


def open_header(source: BytesIO | Path) -> Header:
    """Size and mode without decoding. Raises `Unreadable`."""
    try:
        with Image.open(source) as image:
            width, height = image.size
            turned = _orientation(image) in (5, 6, 7, 8)
            return Header((width, height) if turned else (height, width), image.mode, image.format or "")
    except Exception as error:  # as above
        raise Unreadable(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file is gone"
    if isinstance(error, UnidentifiedImageError):
        return "not a picture in a known format"
    if isinstance(error, Image.DecompressionBombError):
        return "more pixels than is safe to decode"
    if isinstance(error, MemoryError):
        return "too large for the memory"
    text = " ".join(str(error).split())[:100]
    return f"damaged or truncated ({text or type(error).__name__})"


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # broken EXIF data must not cost a picture
        return 1


def _upright(image: Image.Image) -> Image.Image:
    return (ImageOps.exif_transpose(image) or image) if _orientation(image) in range(2, 9) else image


def to_eight_bits(image: Image.Image) -> Image.Image:
    """Any mode -> L, RGB or RGBA. 16 bits are divided by 257; floats are read as [0, 1], [-1, 1] or [0, 255]."""
    mode = image.mode
    if mode.startswith("I") or mode == "F":
        return Image.fromarray(_scaled(np.asarray(image), mode, image.format == "PNG"))
    if image.has_transparency_data:
        return image.convert("RGBA")
    if mode in ("L", "RGB"):
        return image
    return image.convert("L" if mode == "1" else "RGB")


def _scaled(values: NDArray[np.generic], mode: str, png: bool) -> NDArray[np.uint8]:
    x = np.nan_to_num(values.astype(np.float64))
    low, high = float(x.min(initial=0)), float(x.max(initial=0))
    if mode == "F" and low >= -1 and high <= 1:
        x = x * 255 if low >= 0 else (x + 1) * 127.5
    elif mode.startswith("I;16") or png or 255 < high <= 65535:  # a 16-bit PNG was mode I before Pillow 11
        x = x / 257
    elif high > 65535:
        x = x * (255 / high)
    return x.round().clip(0, 255).astype(np.uint8)


def channels_needed(image: Image.Image) -> int:
    """The fewest channels that lose nothing of an 8-bit picture: 1, 3 or 4."""
    pixels = np.asarray(image)
    if image.mode == "RGBA" and pixels[..., 3].min(initial=255) < 255:
        return 4
    if image.mode == "L":
        return 1
    colour = pixels[..., :3].astype(np.int16)
    spread = colour.max(axis=-1) - colour.min(axis=-1)
    return 1 if spread.max(initial=0) <= 2 else 3  # 2: what JPEG's rounding makes of grey


def to_array(image: Image.Image, shape: tuple[int, ...], fit: Fit) -> NDArray[np.uint8]:
    """An 8-bit picture (L, RGB, RGBA) -> uint8 [C, H, W] of `shape`.

    "crop" covers the frame and cuts what juts out equally on both sides; "pad" shows all of the picture on black
    (RGBA: on nothing).
    """
    channels, height, width = shape
    image = _fitted(_with_channels(image, channels), (width, height), fit)
    pixels = np.array(image, np.uint8).reshape(height, width, channels)
    if channels == 4:
        pixels[pixels[..., 3] == 0, :3] = 255
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _with_channels(image: Image.Image, channels: int) -> Image.Image:
    if image.mode == "RGBA" and channels != 4:
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image)
    return image if image.mode == MODES[channels] else image.convert(MODES[channels])


def _fitted(image: Image.Image, size: tuple[int, int], fit: Fit) -> Image.Image:
    if image.size == size:
        return image
    across, down = size[0] / image.width, size[1] / image.height
    if fit == "crop":
        scale = max(across, down)
        width, height = size[0] / scale, size[1] / scale
        left, top = max(0.0, (image.width - width) / 2), max(0.0, (image.height - height) / 2)
        box = (left, top, min(image.width, left + width), min(image.height, top + height))
        return image.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=3.0)
    scale = min(across, down)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = image.resize(inner, Image.Resampling.LANCZOS, reducing_gap=3.0)
    frame = Image.new(image.mode, size)
    frame.paste(small, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return frame
