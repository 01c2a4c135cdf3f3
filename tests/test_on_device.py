"""Batches made on a device are to the bit those made on the CPU. The CPU stands in for the device here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gansmith
from gansmith import run as run_module
from gansmith.contracts import Batch, Dataset
from gansmith.data import dataset as dataset_module
from gansmith.data import on_device
from gansmith.data.codec import to_float
from gansmith.data.dataset import ImageDataset
from gansmith.data.images import Images
from gansmith.data.loader import Loader
from gansmith.data.on_device import OnDevice, for_device
from gansmith.data.points import Points
from gansmith.folder import checkpoints

CPU = torch.device("cpu")
COUNT = 40
OPTIONS = [
    {"classes": True},
    {"classes": True, "mirror": True},
    {"classes": False, "clusters": 4, "mirror": True},
    {"classes": False, "clusters": 3, "clusters_of": "channel"},
]


@pytest.fixture(params=["array", "packed", "folder"])
def pictures(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """40 pictures of 10 x 12 in two classes; in the folder two cannot be read."""
    pixels = np.random.default_rng(0).integers(0, 256, (COUNT, 12, 10, 3), np.uint8)
    np.savez(tmp_path / "x.npz", samples=pixels, labels=np.arange(COUNT) * 2 // COUNT)
    if request.param == "packed":
        gansmith.pack(tmp_path / "x.npz", tmp_path / "x.safetensors")
        return str(tmp_path / "x.safetensors")
    if request.param == "array":
        return str(tmp_path / "x.npz")
    for k in range(COUNT):
        place = tmp_path / "x" / "ab"[k * 2 // COUNT] / f"{k:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[k]).save(place)
    (tmp_path / "x/a/19.png").write_bytes(b"")
    (tmp_path / "x/b/39.png").write_bytes(b"")
    return str(tmp_path / "x")


def take(data: ImageDataset, prepare: OnDevice | None, count: int, seen: int = 0) -> list[Batch]:
    with Loader(data, 8, seed=3, samples_seen=seen, prepare=prepare) as loader:
        return [loader.next() for _ in range(count)]


def assert_equal(found: list[Batch], wanted: list[Batch]) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert one.real.dtype == torch.float32
        assert torch.equal(one.real, other.real)
        assert (one.given is None) == (other.given is None)
        assert one.given is None or torch.equal(one.given, other.given)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("room", [0, 1 << 30])
def test_batches_are_those_of_the_cpu(
    room: int, options: dict[str, object], pictures: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_module, "PROBED_ALL", 2)
    monkeypatch.setattr(dataset_module, "PROBED", 2)
    monkeypatch.setattr(on_device, "free_bytes", lambda device: room)
    source = Images(pictures, (12, 10), channels=3, **options)  # type: ignore[arg-type]
    wanted = take(source.open()[0], None, 25)
    data, _ = replace(source).open()
    there = OnDevice(data, CPU)
    assert_equal(take(data, there, 25), wanted)
    assert (there._resident is not None) == (room > 0)
    for seen in (8, 72, 160):  # in whatever state it is by now
        assert_equal(take(data, there, 4, seen), wanted[seen // 8 : seen // 8 + 4])
    late, _ = replace(source).open()
    assert_equal(take(late, OnDevice(late, CPU), 4, 136), wanted[17:21])


def test_pictures_lie_there_once_all_are_decoded_and_only_where_they_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for k in range(16):
        Image.new("RGB", (8, 8), (k, 2, 3)).save(tmp_path / f"{k:02d}.png")
    size = 16 * 3 * 8 * 8
    monkeypatch.setattr(dataset_module, "PROBED_ALL", 2)
    monkeypatch.setattr(dataset_module, "PROBED", 2)
    monkeypatch.setattr(on_device, "CHUNK_BYTES", 1000)  # several chunks, the last one smaller
    data, _ = Images(str(tmp_path), (8, 8), channels=3, classes=False).open()
    for room, fits in ((4 * size - 1, False), (4 * size, True)):
        monkeypatch.setattr(on_device, "free_bytes", lambda device, room=room: room)
        there = OnDevice(data, CPU)
        if data.whole() is None:
            there(range(4))()
            assert not there._settled
            data.fetch(range(16))
        there(range(4))()
        assert (there._resident is not None) == fits
    assert there._resident is not None
    assert np.array_equal(there._resident.numpy(), data.whole())


def test_every_byte_becomes_the_float_that_it_is_on_the_cpu(tmp_path: Path) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(2, 8, 16)
    np.save(tmp_path / "x.npy", pixels)
    data, _ = Images(str(tmp_path / "x.npy")).open()
    assert torch.equal(OnDevice(data, CPU)([0, 1])().real, to_float(pixels[:, None]))


def test_the_cpu_and_points_are_left_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((4, 8, 8), np.uint8))
    pictures, _ = Images(str(tmp_path / "x.npy")).open()
    points, _ = Points("ring").open()
    assert for_device(pictures, CPU) is None
    assert for_device(points, torch.device("meta")) is None
    assert isinstance(for_device(pictures, torch.device("meta")), OnDevice)
    assert on_device.free_bytes(torch.device("mps")) == 0


def test_a_training_is_the_same_to_the_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", samples=rng.integers(0, 255, (48, 8, 8), np.uint8), labels=np.arange(48) % 2)
    settings = ["architecture.name=mlp", "architecture.generator_widths=[16]", "architecture.discriminator_widths=[16]"]
    settings += ["evaluate.times=0", "train.precision=float32", "optimizer.lr=1e-3", "data.mirror=true"]
    made: list[OnDevice] = []

    def forced(dataset: Dataset, device: torch.device) -> OnDevice:
        assert isinstance(dataset, ImageDataset)
        made.append(OnDevice(dataset, device))
        return made[-1]

    def train(run: str, samples: int) -> None:
        options = {"recipe": "dcgan", "batch": 8, "classes": True, "tune": "off", "settings": settings}
        gansmith.train(tmp_path / "x.npz", run=tmp_path / run, samples=samples, **options)  # type: ignore[arg-type]

    train("cpu", 160)
    monkeypatch.setattr(run_module, "for_device", forced)
    monkeypatch.setattr(on_device, "free_bytes", lambda device: 1 << 30)
    train("device", 80)
    train("device", 160)
    assert made[-1]._resident is not None
    (wanted, _), (found, _) = (checkpoints.load_latest(tmp_path / name, print) for name in ("cpu", "device"))  # type: ignore[misc]
    for player in ("generator", "discriminator"):
        weights = found["game"][player]["network"]
        assert weights.keys() == wanted["game"][player]["network"].keys()
        assert all(torch.equal(x, wanted["game"][player]["network"][name]) for name, x in weights.items())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("room", [0, 1 << 30])
def test_batches_on_a_gpu(room: int, pictures: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_device, "free_bytes", lambda device: room)
    source = Images(pictures, (12, 10), channels=3, classes=True, mirror=True)
    data, _ = source.open()
    found = take(data, for_device(data, torch.device("cuda")), 25)
    assert all(batch.real.is_cuda for batch in found)
    on_cpu = [Batch(real.cpu(), None if given is None else given.cpu()) for real, given in found]
    assert_equal(on_cpu, take(source.open()[0], None, 25))
