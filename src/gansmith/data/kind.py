"""Which kind of data a path is, and which codec a generator's file was made with: pictures or points.

A file names its kind of codec; only those listed here are made, so that opening a file never imports code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from gansmith.contracts import Codec
from gansmith.data.clouds import CLOUDS
from gansmith.data.codec import ImageCodec
from gansmith.data.point_codec import PointCodec
from gansmith.data.points_file import ENDINGS
from gansmith.errors import DataError, nearest

CODECS: dict[str, type[Codec]] = {"images": ImageCodec, "points": PointCodec}


def source_for(path: str) -> Literal["images", "points"]:
    """The name of the source that reads `path`, unless a recipe names one. What exists goes before built-in names."""
    place = Path(path).expanduser()
    if place.suffix.lower() in ENDINGS and not place.is_dir():
        return "points"
    return "points" if path in CLOUDS and not place.exists() else "images"


def restore_codec(description: dict[str, Any]) -> Codec:
    """The codec that `describe()` described; without a kind it is one of pictures. Raises DataError."""
    described = {"kind": "images", **description}
    kind = str(described["kind"])
    if kind not in CODECS:
        raise DataError(
            f"This generator makes '{kind}', which this version of gansmith does not know.{nearest(kind, CODECS)}"
        )
    return CODECS[kind].restore(described)
