"""Folders and zips: the order, the classes, the splits, and what is left out."""

from __future__ import annotations

import os
import stat
import struct
import threading
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from gansmith.data.decode import Unreadable
from gansmith.data.files import Files, Names
from gansmith.data.locate import open_files
from gansmith.errors import DataError


def png(value: int, size: tuple[int, int] = (8, 8)) -> bytes:
    stream = BytesIO()
    Image.new("L", size, value).save(stream, "PNG")
    return stream.getvalue()


def write(root: Path, names: dict[str, bytes], form: str) -> str:
    """The same files as a folder or as a zip."""
    if form == "zip":
        with zipfile.ZipFile(root / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in names.items():
                archive.writestr(name, content)
        return str(root / "set.zip")
    for name, content in names.items():
        path = root / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return str(root / "set")


def opened(path: str, split: str = "train") -> Files:
    files = open_files(path, split)
    assert files is not None
    return files


def shown(files: Files) -> list[tuple[str, int, str | None]]:
    """(name, grey value, class) of every picture."""
    labels = [None] * len(files) if files.labels is None else [files.label_names[k] for k in files.labels]
    return [(files.name(i), files.open(i).getpixel((0, 0)), labels[i]) for i in range(len(files))]  # type: ignore[misc]


forms = pytest.mark.parametrize("form", ["folder", "zip"])


@forms
def test_class_folders(form: str, tmp_path: Path) -> None:
    path = write(tmp_path, {"dog/b.png": png(3), "cat/x/c.PNG": png(2), "cat/a.png": png(1)}, form)
    assert shown(opened(path)) == [("cat/a.png", 1, "cat"), ("cat/x/c.PNG", 2, "cat"), ("dog/b.png", 3, "dog")]
    assert open_files(path, "test") is None


@forms
def test_loose_pictures_are_no_classes(form: str, tmp_path: Path) -> None:
    names = {"cat/a.png": png(1), "dog/b.png": png(2), "c.png": png(3)}
    assert opened(write(tmp_path, names, form)).labels is None


@forms
def test_what_is_left_out(form: str, tmp_path: Path) -> None:
    hidden = {
        "__MACOSX/a.png": b"",
        ".a.png": b"",
        "._b.png": b"",
        ".git/c.png": b"",
        "Thumbs.db": b"",
        ".DS_Store": b"",
    }
    path = write(tmp_path, {"a.png": png(1), "b.png": png(2), "notes.txt": b"", "sub/labels.csv": b""} | hidden, form)
    files = opened(path)
    assert [name for name, _, _ in shown(files)] == ["a.png", "b.png"]
    assert files.ignored == 2


@forms
@pytest.mark.parametrize("top", ["", "clothes/", "clothes/v2/"])
@pytest.mark.parametrize("held_out", ["test", "val", "validation", None])
def test_splits(form: str, top: str, held_out: str | None, tmp_path: Path) -> None:
    names = {f"{top}train/hat/1.png": png(1), f"{top}train/shoe/2.png": png(2)}
    if held_out:
        names |= {f"{top}{held_out}/hat/3.png": png(3), f"{top}other/4.png": png(4)}
    path = write(tmp_path, names, form)
    assert shown(opened(path)) == [("hat/1.png", 1, "hat"), ("shoe/2.png", 2, "shoe")]
    if held_out:
        assert shown(opened(path, "test")) == [("hat/3.png", 3, None)]
    else:
        assert open_files(path, "test") is None


@forms
def test_the_test_split_is_preferred_to_the_validation_split(form: str, tmp_path: Path) -> None:
    names = {"train/1.png": png(1), "val/2.png": png(2), "Test/3.png": png(3)}
    assert shown(opened(write(tmp_path, names, form), "test")) == [("3.png", 3, None)]


@forms
def test_a_class_may_be_called_train(form: str, tmp_path: Path) -> None:
    names = {"car/1.png": png(1), "plane/2.png": png(2), "train/3.png": png(3)}
    files = opened(write(tmp_path, names, form))
    assert files.label_names == ("car", "plane", "train")


@forms
def test_a_path_into_the_data(form: str, tmp_path: Path) -> None:
    names = {f"{split}/{kind}/{k}.png": png(k) for split in ("train", "test") for kind in "AB" for k in (1, 2)}
    path = write(tmp_path, names, form)
    assert [name for name, _, _ in shown(opened(f"{path}/train/B"))] == ["1.png", "2.png"]
    assert opened(f"{path}/train").label_names == ("A", "B")
    assert len(opened(f"{path}/train/B", "test")) == 2
    with pytest.raises(DataError, match="train/C"):
        open_files(f"{path}/train/C")


def test_a_path_into_a_zip_with_one_top_folder(tmp_path: Path) -> None:
    path = write(tmp_path, {"top/train/A/1.png": png(1), "top/train/B/2.png": png(2)}, "zip")
    assert shown(opened(f"{path}/train/B")) == [("2.png", 2, None)]
    assert shown(opened(f"{path}/top/train/B")) == [("2.png", 2, None)]


@forms
def test_fingerprints_tell_what_changed_and_not_where_it_lies(form: str, tmp_path: Path) -> None:
    names = {"a.png": png(1), "b.png": png(2)}
    prints = []
    for k, content in enumerate(
        [names, names, names | {"b.png": png(2, (300, 9))}, {"a.png": png(1), "c.png": png(2)}]
    ):
        (tmp_path / str(k)).mkdir()
        prints.append(opened(write(tmp_path / str(k), content, form)).fingerprint)
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_links_that_lead_in_circles(tmp_path: Path) -> None:
    path = write(tmp_path, {"a/1.png": png(1), "b/2.png": png(2)}, "folder")
    try:
        (Path(path) / "a" / "up").symlink_to(path, target_is_directory=True)
        (Path(path) / "self").symlink_to(Path(path) / "self")
        (Path(path) / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    except OSError:
        pytest.skip("no links here")
    files = opened(path)
    assert [files.name(i) for i in range(len(files))] == ["a/1.png", "a/gone.png", "b/2.png"]
    with pytest.raises(Unreadable, match="gone"):
        files.open(1)


@pytest.mark.skipif(os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="permissions differ")
def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    path = write(tmp_path, {"a/1.png": png(1), "b/2.png": png(2)}, "folder")
    (Path(path) / "a").chmod(0)
    try:
        with pytest.raises(DataError, match="cannot be listed"):
            open_files(path)
    finally:
        (Path(path) / "a").chmod(stat.S_IRWXU)


def test_zip_names_that_point_elsewhere_do_no_harm(tmp_path: Path) -> None:
    before = sorted(tmp_path.parent.iterdir())
    names = {"../../evil.png": png(1), "/abs/evil.png": png(2), "a\\b\\evil.png": png(3), "C:/evil.png": png(4)}
    files = opened(write(tmp_path, names, "zip"))
    assert sorted(value for _, value, _ in shown(files)) == [1, 2, 3, 4]
    assert sorted(tmp_path.parent.iterdir()) == before
    assert [p.name for p in tmp_path.iterdir()] == ["set.zip"]


def test_zip_members_that_lie_about_themselves_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, {"a.png": png(1), "b.png": png(2), "c.png": png(3)}, "zip")
    content = bytearray(Path(path).read_bytes())
    entries = [content.index(b"PK\1\2")]
    entries.append(content.index(b"PK\1\2", entries[0] + 4))
    struct.pack_into("<I", content, entries[0] + 24, 2_000_000_000)  # the size that it claims to have unpacked
    struct.pack_into("<I", content, entries[1] + 16, 12345)  # the checksum
    Path(path).write_bytes(content)
    files = opened(path)
    with pytest.raises(Unreadable, match="2,000,000,000 bytes"):
        files.open(0)
    with pytest.raises(Unreadable, match="checksum"):
        files.open(1)
    assert files.open(2).getpixel((0, 0)) == 3


def test_a_truncated_zip_is_refused(tmp_path: Path) -> None:
    path = Path(write(tmp_path, {"a.png": png(1), "b.png": png(2)}, "zip"))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="not a zip that can be read"):
        open_files(str(path))


