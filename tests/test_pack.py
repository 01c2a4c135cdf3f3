"""Packed pictures: what training sees is the same to the bit, damage is told, nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file, save_file

from gansmith import api
from gansmith.cli.app import main
from gansmith.data.images import Images
from gansmith.data.packed import open_packed
from gansmith.errors import DataError


@pytest.fixture(params=["RGB", "L", "RGBA"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """14 + 6 noisy pictures of two classes and different sizes."""
    chance = np.random.default_rng(0)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[request.param]
    for split, count in (("train", 7), ("test", 3)):
        for name in ("cat", "dog"):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            for k in range(count):
                pixels = chance.integers(0, 256, (20 + k, 24, *channels)).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / "data" / split / name / f"{k}.png")
    return tmp_path / "data"


def samples(source: Images) -> list[tuple[torch.Tensor, list[int], tuple[str, ...]]]:
    test = source.open_test()
    assert test is not None
    found = []
    for data in (source.open()[0], test):
        assert data.labels is not None
        found.append((data.fetch(range(len(data))).real, data.labels.tolist(), data.label_names))
    return found


def test_packed_pictures_are_those_of_the_folder(folder: Path, tmp_path: Path) -> None:
    packed = api.pack(folder, tmp_path / "p.safetensors")
    assert packed.counts == {"train": 14, "test": 6}
    assert packed.shape[1:] == (16, 16)
    before, after = samples(Images(str(folder))), samples(Images(str(tmp_path / "p.safetensors")))
    for (x, labels, names), (y, others, same) in zip(before, after, strict=True):
        assert torch.equal(x, y)
        assert labels == others
        assert names == same == ("cat", "dog")
    arrays = load_file(tmp_path / "p.safetensors")  # the library that everybody reads such files by
    assert arrays["train.images"].shape == (14, *packed.shape)
    assert arrays["train.labels"].tolist() == before[0][1]


@pytest.mark.parametrize("folder", ["RGB"], indirect=True)
def test_size_and_channels_can_be_asked_for(folder: Path, tmp_path: Path) -> None:
    packed = api.pack(folder, tmp_path / "p.safetensors", resolution="24x12", fit="pad", channels=1)
    assert packed.shape == (1, 12, 24)
    wanted, _ = Images(str(folder), (12, 24), "pad", 1).open()
    data, _ = Images(str(tmp_path / "p.safetensors")).open()
    assert torch.equal(data.fetch(range(14)).real, wanted.fetch(range(14)).real)


@pytest.mark.parametrize("folder", ["L"], indirect=True)
def test_what_cannot_be_read_is_left_out_and_told(folder: Path, tmp_path: Path) -> None:
    (folder / "train" / "cat" / "0.png").write_bytes(b"no picture")
    packed = api.pack(folder, tmp_path / "p.safetensors")
    assert packed.counts["train"] == 13
    assert list(packed.unreadable) == ["cat/0.png"]
    assert "cat/0.png" in packed.text()
    data, _ = Images(str(tmp_path / "p.safetensors")).open()
    assert data.labels is not None
    assert data.labels.tolist() == [0] * 6 + [1] * 7


@pytest.mark.parametrize("folder", ["RGB"], indirect=True)
def test_damage_is_told(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.safetensors"
    api.pack(folder, path)
    files = open_packed(path, "p", "train")
    assert files is not None
    assert files.verify() == []
    fingerprint = files.fingerprint
    content = bytearray(path.read_bytes())
    content[4096 + 100] ^= 1  # a pixel
    path.write_bytes(content)
    files = open_packed(path, "p", "train")
    assert files is not None
    assert files.verify() == ["train.images"]
    assert files.fingerprint == fingerprint  # opening reads no pictures
    assert main(["check", str(path)]) == 0
    assert "checksums differ" in capsys.readouterr().out
    path.write_bytes(content[:-1])
    with pytest.raises(DataError, match="bytes instead of"):
        open_packed(path, "p", "train")
    path.write_bytes(b"12345678{")
    with pytest.raises(DataError, match="no safetensors file"):
        open_packed(path, "p", "train")
    save_file({"weight": np.zeros(3)}, path)
    with pytest.raises(DataError, match="A generator is no data set"):
        open_packed(path, "p", "train")


@pytest.mark.parametrize("folder", ["L"], indirect=True)
def test_a_header_that_does_not_fit_is_told(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    api.pack(folder, path)
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")

    def reopened(change: Callable[[dict[str, Any]], object]) -> None:
        header = json.loads(content[8 : 8 + size])
        change(header)
        path.write_bytes(content[:8] + json.dumps(header).encode().ljust(size) + content[8 + size :])
        open_packed(path, "p", "train")

    reopened(lambda h: h)
    changes: list[Callable[[dict[str, Any]], object]] = [
        lambda h: h["train.images"].pop("dtype"),
        lambda h: h["train.images"].update(dtype="BF16"),
        lambda h: h["train.images"].update(shape=[14, 16, 16]),
        lambda h: h["train.images"].update(shape=[14, 2, 16, 8]),
        lambda h: h["train.images"].update(shape="many"),
        lambda h: h["train.images"].update(shape=[0, 1, 16, 16], data_offsets=[0, 0]),
        lambda h: h["train.images"].update(data_offsets=[-1, 14 * 256 - 1]),
        lambda h: h["train.labels"].update(shape=[13]),
        lambda h: h["test.images"].update(data_offsets=[0]),
        lambda h: h["__metadata__"].update(classes="cat"),
        lambda h: h["__metadata__"].update(classes='["cat"]'),
        lambda h: h["__metadata__"].pop("sha256.test.images"),
        lambda h: h.update(other=h["train.images"]),
        lambda h: h.update(__metadata__=[]),
    ]
    for change in changes:
        with pytest.raises(DataError):
            reopened(change)


@pytest.mark.parametrize("folder", ["RGB"], indirect=True)
def test_nothing_is_replaced_or_left_behind(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "p.safetensors").write_bytes(b"mine")
    with pytest.raises(DataError, match="there already"):
        api.pack(folder, tmp_path / "p.safetensors")
    assert (tmp_path / "p.safetensors").read_bytes() == b"mine"
    with pytest.raises(DataError, match=r"p\.zip\.safetensors"):
        api.pack(folder, tmp_path / "p.zip")
    with pytest.raises(DataError, match="points"):
        api.pack("ring", tmp_path / "r.safetensors")
    for picture in (folder / "test").rglob("*.png"):
        picture.write_bytes(b"no picture")
    with pytest.raises(DataError, match="No picture of the test split"):
        api.pack(folder, tmp_path / "q.safetensors")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "p.safetensors"]


@pytest.mark.quick
@pytest.mark.parametrize("folder", ["L"], indirect=True)
def test_packing_and_training_on_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["pack", "data", "out/p.safetensors", "--json", "p.json"]) == 0
    assert "14 for train, 6 for test; 16x16 L" in capsys.readouterr().out
    assert json.loads(Path("p.json").read_text())["counts"] == {"train": 14, "test": 6}
    small = ["architecture.width=4", "train.batch=4", "evaluate.samples=10", "evaluate.final_samples=10"]
    small += ["evaluate.features=random"]
    runs = []
    for data in ("data", "out/p.safetensors"):
        trained = api.train(data, run="run-" + data.replace("/", "-"), recipe="dcgan", samples=16, settings=small)
        runs.append(trained.generator.state_dict())
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])
