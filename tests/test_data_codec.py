"""decode(encode(x)) loses nothing, and samples are written in the form that the path asks for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gansmith.contracts import GivenSpec, Spec
from gansmith.data.codec import GAP, ImageCodec, grid, to_bytes
from gansmith.data.given import clustered
from gansmith.data.npz import Stream, write_npz
from gansmith.errors import DataError

SHAPES = [(1, 8, 8), (3, 16, 12), (4, 9, 20)]


def samples(shape: tuple[int, ...], count: int = 5) -> torch.Tensor:
    pixels = torch.randint(0, 256, (count, *shape))
    if shape[0] == 4:
        pixels[:, 3].clamp_(min=1)  # what is under full transparency is white by rule
    return pixels / 127.5 - 1


@pytest.mark.parametrize("shape", SHAPES)
def test_round_trip(shape: tuple[int, ...]) -> None:
    codec = ImageCodec(Spec(shape))
    x = samples(shape)
    pictures = codec.decode(x)
    assert {p.mode for p in pictures} == {{1: "L", 3: "RGB", 4: "RGBA"}[shape[0]]}
    assert torch.equal(codec.encode(pictures), x)


def test_every_byte_survives() -> None:
    ramp = torch.arange(256).reshape(1, 1, 16, 16)
    codec = ImageCodec(Spec((1, 16, 16)))
    x = codec.encode([Image.fromarray(ramp[0, 0].to(torch.uint8).numpy())])
    assert (x.min(), x.max()) == (-1, 1)
    assert np.array_equal(to_bytes(x)[..., 0], ramp[0].numpy())


def test_values_outside_are_clipped() -> None:
    x = torch.tensor([-5.0, 5.0, float("nan"), float("inf")]).reshape(1, 1, 2, 2)
    assert to_bytes(x).reshape(-1).tolist() == [0, 255, 128, 255]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16"])
def test_encode_takes_any_mode_and_size(mode: str) -> None:
    for shape in SHAPES:
        x = ImageCodec(Spec(shape), "pad").encode([Image.new(mode, (31, 17)), Image.new(mode, (5, 40))])
        assert (x.shape, x.dtype) == ((2, *shape), torch.float32)
        assert x.abs().max() <= 1


@pytest.mark.parametrize("shape", SHAPES)
def test_grids(shape: tuple[int, ...], tmp_path: Path) -> None:
    codec, x = ImageCodec(Spec(shape)), samples(shape)
    factor = {8: 4, 16: 2, 20: 2}[max(shape[1:])]
    for ending in (".png", ".webp"):
        with Image.open(codec.save(x, tmp_path / "new" / f"grid{ending}")) as sheet:
            assert sheet.size == (3 * (factor * shape[2] + GAP) - GAP, 2 * (factor * shape[1] + GAP) - GAP)
            assert ("A" in sheet.mode) == (shape[0] == 4)
    codec.save(x, tmp_path / "grid.jpg")
    left = factor * shape[2] + GAP
    second = grid(x, columns=5).crop((left, 0, left + factor * shape[2], factor * shape[1]))
    second = second.resize((shape[2], shape[1]), Image.Resampling.NEAREST)
    assert torch.equal(codec.encode([second])[0], x[1])


@pytest.mark.parametrize("shape", SHAPES)
def test_npz(shape: tuple[int, ...], tmp_path: Path) -> None:
    codec, x = ImageCodec(Spec(shape)), samples(shape)
    path = codec.save(x, tmp_path / "x.npz", torch.arange(5))
    with np.load(path) as arrays:
        assert arrays["samples"].shape == (5, *shape[1:], shape[0])
        assert (arrays["samples"].dtype, arrays["labels"].dtype) == (np.uint8, np.int64)
        assert np.array_equal(arrays["samples"], to_bytes(x))
    with np.load(codec.save(x, tmp_path / "y.npz")) as arrays:
        assert arrays.files == ["samples"]


def test_folders_hold_exactly_what_was_last_written(tmp_path: Path) -> None:
    codec, x = ImageCodec(Spec((3, 16, 12))), samples((3, 16, 12))
    folder = codec.save(x, tmp_path / "out")
    codec.save(x[:3], folder)
    assert sorted(p.name for p in folder.iterdir()) == ["00000.png", "00001.png", "00002.png"]
    assert torch.equal(codec.encode([Image.open(p) for p in sorted(folder.iterdir())]), x[:3])


@pytest.mark.parametrize("name", ["notes.txt", "00000.png"])  # the second: a user's own, numbered alike
def test_nothing_of_the_users_is_overwritten(name: str, tmp_path: Path) -> None:
    Image.new("L", (8, 8), 77).save(tmp_path / name, "PNG")
    before = (tmp_path / name).read_bytes()
    with pytest.raises(DataError, match="nothing was overwritten"):
        ImageCodec(Spec((1, 8, 8))).save(samples((1, 8, 8)), tmp_path)
    assert (tmp_path / name).read_bytes() == before


def test_refused_endings_and_empty_samples(tmp_path: Path) -> None:
    codec, x = ImageCodec(Spec((1, 8, 8))), samples((1, 8, 8))
    with pytest.raises(DataError, match=r"\.gif.*Wanted"):
        codec.save(x, tmp_path / "x.gif")
    with pytest.raises(DataError, match="no samples"):
        codec.save(x[:0], tmp_path / "x.png")
    with pytest.raises(DataError, match="too large"):
        codec.save(torch.zeros(1, 1, 8, 17000), tmp_path / "x.webp")
    assert list(tmp_path.iterdir()) == []


def test_describe_and_restore() -> None:
    for given in (None, GivenSpec(("cat", "dog")), clustered((0.75, 0.25)), clustered((1.0,), (0.5, 0.5))):
        codec = ImageCodec(Spec((3, 16, 12), given), "pad")
        assert ImageCodec.restore(json.loads(json.dumps(codec.describe()))) == codec


@pytest.mark.parametrize(
    "wrong",
    [{}, {"kind": "sounds"}, {"shape": [2, 8, 8]}, {"shape": "3"}, {"classes": [1]}, {"fit": 3}, {"shape": [3, 0, 8]}],
)
def test_restore_refuses_what_is_no_description(wrong: dict[str, object]) -> None:
    good = ImageCodec(Spec((3, 8, 8))).describe()
    with pytest.raises(DataError):
        ImageCodec.restore(good | wrong if wrong else {})


def test_streamed_arrays_are_what_numpy_writes(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (7, 3, 2)).astype(np.uint8)
    write_npz(tmp_path / "x.npz", {"samples": Stream(x.shape, iter([x[:4], x[4:]])), "labels": np.arange(7)})
    with np.load(tmp_path / "x.npz") as arrays:
        assert np.array_equal(arrays["samples"], x)
        assert arrays["samples"].dtype == np.uint8
        assert arrays["labels"].tolist() == list(range(7))
    with pytest.raises(ValueError, match="8 rows"):
        write_npz(tmp_path / "x.npz", {"samples": Stream((8, 3, 2), [x])})
    with np.load(tmp_path / "x.npz") as arrays:
        assert len(arrays["samples"]) == 7  # the old file is untouched
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]


@pytest.mark.parametrize("ending", [".npz", "", ".png"])
def test_parts_are_written_as_the_whole_is(tmp_path: Path, ending: str) -> None:
    codec, x, labels = ImageCodec(Spec((3, 8, 8))), samples((3, 8, 8)), torch.arange(5)
    whole = codec.save(x, tmp_path / f"whole{ending}", labels)
    parts = codec.write(torch.split(x, 2), len(x), tmp_path / f"parts{ending}", labels)
    if ending == ".npz":
        with np.load(whole) as a, np.load(parts) as b:
            assert all(np.array_equal(a[name], b[name]) for name in ("samples", "labels"))
    elif ending:
        assert whole.read_bytes() == parts.read_bytes()
    else:
        assert {p.name: p.read_bytes() for p in whole.iterdir()} == {p.name: p.read_bytes() for p in parts.iterdir()}