def test_a_zip_is_read_from_many_threads(tmp_path: Path) -> None:
    files = opened(write(tmp_path, {f"{k:03d}.png": png(k) for k in range(100)}, "zip"))
    wrong: list[int] = []

    def read(offset: int) -> None:
        for k in range(100):
            i = (k * 37 + offset) % 100
            if files.open(i).getpixel((0, 0)) != i:
                wrong.append(i)

    threads = [threading.Thread(target=read, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("photoz", "Did you mean '.*photos'"),
        ("nowhere/at/all", "'.*nowhere' does not exist"),
        ("empty", "No pictures in .*empty'"),
        ("texts", "1 other file in it"),
        ("packed", "There is '.*inner.zip'"),
        ("one.png", "is one picture"),
        ("notes.txt", "is no data set"),
        ("x" * 5000, "cannot be opened|no data set"),
        ("", "No data given"),
    ],
)
def test_what_is_no_data_set(given: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("photos", "empty", "texts", "packed"):
        (tmp_path / name).mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a")
    (tmp_path / "packed" / "inner.zip").write_bytes(b"PK")
    (tmp_path / "one.png").write_bytes(png(1))
    (tmp_path / "notes.txt").write_text("notes")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=message):
        open_files(given)


def test_a_near_built_in_name_is_suggested() -> None:
    with pytest.raises(DataError, match="Did you mean 'digits'"):
        open_files("digit")


def test_a_folder_wins_over_a_built_in_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "a.png").write_bytes(png(9, (20, 20)))
    assert shown(opened("digits")) == [("a.png", 9, None)]


def test_names_keep_any_name() -> None:
    words = ["", "a/b.png", "é/日本.png", "\udcff.png", "x" * 3000]
    assert list(Names(words)) == words
    with pytest.raises(IndexError):
        Names(words)[5]
