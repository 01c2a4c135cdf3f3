"""Shards: tar files by index, their classes and splits, and what is wrong with them."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansmith.data.decode import Unreadable
from gansmith.data.images import Images
from gansmith.data.locate import made_absolute, open_files
from gansmith.data.shards import shards_named
from gansmith.errors import DataError


def png(value: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (value, 0, 0)).save(file, "png")
    return file.getvalue()


def tar(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def webdataset(path: Path, first: int, count: int = 4, classes: bool = True) -> Path:
    """Samples `first`, `first` + 1, ...: red of that strength, of class 10 or 20."""
    members = {}
    for k in range(first, first + count):
        members[f"{k:04d}.png"] = png(k)
        members[f"{k:04d}.json"] = b"{}"
        if classes:
            members[f"{k:04d}.cls"] = b"10\n" if k % 2 else b"20"
    return tar(path, members)


def reds(path: str, split: str = "train") -> list[int]:
    files = open_files(path, split)
    assert files is not None
    return [int(np.asarray(files.open(i))[0, 0, 0]) for i in range(len(files))]


def test_a_folder_of_shards_has_its_pictures_in_order_and_classes_by_number(tmp_path: Path) -> None:
    for k in (2, 0, 1):
        webdataset(tmp_path / f"set-{k:04d}.tar", 4 * k)
    files = open_files(str(tmp_path))
    assert files is not None
    assert reds(str(tmp_path)) == list(range(12))
    assert files.label_names == ("10", "20")
    assert files.labels is not None
    assert files.labels.tolist() == [1, 0] * 6
    assert files.name(5) == "set-0001.tar/0005.png"
    assert files.ignored == 12
    assert files.header(5).size == (16, 16)
    assert reds(str(tmp_path / "set-0001.tar")) == [4, 5, 6, 7]
    assert open_files(str(tmp_path), "test") is None
    dataset, _ = Images(str(tmp_path), resolution=(16, 16), classes=True).open()
    batch = dataset.fetch([11, 0])
    assert ((batch.real[:, 0, 0, 0] + 1) * 127.5).round().tolist() == [11, 0]
    assert batch.given is not None
    assert batch.given.tolist() == [0, 1]


def test_shards_of_a_split_go_by_their_names(tmp_path: Path) -> None:
    webdataset(tmp_path / "photos-train-0.tar", 0)
    webdataset(tmp_path / "photos-train-1.tar", 10)
    webdataset(tmp_path / "photos-val-0.tar", 20)
    assert reds(str(tmp_path)) == [0, 1, 2, 3, 10, 11, 12, 13]
    assert reds(str(tmp_path), "test") == [20, 21, 22, 23]


def test_patterns_name_shards(tmp_path: Path) -> None:
    for k in range(8, 12):
        webdataset(tmp_path / f"a-{k:03d}.tar", k, count=1)
    assert reds(f"{tmp_path}/a-{{009..011}}.tar") == [9, 10, 11]
    assert reds(f"{tmp_path}/a-00?.tar") == [8, 9]
    assert reds(f"{tmp_path}/*.tar") == [8, 9, 10, 11]
    assert open_files(f"{tmp_path}/*.tar", "test") is None
    names = shards_named(f"{tmp_path}/a-{{0..0}}{{08..09}}.tar")
    assert [path.name for path in names] == ["a-008.tar", "a-009.tar"]
    with pytest.raises(DataError, match=r"no shard '.*a-012\.tar'"):
        open_files(f"{tmp_path}/a-{{011..012}}.tar")
    with pytest.raises(DataError, match=r"no shard '.*b-\*\.tar'"):
        open_files(f"{tmp_path}/b-*.tar")
    with pytest.raises(DataError, match="more than a million"):
        open_files(f"{tmp_path}/a-{{0..9999999}}.tar")


def test_a_place_is_made_absolute_wherever_it_leads_to_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    webdataset(tmp_path / "a-0.tar", 0)
    (tmp_path / "set.zip").write_bytes(b"PK")
    for place in ("a-0.tar", "a-{0..0}.tar", "a-*.tar", "set.zip/train/cat"):
        assert made_absolute(place) == str(tmp_path / place)
    for name in ("mnist", "hub:owner/name", "ring", "nowhere/photos"):
        assert made_absolute(name) == name


def test_folders_in_a_shard_are_classes_where_no_cls_says_otherwise(tmp_path: Path) -> None:
    path = tar(tmp_path / "set.tar", {"./cat/1.png": png(1), "./dog/1.png": png(2), ".DS_Store": b"", "._1.png": b""})
    files = open_files(str(path))
    assert files is not None
    assert files.label_names == ("cat", "dog")
    assert len(files) == 2
    plain = webdataset(tmp_path / "plain.tar", 0, classes=False)
    files = open_files(str(plain))
    assert files is not None
    assert files.labels is None


def test_links_and_pipes_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "set.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (("a.png", tarfile.SYMTYPE), ("b.png", tarfile.LNKTYPE), ("c.png", tarfile.FIFOTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        member = tarfile.TarInfo("d.png")
        member.size = len(png(4))
        archive.addfile(member, io.BytesIO(png(4)))
    assert reds(str(path)) == [4]


def test_broken_shards_are_named(tmp_path: Path) -> None:
    whole = webdataset(tmp_path / "whole" / "a.tar", 0)
    data = whole.read_bytes()
    cut = tmp_path / "cut.tar"
    cut.write_bytes(data[: 512 + 100])
    with pytest.raises(DataError, match=r"cut\.tar' is not a \.tar that can be read"):
        open_files(str(cut))
    packed = tmp_path / "packed.tar"
    packed.write_bytes(gzip.compress(data))
    with pytest.raises(DataError, match=r"compressed.*gunzip"):
        open_files(str(packed))
    with pytest.raises(DataError, match="No pictures in"):
        open_files(str(tar(tmp_path / "empty.tar", {"a.txt": b"hello"})))
    with pytest.raises(DataError, match=r"0001\.cls' should hold the number of a class, such as 7, but holds b'cat'"):
        open_files(str(tar(tmp_path / "words.tar", {"0001.png": png(1), "0001.cls": b"cat"})))
    with pytest.raises(DataError, match=r"1 of 2 pictures .* have no \.cls"):
        open_files(str(tar(tmp_path / "half.tar", {"1.png": png(1), "1.cls": b"3", "2.png": png(2)})))
    files = open_files(str(whole))
    assert files is not None
    whole.write_bytes(data[:600])  # while the training runs
    with pytest.raises(Unreadable, match="cut off"):
        files.open(3)
    whole.unlink()
    with pytest.raises(Unreadable, match="not readable in its shard"):
        files.open(3)


def test_the_fingerprint_is_the_contents(tmp_path: Path) -> None:
    prints = []
    for place, first in (("a", 0), ("b", 0), ("c", 50)):
        files = open_files(str(webdataset(tmp_path / place / "set.tar", first)))
        assert files is not None
        prints.append(files.fingerprint)
    assert prints[0] == prints[1] != prints[2]
