"""Pictures that lie in memory as one array: .npy and .npz files, and what the other binary formats become.

Numbers may be bytes, 16-bit integers, or floats in [0, 1], [-1, 1] or [0, 255]; the range is read off the data.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gansmith.data.decode import MODES, Header
from gansmith.data.files import Files, Pixels
from gansmith.errors import DataError

CHUNK = 4096  # pictures converted at a time
IMAGE_KEYS = {"train": ("samples", "images", "x_train", "x", "arr_0"), "test": ("x_test", "test_images")}
LABEL_KEYS = {"train": ("labels", "y_train", "y", "arr_1"), "test": ("y_test", "test_labels")}


class ArrayFiles(Files):
    """Pictures of an array `pixels` uint8 [N, C, H, W] with C in {1, 3, 4}, and `labels` [N] as indices."""

    def __init__(
        self,
        where: str,
        pixels: Pixels,
        labels: NDArray[Any] | None = None,
        label_names: tuple[str, ...] = (),
    ) -> None:
        self.where = where
        self.pixels: Pixels = pixels
        self.labels = None if labels is None else labels.astype(np.int32)
        self.label_names = label_names

    def _fingerprint(self) -> str:
        total = hashlib.sha256(str(self.pixels.shape).encode())
        for start in range(0, len(self), CHUNK):
            total.update(self.pixels[start : start + CHUNK].tobytes())
        if self.labels is not None:
            total.update(self.labels.tobytes())
        return total.hexdigest()

    def __len__(self) -> int:
        return self.pixels.shape[0]

    def name(self, i: int) -> str:
        return f"{Path(self.where).name}[{i}]"

    def open(self, i: int, at_least: int | None = None) -> Image.Image:
        picture = self.pixels[i].transpose(1, 2, 0)
        return Image.fromarray(np.ascontiguousarray(picture[..., 0] if picture.shape[2] == 1 else picture))

    def header(self, i: int) -> Header:
        _, channels, height, width = self.pixels.shape
        return Header((height, width), MODES[channels], "array")


def open_array(path: Path, where: str, split: str) -> ArrayFiles | None:
    """The pictures of an .npy or .npz file; None where it has no such split. Raises DataError."""
    images, labels = _load(path, split)
    if images is None:
        if split == "test":
            return None
        raise DataError(f"'{where}' holds no array of pictures. Wanted one named {', '.join(IMAGE_KEYS['train'])}.")
    pixels = _to_bytes(_to_planes(images, where), where)
    if len(pixels) == 0:
        raise DataError(f"'{where}' holds no pictures: its array is {list(images.shape)}.")
    if labels is None:
        return ArrayFiles(where, pixels)
    indices, names = _to_classes(labels, len(pixels), where)
    return ArrayFiles(where, pixels, indices, names)


def _load(path: Path, split: str) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    try:
        if path.suffix.lower() == ".npy":  # mapped: only what is used is read
            return (np.load(path, mmap_mode="r", allow_pickle=False), None) if split == "train" else (None, None)
        with np.load(path, allow_pickle=False) as arrays:
            images = next((arrays[key] for key in IMAGE_KEYS[split] if key in arrays), None)
            labels = next((arrays[key] for key in LABEL_KEYS[split] if key in arrays), None)
            return images, labels
    except Exception as error:  # NumPy's reader raises nearly every built-in exception on broken files
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"'{path}' cannot be read as NumPy arrays without pickled objects: {reason}.") from error


def _to_planes(images: NDArray[Any], where: str) -> NDArray[Any]:
    """[N, H, W], [N, H, W, C] or [N, C, H, W] -> [N, C, H, W], C in {1, 3, 4}."""
    shape = images.shape
    if images.ndim == 3 and shape[2] not in (3, 4):
        planes = images[:, None]
    elif images.ndim == 4 and shape[3] in (1, 3, 4):
        planes = images.transpose(0, 3, 1, 2)
    elif images.ndim == 4 and shape[1] in (1, 3, 4):
        planes = images
    else:
        raise DataError(
            f"'{where}' holds an array {list(shape)}, which is no set of pictures. "
            "Wanted [N, H, W], [N, H, W, C] or [N, C, H, W] with 1, 3 or 4 channels C."
        )
    if 0 in planes.shape[1:]:
        raise DataError(f"'{where}' holds pictures without pixels: its array is {list(shape)}.")
    return planes


def _to_bytes(planes: NDArray[Any], where: str) -> NDArray[np.uint8]:
    if planes.dtype == np.uint8:
        return planes
    if planes.dtype.kind not in "buif":
        raise DataError(f"'{where}' holds values of type {planes.dtype}. Wanted pixels: whole numbers or floats.")
    if len(planes) == 0:
        return np.empty(planes.shape, np.uint8)
    scale, offset = _scaling(planes, where)
    pixels = np.empty(planes.shape, np.uint8)
    for start in range(0, len(planes), CHUNK):
        part = planes[start : start + CHUNK].astype(np.float32) * np.float32(scale) + np.float32(offset)
        pixels[start : start + CHUNK] = part.round().clip(0, 255).astype(np.uint8)
    return pixels


def _scaling(planes: NDArray[Any], where: str) -> tuple[float, float]:
    """Factor and summand that take the values to 0..255."""
    low, high = float(planes.min()), float(planes.max())
    kind = planes.dtype.kind
    if not np.isfinite([low, high]).all():
        raise DataError(f"'{where}' holds values that are not finite.")
    if kind == "b" or (kind == "f" and low >= 0 and high <= 1):
        return 255.0, 0.0
    if kind == "f" and low >= -1 and high <= 1:
        return 127.5, 127.5
    if low >= 0 and high <= 255 and planes.dtype != np.uint16:
        return 1.0, 0.0
    if kind in "ui" and low >= 0 and high <= 65535:
        return 1 / 257, 0.0
    raise DataError(f"'{where}' holds values from {low:g} to {high:g}. Wanted [0, 255], [0, 65535], [0, 1] or [-1, 1].")


def _to_classes(labels: NDArray[Any], count: int, where: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    if labels.size != count or labels.dtype.kind not in "buiUS":
        raise DataError(
            f"'{where}' holds {count:,} pictures and labels {list(labels.shape)} of type {labels.dtype}. "
            "Wanted one whole number or word a picture."
        )
    values, indices = np.unique(labels.reshape(-1), return_inverse=True)
    names = tuple(v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values.tolist())
    return indices.reshape(-1), names
