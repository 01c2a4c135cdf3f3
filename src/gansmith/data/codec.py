"""Between tensors in [-1, 1] and pictures that people open: single files, grids, arrays."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from torch import Tensor

from gansmith.contracts import Codec, Spec
from gansmith.data.decode import MODES, Fit, to_array, to_eight_bits
from gansmith.data.given import describe, restore
from gansmith.data.npz import Stream, write_npz
from gansmith.errors import DataError

SMALLEST_TILE = 32  # pixels; smaller pictures are enlarged in grids
GAP = 2  # pixels between the pictures of a grid
OURS = re.compile(r"\d{5,}\.png")  # a file that `save` wrote into a folder; it also carries MARK
MARK = ("Software", "gansmith")


@dataclass(frozen=True)
class ImageCodec(Codec):
    """Pictures of `spec.shape` = (C, H, W), C in {1, 3, 4}; `fit` says how others are brought to that size."""

    spec: Spec
    fit: Fit = "crop"

    def encode(self, items: Sequence[Any]) -> Tensor:
        """Pillow images of any mode and size -> float32 [N, C, H, W] in [-1, 1]."""
        pixels = np.empty((len(items), *self.spec.shape), np.uint8)
        for i, item in enumerate(items):
            pixels[i] = to_array(to_eight_bits(item), self.spec.shape, self.fit)
        return to_float(pixels)

    def decode(self, x: Tensor) -> list[Image.Image]:
        """[N, C, H, W] -> N Pillow images of mode L, RGB or RGBA."""
        return [_to_picture(pixels) for pixels in to_bytes(x)]

    def picture(self, x: Tensor, real: Tensor | None = None) -> Image.Image:
        """[N, C, H, W] as a grid; the reals are not shown."""
        return grid(x)

    def write(self, parts: Iterable[Tensor], count: int, path: Path, labels: Tensor | None = None) -> Path:
        """Samples [n, C, H, W] as `path` asks: a grid (.png, .webp, .jpg), arrays (.npz), or a folder of PNGs.

        An .npz has `samples` uint8 [N, H, W, C] and, with `labels`, `labels` int64 [N]. Raises DataError for another
        ending, no samples, a grid too large for its format, or a folder that holds anything else.
        """
        if count == 0:
            raise DataError(f"There are no samples to write to '{path}'.")
        ending = path.suffix.lower()
        if ending in (".png", ".webp", ".jpg", ".jpeg"):
            path.parent.mkdir(parents=True, exist_ok=True)
            _save_grid(grid(torch.cat(list(parts))), path)
        elif ending == ".npz":
            channels, height, width = self.spec.shape
            pixels = (to_bytes(x) for x in parts)
            arrays: dict[str, Stream | NDArray[Any]] = {"samples": Stream((count, height, width, channels), pixels)}
            if labels is not None:
                arrays["labels"] = labels.cpu().numpy().astype(np.int64)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_npz(path, arrays)
        elif not ending:
            self._save_files(parts, path)
        else:
            raise DataError(
                f"Samples cannot be written as '{path.suffix}'. Wanted: a path that ends in .png, .webp or .jpg "
                "(a grid) or .npz (arrays), or has no ending (a folder of single files)."
            )
        return path

    def _save_files(self, parts: Iterable[Tensor], folder: Path) -> None:
        _clear(folder)
        mark = PngImagePlugin.PngInfo()
        mark.add_text(*MARK)
        pictures = (picture for x in parts for picture in self.decode(x))
        for i, picture in enumerate(pictures):
            picture.save(folder / f"{i:05d}.png", pnginfo=mark)

    def describe(self) -> dict[str, Any]:
        """JSON for `restore`: kind, shape, fit, and the classes' names or None."""
        return {"kind": "images", "shape": list(self.spec.shape), "fit": self.fit, **describe(self.spec.given)}

    @classmethod
    def restore(cls, description: dict[str, Any]) -> ImageCodec:
        """Raises DataError where `description` is not one that `describe` gives."""
        match description:
            case {
                "kind": "images",
                "shape": [int() as channels, int() as height, int() as width],
                "fit": "crop" | "pad" as fit,
            } if channels in MODES and min(height, width) > 0:
                with contextlib.suppress(ValueError):
                    return cls(Spec((channels, height, width), restore(description)), fit)
        raise DataError(f"This describes no pictures: {str(description)[:200]}.")


