"""Images, the source: automatic choices, exact pixels, mirrors, unreadable files, and real data."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gansmith.contracts import Dataset, Survey
from gansmith.data import dataset as dataset_module
from gansmith.data.dataset import ImageDataset
from gansmith.data.images import Images, auto_resolution
from gansmith.data.loader import Loader
from gansmith.errors import DataError


def pictures(folder: Path, count: int, size: tuple[int, int] = (12, 10), classes: int = 1, colour: bool = True) -> Path:
    """Noise in `count` PNG files of (width, height) `size`."""
    rng = np.random.default_rng(count)
    for k in range(count):
        place = folder / f"class_{k % classes}" if classes > 1 else folder
        place.mkdir(parents=True, exist_ok=True)
        shape = (size[1], size[0], 3) if colour else (size[1], size[0])
        Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(place / f"{k:03d}.png")
    return folder


def all_of(data: Dataset) -> torch.Tensor:
    return data.fetch(range(len(data))).real


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [
        ([(28, 28)] * 3, (28, 28)),
        ([(8, 8)], (8, 8)),
        ([(48, 64)] * 2, (48, 64)),
        ([(65, 65)], (64, 64)),
        ([(32, 32), (33, 33)], (32, 32)),
        ([(192, 256)] * 2, (64, 88)),
        ([(256, 192)], (88, 64)),
        ([(600, 800), (1200, 1600)], (64, 88)),
        ([(600, 800), (800, 600)], (64, 64)),
        ([(100, 100), (40, 300), (50, 50)], (32, 32)),
        ([(100, 5000)], (64, 256)),
        ([(70, 3)], (184, 8)),
    ],
)
def test_automatic_resolution(sizes: list[tuple[int, int]], wanted: tuple[int, int]) -> None:
    assert auto_resolution(tuple(sizes)) == wanted


@pytest.mark.parametrize(
    ("counts", "conditional"),
    [({}, False), ({"a": 900}, False), ({"a": 20, "b": 30}, True), ({"a": 5, "b": 10, "c": 900}, False)],
)
def test_automatic_classes(counts: dict[str, int], conditional: bool) -> None:
    survey = Survey(100, ((28, 28),), 1, counts, 0)
    assert Images("x").resolve(survey).classes is conditional
    assert Images("x", classes=False).resolve(survey).classes is False


def test_survey_and_resolve(tmp_path: Path) -> None:
    source = Images(str(pictures(tmp_path, 60, classes=3)))
    survey = source.survey()
    assert survey == Survey(60, ((10, 12),) * 60, 3, {f"class_{k}": 20 for k in range(3)}, 0)
    resolved = source.resolve(survey)
    assert resolved == Images(source.path, (10, 12), "crop", 3, True, False)
    assert Images(source.path, (16, 16), channels=1, classes=False).resolve(survey).resolution == (16, 16)
    data, codec = source.open()
    assert (data.spec, data.label_names) == (codec.spec, ("class_0", "class_1", "class_2"))
    assert source.open_test() is None


def test_grey_in_colour_files_is_grey_and_opaque_transparency_is_colour(tmp_path: Path) -> None:
    for k in range(3):
        Image.new("RGB", (8, 8), (k, k, k)).save(tmp_path / f"{k}.png")
    assert Images(str(tmp_path)).survey().channels == 1
    Image.new("RGBA", (8, 8), (1, 200, 3, 255)).save(tmp_path / "1.png")
    assert Images(str(tmp_path)).survey().channels == 3
    Image.new("RGBA", (8, 8), (1, 200, 3, 9)).save(tmp_path / "2.png")
    assert Images(str(tmp_path)).survey().channels == 4


@pytest.mark.parametrize("cache", [True, False])
def test_pixels_are_exact_at_native_size(cache: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not cache:
        monkeypatch.setattr(dataset_module, "CACHE_BYTES", 0)
    data, codec = Images(str(pictures(tmp_path, 9, classes=3)), classes=True).open()
    paths = sorted(tmp_path.rglob("*.png"))
    wanted = np.stack([np.asarray(Image.open(p)) for p in paths]).transpose(0, 3, 1, 2)
    batch = data.fetch([4, 0, 8, 4])
    assert np.array_equal(((batch.real + 1) * 127.5).round().numpy(), wanted[[4, 0, 8, 4]])
    assert batch.given is not None
    assert batch.given.tolist() == [1, 0, 2, 1]
    assert torch.equal(codec.encode([Image.open(p) for p in paths]), all_of(data))


def test_mirror(tmp_path: Path) -> None:
    source = Images(str(pictures(tmp_path, 6, classes=2)), classes=True, mirror=True)
    data, _ = source.open()
    plain, _ = replace(source, mirror=False).open()
    assert (len(data), len(plain)) == (12, 6)
    batch = data.fetch([1, 7, 11])
    assert torch.equal(
        batch.real, torch.stack([all_of(plain)[1], all_of(plain)[1].flip(-1), all_of(plain)[5].flip(-1)])
    )
    assert data.labels is not None
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1] * 2
    assert batch.given is not None
    assert batch.given.tolist() == [0, 0, 1]


def spoil(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize("cache", [True, False])
def test_unreadable_files_are_replaced_always_alike(
    cache: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_module, "PROBED_ALL", 3)
    monkeypatch.setattr(dataset_module, "PROBED", 2)
    if not cache:
        monkeypatch.setattr(dataset_module, "CACHE_BYTES", 0)
    source = Images(str(pictures(tmp_path, 10)), (8, 8), channels=3, classes=False)
    whole = all_of(source.open()[0])
    spoil(tmp_path, "003.png", "004.png", "009.png")
    expected = whole[[0, 1, 2, 5, 5, 5, 6, 7, 8, 0]]
    for order in (range(10), range(9, -1, -1), [4, 3, 9, 0, 1, 2, 5, 6, 7, 8]):
        data, _ = source.open()
        assert torch.equal(data.fetch(list(order)).real, expected[list(order)])
        assert torch.equal(data.fetch(list(order)).real, expected[list(order)])
        assert sorted(data.unreadable) == ["003.png", "004.png", "009.png"]
        assert all("damaged" in reason for reason in data.unreadable.values())


def test_a_replaced_picture_keeps_its_own_class(tmp_path: Path) -> None:
    source = Images(str(pictures(tmp_path, 6, classes=2)), classes=True)
    spoil(tmp_path, "class_0/004.png")  # index 2; the next readable is the first of class 1
    data, _ = source.open()
    batch = data.fetch([1, 2])
    assert batch.given is not None
    assert batch.given.tolist() == [0, 1]


def test_hopeless_data_is_refused_at_opening(tmp_path: Path) -> None:
    pictures(tmp_path, 4)
    source = Images(str(tmp_path), (8, 8), channels=3, classes=False)
    spoil(tmp_path, "000.png", "001.png", "003.png")
    with pytest.raises(DataError, match="one readable image"):
        source.open()
    spoil(tmp_path, "002.png")
    with pytest.raises(DataError, match="no readable image"):
        replace(source).open()
    for path in tmp_path.iterdir():
        path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="no readable image"):
        Images(str(tmp_path)).open()


def test_two_readable_among_many_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_module, "PROBED_ALL", 3)
    monkeypatch.setattr(dataset_module, "PROBED", 2)
    pictures(tmp_path, 8)
    spoil(tmp_path, *(f"{k:03d}.png" for k in (0, 1, 3, 4, 5, 7)))
    data, _ = Images(str(tmp_path), (8, 8), channels=3, classes=False).open()
    assert len(all_of(data)) == 8


def test_files_that_vanish_during_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_module, "CACHE_BYTES", 0)
    data, _ = Images(str(pictures(tmp_path / "x", 5))).open()
    shutil.rmtree(tmp_path / "x")
    with pytest.raises(DataError, match="still there"):
        data.fetch([0])


def test_classes_where_there_are_none(tmp_path: Path) -> None:
    source = Images(str(pictures(tmp_path, 4)), classes=True)
    with pytest.raises(DataError, match="has no classes"):
        source.resolve(source.survey())
    with pytest.raises(DataError, match="has no classes"):
        replace(source, resolution=(8, 8), channels=1).open()


def test_held_out_classes_follow_the_training_classes(tmp_path: Path) -> None:
    pictures(tmp_path / "train", 60, classes=3)
    pictures(tmp_path / "test", 4, classes=2)
    (tmp_path / "test" / "class_0").rename(tmp_path / "test" / "class_2")
    source = Images(str(tmp_path), mirror=True)
    test = source.open_test()
    assert test is not None
    assert (source.survey().test_count, len(test)) == (4, 4)
    assert test.labels is not None
    assert test.labels.tolist() == [1, 1, 2, 2]
    assert test.fetch([3]).given is not None
    (tmp_path / "test" / "class_2").rename(tmp_path / "test" / "strange")
    other = Images(str(tmp_path)).open_test()
    assert other is not None
    assert (other.labels, other.spec.given) == (None, None)


def test_an_empty_held_out_folder_is_none(tmp_path: Path) -> None:
    pictures(tmp_path / "train", 4)
    (tmp_path / "test").mkdir()
    assert Images(str(tmp_path)).survey().test_count == 0
    assert Images(str(tmp_path)).open_test() is None


def test_digits() -> None:
    pytest.importorskip("sklearn")
    source = Images("digits")
    survey = source.survey()
    assert (survey.count, survey.test_count, survey.channels, len(survey.label_counts)) == (1438, 359, 1, 10)
    data, _ = source.open()
    test = source.open_test()
    assert data.spec.shape == (1, 8, 8)
    assert data.spec.classes == 10
    assert test is not None
    assert (float(all_of(data).min()), float(all_of(data).max())) == (-1, 1)
    from sklearn.datasets import load_digits

    assert torch.allclose(all_of(test)[1, 0], torch.tensor(load_digits().images[9] / 8 - 1).float(), atol=1 / 255)
    labels = torch.tensor(load_digits().target)[torch.arange(1797) % 5 == 4]
    assert torch.equal(test.fetch(range(359))[1], labels)


def test_digits_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(DataError, match=r"gansmith\[demo\]"):
        Images("digits").survey()


def test_arrays_of_another_size_or_channel_count_are_converted(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 256, (5, 12, 12), np.uint8))
    native, _ = Images(str(tmp_path / "x.npy")).open()
    rgb, _ = Images(str(tmp_path / "x.npy"), channels=3).open()
    small, _ = Images(str(tmp_path / "x.npy"), (6, 8), "pad").open()
    assert torch.equal(all_of(rgb), all_of(native).expand(5, 3, 12, 12))
    assert small.spec.shape == (1, 6, 8)
    assert (all_of(small)[..., 0] == -1).all()


def test_transparent_arrays_have_white_underneath(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 8, 8, 4), np.uint8))
    data, _ = Images(str(tmp_path / "x.npy")).open()
    assert torch.equal(all_of(data)[:, :3], torch.ones(3, 3, 8, 8))


REAL = [
    ("mnist", {}, (60000, 10000), (1, 28, 28), 10),
    ("cifar10/cifar10_jpg.zip", {}, (50000, 10000), (3, 32, 32), 10),
    ("clothing-128/clothing_128.zip", {}, (3068, 372), (3, 64, 64), 10),
    ("noto-emoji-128/noto_emoji_128.zip", {}, (1683, 0), (4, 64, 64), 0),
    ("camvid-256x192/camvid_256x192.zip/train/B", {"resolution": (48, 64)}, (367, 233), (3, 48, 64), 0),
    ("bccd-256/bccd_256.zip", {}, (364, 0), (3, 64, 64), 0),
]


@pytest.mark.parametrize(("path", "options", "counts", "shape", "classes"), REAL)
def test_real_data(
    path: str,
    options: dict[str, tuple[int, int]],
    counts: tuple[int, int],
    shape: tuple[int, ...],
    classes: int,
    shared_data: Path,
) -> None:
    source = Images(str(shared_data / path), **options)  # type: ignore[arg-type]
    survey = source.survey()
    assert (survey.count, survey.test_count) == counts
    data, _ = source.resolve(survey).open()
    assert isinstance(data, ImageDataset)
    assert (data.spec.shape, data.spec.classes) == (shape, classes)
    with Loader(data, 32, seed=0) as loader, Loader(data, 32, seed=0, samples_seen=32) as later:
        first, second, same = loader.next(), loader.next(), later.next()
    assert torch.equal(second.real, same.real)
    assert not torch.equal(first.real, second.real)
    assert 0.1 < first.real.std() < 1.1
    assert data.unreadable == {}


def test_mnist_is_mnist(shared_data: Path) -> None:
    data, _ = Images(str(shared_data / "mnist")).open()
    x = (all_of(data) + 1) / 2
    assert (float(x.mean()), float(x.std())) == pytest.approx((0.1307, 0.3081), abs=1e-4)
    assert data.labels is not None
    assert data.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
