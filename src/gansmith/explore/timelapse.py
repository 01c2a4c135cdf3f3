"""A training in some seconds: the grid of the same latents, from the first saved picture to the last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from gansmith.callbacks.report_pictures import grids
from gansmith.errors import RunFolderError
from gansmith.explore.film import ready, require_film, write_film

SECONDS = 10.0  # the film's length, the last picture's rest included
REST = 0.2  # share of it that the last picture stays
SLOWEST, FASTEST = 2, 25  # pictures a second
STRIP = 28  # pixels under the grid, for the number of samples seen
LETTERS = 16  # their height


def write_timelapse(run: Path, path: Path, seconds: float = SECONDS) -> Path:
    """Write the grids of the run folder `run` as a film of about `seconds` seconds, samples seen under each.

    Pictures that cannot be read, and those of another size than the last (an older start at another resolution), are
    left out. Raises RunFolderError where there are fewer than two, GansmithError as `write_film` does.
    """
    require_film(path)
    pictures = _readable(grids(run))
    if len(pictures) < 2:
        raise RunFolderError(
            f"{run} has {len(pictures)} pictures of its training (samples/<samples seen>.png) that can be read, and a "
            "film wants two or more. Wanted: a run folder of gansmith train."
        )
    rate = min(max(len(pictures) / (seconds * (1 - REST)), SLOWEST), FASTEST)
    return write_film(_frames(pictures, round(rate * seconds * REST)), path, rate)


def _readable(found: list[tuple[int, Path]]) -> list[tuple[int, Path]]:
    sizes = {}
    for _, path in found:
        try:
            with Image.open(path) as image:
                image.load()
                sizes[path] = image.size
        except Exception:  # Pillow's decoders raise almost anything on broken files
            continue
    last = next(reversed(sizes.values()), None)
    return [(seen, path) for seen, path in found if sizes.get(path) == last and path in sizes]


def _frames(pictures: list[tuple[int, Path]], rest: int) -> Iterator[Image.Image]:
    most = pictures[-1][0]
    frame = None
    for seen, path in pictures:
        with Image.open(path) as image:
            frame = _captioned(image, seen, most)
        yield frame
    for _ in range(rest):
        assert frame is not None
        yield frame


def _captioned(image: Image.Image, seen: int, most: int) -> Image.Image:
    """On white, enlarged to a readable size, with a strip below: samples seen, and a bar of their share of all."""
    grid = ready(image)
    sheet = Image.new("RGB", (grid.width, grid.height + STRIP), "white")
    sheet.paste(grid)
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((0, grid.height, round(grid.width * seen / max(most, 1)), grid.height + 3), "#4477aa")
    draw.text((4, grid.height + 6), f"{seen:,} samples seen", "black", ImageFont.load_default(LETTERS))
    return sheet