def to_float(pixels: NDArray[np.uint8]) -> Tensor:
    """uint8 of any shape -> float32 in [-1, 1]. NumPy, since loader threads must not start torch's own threads."""
    x = pixels.astype(np.float32)
    x /= np.float32(127.5)
    x -= np.float32(1)
    return torch.from_numpy(x)


def to_bytes(x: Tensor) -> NDArray[np.uint8]:
    """[N, C, H, W] in [-1, 1] -> uint8 [N, H, W, C]; what is outside is clipped, NaN becomes mid-grey."""
    scaled = (x.detach().to("cpu", torch.float32).nan_to_num() + 1) * 127.5
    pixels: NDArray[np.uint8] = scaled.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    return pixels


def grid(x: Tensor, columns: int | None = None) -> Image.Image:
    """[N, C, H, W] in [-1, 1] -> one picture, row by row, nearly square unless `columns` is given.

    Pictures under 32 pixels are enlarged by a whole factor without smoothing. GAP white pixels lie between two
    pictures (transparent where they have transparency), and places left over are white too.
    """
    pixels = to_bytes(x)
    factor = math.ceil(SMALLEST_TILE / max(pixels.shape[1:3]))
    pixels = pixels.repeat(factor, 1).repeat(factor, 2)
    count, height, width, channels = pixels.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    background = np.array([255] * min(channels, 3) + [0] * (channels == 4), np.uint8)
    tiles = np.broadcast_to(background, (rows * columns, height + GAP, width + GAP, channels)).copy()
    tiles[:count, :height, :width] = pixels
    sheet = tiles.reshape(rows, columns, height + GAP, width + GAP, channels).swapaxes(1, 2)
    sheet = sheet.reshape(rows * (height + GAP), columns * (width + GAP), channels)
    return _to_picture(np.ascontiguousarray(sheet[:-GAP, :-GAP]))


def _to_picture(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _save_grid(sheet: Image.Image, path: Path) -> None:
    limit = {".webp": 16383, ".png": 1 << 30}.get(path.suffix.lower(), 65500)
    if max(sheet.size) > limit:
        raise DataError(
            f"A grid of {sheet.width} x {sheet.height} pixels is too large for {path.suffix}, whose limit is {limit}. "
            "Write fewer samples, or single files into a folder (a path without ending)."
        )
    if path.suffix.lower() == ".webp":
        sheet.save(path, lossless=True)
    elif path.suffix.lower() == ".png":
        sheet.save(path)
    else:
        if sheet.mode == "RGBA":  # JPEG knows no transparency
            sheet = Image.alpha_composite(Image.new("RGBA", sheet.size, "white"), sheet).convert("RGB")
        sheet.save(path, quality=95)


def _clear(folder: Path) -> None:
    """Make an empty folder; raises DataError rather than remove anything that an earlier `save` did not write."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"Samples were to be written into a folder '{folder}', which is a file. Choose another path.")
    folder.mkdir(parents=True, exist_ok=True)
    old = list(folder.iterdir())
    foreign = next((path.name for path in old if not _is_ours(path)), None)
    if foreign is not None:
        raise DataError(
            f"The folder '{folder}' holds '{foreign}', which are not samples of gansmith; nothing was overwritten. "
            "Choose a new or empty folder."
        )
    for path in old:
        path.unlink()


def _is_ours(path: Path) -> bool:
    """By name and mark: numbered PNGs are also what people's own data sets consist of."""
    if not OURS.fullmatch(path.name):
        return False
    try:
        with Image.open(path) as picture:
            return picture.info.get(MARK[0]) == MARK[1]
    except OSError:
        return False
