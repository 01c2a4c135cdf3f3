"""Whatever picture people have becomes grey, RGB or RGBA of the size asked for."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from gansmith.data.decode import Unreadable, channels_needed, open_header, open_picture, to_array, to_eight_bits


def encoded(image: Image.Image, kind: str, **options: object) -> BytesIO:
    stream = BytesIO()
    image.save(stream, kind, **options)  # type: ignore[arg-type]
    stream.seek(0)
    return stream


def half_and_half(mode: str, left: object, right: object, size: tuple[int, int] = (16, 12)) -> Image.Image:
    image = Image.new(mode, size, left)  # type: ignore[arg-type]
    image.paste(right, (size[0] // 2, 0, size[0], size[1]))  # type: ignore[arg-type]
    return image


RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.mark.parametrize(
    ("image", "kind", "mode", "left", "right"),
    [
        (half_and_half("L", 10, 200), "PNG", "L", 10, 200),
        (half_and_half("1", 0, 255), "PNG", "L", 0, 255),
        (half_and_half("RGB", RED, BLUE), "PNG", "RGB", RED, BLUE),
        (half_and_half("RGBA", (*RED, 255), (*BLUE, 7)), "PNG", "RGBA", (*RED, 255), (*BLUE, 7)),
        (half_and_half("LA", (10, 255), (200, 9)), "PNG", "RGBA", (10, 10, 10, 255), (200, 200, 200, 9)),
        (half_and_half("RGB", RED, BLUE).convert("P"), "PNG", "RGB", RED, BLUE),
        (half_and_half("RGB", RED, BLUE).convert("P"), "GIF", "RGB", RED, BLUE),
        (half_and_half("CMYK", (0, 255, 255, 0), (255, 255, 0, 0)), "TIFF", "RGB", RED, BLUE),
        (half_and_half("I;16", 257 * 10, 257 * 200), "PNG", "L", 10, 200),
        (half_and_half("I;16", 257 * 10, 257 * 200), "TIFF", "L", 10, 200),
        (half_and_half("F", 0.2, 1.0), "TIFF", "L", 51, 255),
        (half_and_half("F", -1.0, 1.0), "TIFF", "L", 0, 255),
        (half_and_half("F", 51.0, 255.0), "TIFF", "L", 51, 255),
    ],
)
def test_modes(image: Image.Image, kind: str, mode: str, left: object, right: object) -> None:
    opened = open_picture(encoded(image, kind))
    assert (opened.mode, opened.size) == (mode, (16, 12))
    assert opened.getpixel((2, 5)) == left
    assert opened.getpixel((13, 5)) == right


def test_a_transparent_palette_colour_stays_transparent() -> None:
    image = half_and_half("P", 0, 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    opened = open_picture(encoded(image, "PNG", transparency=1))
    assert opened.getpixel((13, 5))[3] == 0  # type: ignore[index]
    assert to_array(opened, (4, 12, 16), "crop")[:, 5, 13].tolist() == [255, 255, 255, 0]  # white underneath
    assert to_array(opened, (3, 12, 16), "crop")[:, 5, 13].tolist() == [255, 255, 255]  # on white paper


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
    opened = open_picture(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert opened.getpixel((0, 0)) == RED


def test_exif_rotation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees: what is on the left comes to the top
    stream = encoded(half_and_half("RGB", RED, BLUE), "PNG", exif=exif)
    assert open_header(stream).size == (16, 12)
    stream.seek(0)
    opened = open_picture(stream)
    assert opened.size == (12, 16)
    assert (opened.getpixel((6, 1)), opened.getpixel((6, 14))) == (RED, BLUE)


def test_large_jpegs_are_decoded_smaller_but_never_too_small() -> None:
    photo = encoded(Image.new("RGB", (1600, 1200), RED), "JPEG")
    opened = open_picture(photo, at_least=64)
    assert 128 <= min(opened.size) < 400


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_what_is_no_picture_is_unreadable(content: bytes) -> None:
    with pytest.raises(Unreadable):
        open_picture(BytesIO(content))
    with pytest.raises(Unreadable):
        open_header(BytesIO(content))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"])
def test_truncated_files_are_unreadable(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    content = encoded(Image.fromarray(noise), kind).getvalue()
    with pytest.raises(Unreadable, match=r"damaged|known format"):
        open_picture(BytesIO(content[: len(content) // 2]))


def test_bombs_are_refused_by_their_header() -> None:
    header = struct.pack(">4sIIBBBBB", b"IHDR", 60000, 60000, 8, 2, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(header))
    claim = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + checksum + bytes(4) + b"IDAT" + bytes(4)
    with pytest.raises(Unreadable, match="more pixels"):
        open_picture(BytesIO(claim))


def test_crop_covers_and_pad_shows_all() -> None:
    wide = Image.new("RGB", (90, 30), BLUE)
    wide.paste(RED, (30, 0, 60, 30))  # the middle third
    cropped = to_array(wide, (3, 10, 10), "crop")
    assert (cropped[:, 5, 5] == RED).all()
    assert cropped[2].max() < 20  # no blue is left
    padded = to_array(wide, (3, 9, 9), "pad")
    assert padded[:, 0].max() == 0
    assert padded[:, -1].max() == 0
    assert padded[2, 4, 0] > 200
    assert padded[0, 4, 4] > 200


def test_transparency_is_premultiplied_in_resizing() -> None:
    image = half_and_half("RGBA", (0, 255, 0, 0), (*RED, 255), (64, 64))  # green hides under full transparency
    small = to_array(image, (4, 9, 9), "crop")
    assert small[1, :, 4:][small[3, :, 4:] > 40].max() < 30  # no green bleeds into the visible edge
    assert (small[:3, small[3] == 0] == 255).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (3, 7)])
@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_any_size_fits(size: tuple[int, int], fit: str, mode: str) -> None:
    for channels in (1, 3, 4):
        array = to_array(Image.new(mode, size), (channels, 12, 20), fit)  # type: ignore[arg-type]
        assert (array.shape, array.dtype) == ((channels, 12, 20), np.uint8)


def test_the_fewest_channels_that_lose_nothing() -> None:
    assert channels_needed(Image.new("L", (4, 4))) == 1
    assert channels_needed(Image.new("RGB", (4, 4), (7, 7, 8))) == 1
    assert channels_needed(Image.new("RGB", (4, 4), RED)) == 3
    assert channels_needed(Image.new("RGBA", (4, 4), (*RED, 255))) == 3
    assert channels_needed(Image.new("RGBA", (4, 4), (*RED, 254))) == 4
    assert to_eight_bits(Image.new("HSV", (4, 4))).mode == "RGB"
