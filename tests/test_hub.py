"""Data sets of the Hugging Face hub's library: saved to disk, and by name; classes, splits, and what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gansmith.data.decode import Unreadable
from gansmith.data.images import Images
from gansmith.data.locate import open_files
from gansmith.errors import DataError, GansmithError

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def kept_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cache outside, no network."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()


def table(first: int, count: int = 4, classes: bool = True) -> Any:
    """Rows of red pictures, `first` strong and stronger."""
    reds = [Image.new("RGB", (16, 16), (k, 0, 0)) for k in range(first, first + count)]
    columns: dict[str, Any] = {"id": list(range(count)), "picture": reds}
    kinds: dict[str, Any] = {"id": datasets.Value("int64"), "picture": datasets.Image()}
    if classes:
        columns["kind"] = [k % 2 for k in range(first, first + count)]
        kinds["kind"] = datasets.ClassLabel(names=["even", "odd"])
    return datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))


def reds(path: str, split: str = "train") -> list[int]:
    files = open_files(path, split)
    assert files is not None
    return [int(np.asarray(files.open(i))[0, 0, 0]) for i in range(len(files))]


def test_what_the_library_saved_is_opened_by_index(tmp_path: Path) -> None:
    path = str(tmp_path / "saved")
    datasets.DatasetDict({"train": table(0, 6), "validation": table(50), "test": table(100)}).save_to_disk(path)
    assert reds(path) == list(range(6))
    assert reds(path, "test") == [100, 101, 102, 103]
    files = open_files(path)
    assert files is not None
    assert files.label_names == ("even", "odd")
    assert files.labels is not None
    assert files.labels.tolist() == [0, 1] * 3
    assert files.name(3) == f"{path}[3]"
    assert files.header(3).size == (16, 16)
    dataset, _ = Images(path, resolution=(16, 16), classes=True).open()
    assert ((dataset.fetch([5, 2]).real[:, 0, 0, 0] + 1) * 127.5).round().tolist() == [5, 2]


def test_one_saved_table_has_no_held_out_split(tmp_path: Path) -> None:
    path = str(tmp_path / "saved")
    table(7, classes=False).save_to_disk(path)
    assert reds(path) == [7, 8, 9, 10]
    files = open_files(path)
    assert files is not None
    assert files.labels is None
    assert open_files(path, "test") is None


def test_a_name_goes_to_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where the library finds a folder of that name instead of asking the hub
    place = tmp_path / "owner" / "reds"
    place.mkdir(parents=True)
    table(0, 5).to_parquet(place / "train-00000-of-00001.parquet")
    table(9, 2).to_parquet(place / "test-00000-of-00001.parquet")
    assert reds("hub:owner/reds") == list(range(5))
    assert reds("hub:owner/reds", "test") == [9, 10]
    first, again = open_files("hub:owner/reds"), open_files("hub:owner/reds")
    assert first is not None
    assert again is not None
    assert first.fingerprint == again.fingerprint


def test_what_cannot_be_opened_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"'hub:nobody/nothing' cannot be opened.*owner/name:configuration.*network"):
        open_files("hub:nobody/nothing")
    with pytest.raises(DataError, match="names no data set"):
        open_files("hub:")
    words = datasets.Dataset.from_dict({"text": ["a", "b"]})
    words.save_to_disk(str(tmp_path / "words"))
    with pytest.raises(DataError, match=r"has no pictures: it has 2 rows of text \(Value\)"):
        open_files(str(tmp_path / "words"))
    datasets.DatasetDict({"left": table(0), "right": table(0)}).save_to_disk(str(tmp_path / "sides"))
    with pytest.raises(DataError, match="no split 'train', but left, right"):
        open_files(str(tmp_path / "sides"))
    (tmp_path / "words" / "state.json").write_text("{")
    with pytest.raises(DataError, match="looks like a data set saved by datasets, but cannot be read"):
        open_files(str(tmp_path / "words"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(GansmithError, match=r"needs datasets.*pip install 'gansmith\[hub\]'"):
        open_files("hub:mnist")


def test_empty_rows_are_left_to_the_reader(tmp_path: Path) -> None:
    kinds = datasets.Features({"image": datasets.Image()})
    holes = datasets.Dataset.from_dict({"image": [Image.new("L", (8, 8)), None]}, features=kinds)
    holes.save_to_disk(str(tmp_path / "holes"))
    files = open_files(str(tmp_path / "holes"))
    assert files is not None
    with pytest.raises(Unreadable, match="no picture in this row"):
        files.open(1)
