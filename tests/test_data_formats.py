"""IDX, CIFAR-10 and NumPy files: what is right is read exactly, anything else is a DataError and never runs."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gansmith.data import cifar
from gansmith.data.arrays import open_array
from gansmith.data.idx import read_idx
from gansmith.data.locate import open_files
from gansmith.errors import DataError

fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
rng = np.random.default_rng(0)


def idx(array: np.ndarray[Any, Any]) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_mnist(folder: Path, packed: bool, split: str = "train", count: int = 30) -> np.ndarray[Any, Any]:
    pixels = rng.integers(0, 256, (count, 9, 7), np.uint8)
    for kind, content in (("images-idx3", idx(pixels)), ("labels-idx1", idx(np.arange(count, dtype=np.uint8) % 3))):
        path = folder / f"{split}-{kind}-ubyte"
        if packed:
            path = path.with_name(f"{path.name}.gz")
            content = gzip.compress(content)
        path.write_bytes(content)
    return pixels


@pytest.mark.parametrize("packed", [True, False])
def test_idx_folder(packed: bool, tmp_path: Path) -> None:
    pixels, held_out = write_mnist(tmp_path, packed), write_mnist(tmp_path, packed, "t10k", 10)
    files, test = open_files(str(tmp_path)), open_files(str(tmp_path), "test")
    assert files is not None
    assert test is not None
    assert files.pixels is not None
    assert np.array_equal(files.pixels[:, 0], pixels)
    assert np.array_equal(np.asarray(test.open(4)), held_out[4])
    assert (files.label_names, files.labels.tolist()) == (("0", "1", "2"), [0, 1, 2] * 10)  # type: ignore[union-attr]
    one = open_files(str(next(tmp_path.glob("train-images*"))))
    assert one is not None
    assert one.fingerprint == files.fingerprint != test.fingerprint


def test_a_single_idx_file_without_labels(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(idx(rng.integers(0, 256, (5, 4, 6), np.uint8)))
    files = open_files(str(tmp_path / "mine"))
    assert files is not None
    assert (len(files), files.header(0).size, files.labels) == (5, (4, 6), None)


def test_damaged_idx_files(tmp_path: Path) -> None:
    write_mnist(tmp_path, packed=True)
    images, labels = sorted(tmp_path.iterdir())
    whole = images.read_bytes()
    for content in (whole[:-40], b"", gzip.compress(b"\0\0\x08\3"), gzip.compress(gzip.decompress(whole)[:-1])):
        images.write_bytes(content)
        with pytest.raises(DataError, match="images-idx3"):
            open_files(str(tmp_path))
    images.write_bytes(whole)
    labels.write_bytes(idx(np.zeros(7, np.uint8)))
    with pytest.raises(DataError, match="labels"):
        open_files(str(tmp_path))


@fuzz
@given(st.one_of(st.binary(max_size=60), st.binary(max_size=40).map(lambda rest: b"\0\0\x08\2" + rest)))
def test_idx_never_raises_anything_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with suppress(DataError):
        assert read_idx(tmp_path / "x").dtype == np.uint8


def batch(count: int = 4) -> dict[bytes, Any]:
    pictures = rng.integers(0, 256, (count, 3072), np.uint8)
    return {b"batch_label": b"training batch 1 of 5", b"labels": [k % 10 for k in range(count)], b"data": pictures}


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("nested", ["", "cifar-10-batches-py"])
def test_cifar_pickles(protocol: int, nested: str, tmp_path: Path) -> None:
    folder = tmp_path / nested
    folder.mkdir(exist_ok=True)
    parts = [batch(), batch()]
    for k, part in enumerate(parts):
        (folder / f"data_batch_{k + 1}").write_bytes(pickle.dumps(part, protocol))
    (folder / "test_batch").write_bytes(pickle.dumps(batch(7), protocol))
    files, test = open_files(str(tmp_path)), open_files(str(tmp_path), "test")
    assert files is not None
    assert test is not None
    assert files.pixels is not None
    assert np.array_equal(files.pixels[5], parts[1][b"data"][1].reshape(3, 32, 32))
    assert (len(test), files.label_names[6], files.labels.tolist()) == (7, "frog", [0, 1, 2, 3] * 2)  # type: ignore[union-attr]


def test_cifar_pickles_as_python_2_wrote_them(tmp_path: Path) -> None:
    pixels = rng.integers(0, 256, 2 * 3072, np.uint8).tobytes()
    content = (
        b"\x80\x02}(U\x06labels]q\x01(K\x06K\x09eU\x04data"
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
    )
    (tmp_path / "x").write_bytes(content + struct.pack("<i", len(pixels)) + pixels + b"tbu.")
    pictures, labels = cifar.read_pickle(tmp_path / "x")
    assert (pictures.tobytes(), labels.tolist()) == (pixels, [6, 9])


def test_cifar_binary(tmp_path: Path) -> None:
    part = batch()
    records = np.concatenate([np.array(part[b"labels"], np.uint8)[:, None], part[b"data"]], axis=1)
    (tmp_path / "data_batch_1.bin").write_bytes(records.tobytes())
    files = open_files(str(tmp_path))
    assert files is not None
    assert np.array_equal(np.asarray(files.open(2)), part[b"data"][2].reshape(3, 32, 32).transpose(1, 2, 0))
    assert open_files(str(tmp_path), "test") is None
    for wrong in (records.tobytes()[:-1], b"", b"\x0b" + records.tobytes()[1:]):
        (tmp_path / "data_batch_1.bin").write_bytes(wrong)
        with pytest.raises(DataError, match="no CIFAR-10 batch"):
            open_files(str(tmp_path))


class Evil:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


HOSTILE = {
    "system": lambda mark: pickle.dumps(Evil(os.system, f"echo > {mark}")),
    "open": lambda mark: pickle.dumps({b"data": Evil(open, mark, "w"), b"labels": []}),
    "getattr": lambda mark: pickle.dumps(Evil(getattr, "a", "upper")),
    "load": lambda mark: pickle.dumps({b"data": Evil(np.load, mark), b"labels": []}),
    "memmap": lambda mark: pickle.dumps(Evil(np.memmap, mark, "u1", "w+", 0, 8)),
    "objects": lambda mark: pickle.dumps({b"data": np.array([Evil(open, mark, "w")]), b"labels": [0]}),
    "floats": lambda mark: pickle.dumps({b"data": np.zeros((1, 3072)), b"labels": [0]}),
    "encode": lambda mark: b"c_codecs\nencode\n(Vx\nVrot13\ntR.",
    "state of a name": lambda mark: b"cnumpy\ndtype\n(dVmark\nI1\nsb.",
    "new object": lambda mark: b"\x80\x02cnumpy\nndarray\nI9\n\x85\x81.",
    "persistent": lambda mark: b"Pmark\n.",
    "no dictionary": lambda mark: pickle.dumps([1, 2]),
    "words for labels": lambda mark: pickle.dumps(batch() | {b"labels": ["a"] * 4}),
    "too few labels": lambda mark: pickle.dumps(batch() | {b"labels": [1]}),
    "wrong class": lambda mark: pickle.dumps(batch() | {b"labels": [10] * 4}),
    "wrong shape": lambda mark: pickle.dumps(batch() | {b"data": np.zeros((4, 3071), np.uint8)}),
    "empty": lambda mark: b"",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_pickles_run_nothing(kind: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "data_batch_1").write_bytes(HOSTILE[kind](str(mark)))
    with pytest.raises(DataError, match="data_batch_1"):
        open_files(str(tmp_path))
    assert not mark.exists()


@fuzz
@given(st.data())
def test_cifar_pickles_never_raise_anything_else(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(pickle.dumps(batch(1), 2))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, 150))] = data.draw(st.integers(0, 255))
    (tmp_path / "x").write_bytes(data.draw(st.one_of(st.just(bytes(content)), st.binary(max_size=50))))
    with suppress(DataError):
        assert cifar.read_pickle(tmp_path / "x")[0].shape[1] == 3072


PIXELS = rng.integers(0, 256, (6, 5, 7, 3), np.uint8)


@pytest.mark.parametrize(
    ("array", "channels"),
    [
        (PIXELS, 3),
        (PIXELS.transpose(0, 3, 1, 2), 3),
        (PIXELS[..., 0], 1),
        (PIXELS[..., :1], 1),
        (PIXELS.astype(np.int64), 3),
        (PIXELS.astype(np.uint16) * 257, 3),
        (PIXELS.astype(np.float32) / 255, 3),
        (PIXELS.astype(np.float64) / 127.5 - 1, 3),
        (PIXELS.astype(np.float16), 3),
    ],
)
def test_arrays_of_any_layout_and_range(array: np.ndarray[Any, Any], channels: int, tmp_path: Path) -> None:
    array = array.copy()
    wanted = PIXELS.transpose(0, 3, 1, 2)[:, :channels]
    np.save(tmp_path / "x.npy", array)
    np.savez(tmp_path / "x.npz", images=array, labels=np.array([7, 3, 3, 7, 7, 3]), x_test=array[:2], y_test=[3, 7])
    for name in ("x.npy", "x.npz"):
        files = open_files(str(tmp_path / name))
        assert files is not None
        assert files.pixels is not None
        assert np.array_equal(files.pixels, wanted)
    assert (files.label_names, files.labels.tolist()) == (("3", "7"), [1, 0, 0, 1, 1, 0])  # type: ignore[union-attr]
    test = open_files(str(tmp_path / "x.npz"), "test")
    assert test is not None
    assert (len(test), test.header(0).size) == (2, (5, 7))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.zeros((3, 4, 4), object)}, "pickled"),
        ({"images": np.zeros((3, 8, 8, 2))}, "3, 8, 8, 2"),
        ({"images": np.zeros((8, 8, 3))}, "no set of pictures"),
        ({"images": np.zeros((0, 8, 8))}, "no pictures"),
        ({"images": np.zeros((3, 0, 8))}, "without pixels"),
        ({"images": np.full((3, 8, 8), np.nan)}, "not finite"),
        ({"images": np.full((3, 8, 8), 300.0)}, "to 300"),
        ({"images": np.full((3, 8, 8), "a")}, "type <U1"),
        ({"pictures": np.zeros((3, 8, 8))}, "no array of pictures"),
        ({"images": np.zeros((3, 8, 8)), "labels": np.zeros(2, int)}, "3 pictures and labels"),
        ({"images": np.zeros((3, 8, 8)), "labels": np.zeros(3)}, "float64"),
    ],
)
def test_arrays_that_are_no_pictures(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(DataError, match=message):
        open_files(str(tmp_path / "x.npz"))


def test_pickled_objects_in_arrays_do_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for name in ("x.npy", "y.npy"):
        np.save(tmp_path / name, np.array([Evil(open, str(mark), "w")], object), allow_pickle=True)
    (tmp_path / "y.npy").write_bytes(pickle.dumps(Evil(open, str(mark), "w")))
    for name in ("x.npy", "y.npy"):
        with pytest.raises(DataError):
            open_files(str(tmp_path / name))
    assert not mark.exists()


@fuzz
@given(st.data())
def test_arrays_never_raise_anything_else(tmp_path: Path, data: st.DataObject) -> None:
    ending = data.draw(st.sampled_from([".npy", ".npz"]))
    source = tmp_path / f"source{ending}"
    if not source.exists():
        np.save(source, PIXELS) if ending == ".npy" else np.savez(source, images=PIXELS)
    content = bytearray(source.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 200))] = data.draw(st.integers(0, 255))
    broken = tmp_path / f"broken{ending}"
    broken.write_bytes(content[: data.draw(st.sampled_from([3, 50, 150, len(content)]))])
    with suppress(DataError):
        files = open_array(broken, "broken", "train")
        assert files is not None
        files.open(0)
        del files
