"""How values are written on the command line: counts such as 200k, spans of minutes; where JSON and pictures go."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from cyclopts import Parameter, validators

if TYPE_CHECKING:
    from PIL import Image

INTERRUPTED = 130  # exit code of a command that was asked to stop, as shells have it
MULTIPLES = {"": 1, "k": 1_000, "m": 1_000_000}


class Token(Protocol):
    """The part of cyclopts' token that is read here."""

    value: str


def count(type_: Any, tokens: Sequence[Token]) -> int:
    """ "200000", "200_000", "200k" or "1.5M" -> a whole number of at least 1."""
    text = tokens[0].value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([km]?)", text.replace("_", "").replace(",", "").lower())
    number = float(match[1]) * MULTIPLES[match[2]] if match and len(text) < 20 else 0.0
    if number < 1 or number != int(number):
        raise ValueError(f'wanted a whole number of at least 1, such as 5000 or 200k, got "{text}".')
    return int(number)


def minutes(type_: Any, tokens: Sequence[Token]) -> float:
    """ "5" or "0.5" -> a finite number above 0."""
    text = tokens[0].value
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f'wanted a number of minutes above 0, such as 5 or 0.5, got "{text}".')
    return number


def seeds(type_: Any, tokens: Sequence[Token]) -> tuple[int, ...]:
    """ "1,2,3" -> whole numbers from 0 on, two or more."""
    text = tokens[0].value
    found = tuple(int(part) for part in text.split(",") if re.fullmatch(r" *[0-9]{1,18} *", part))
    if len(found) < 2 or len(found) < text.count(",") + 1:
        raise ValueError(f'wanted two or more whole numbers from 0 on, such as 1,2,3, got "{text}".')
    return found


Count = Annotated[int | None, Parameter(converter=count, n_tokens=1)]
Minutes = Annotated[float | None, Parameter(converter=minutes, n_tokens=1)]
Seeds = Annotated[tuple[int, ...], Parameter(converter=seeds, n_tokens=1, negative=(), show_default=False)]
JsonFile = Annotated[Path | None, Parameter(validator=validators.Path(dir_okay=False))]


def write_json(path: Path | None, value: Any) -> None:
    """`value` at `path`, at once or not at all; nothing without a path. Raises RunFolderError."""
    if path is not None:
        from gansmith.folder import atomic

        atomic.write_json(path, value)


def write_picture(path: Path, image: Image.Image) -> None:
    """`image` at `path`, .png or .webp, at once or not at all. Raises RunFolderError."""
    from gansmith.folder import atomic

    buffer = io.BytesIO()
    image.save(buffer, path.suffix[1:].lower())
    atomic.write_bytes(path, buffer.getvalue())
