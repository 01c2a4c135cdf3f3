"""Built-in data sets: where they are found, and what the download does when mirrors misbehave. Loopback only."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gansmith.cache import cache_folder
from gansmith.data import builtin
from gansmith.data.builtin import BUILT_IN, CIFAR_BIN, CIFAR_PY, IDX_NAMES, built_in_name, locate
from gansmith.data.download import RemoteFile, fetch, md5_of, unpack
from gansmith.errors import DataError

BODY = bytes(range(256)) * 5000  # several chunks


class Mirror(ThreadingHTTPServer):
    """Serves `pages`: path -> (status, body, claimed length); notes what was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.pages: dict[str, tuple[int, bytes, int]] = {}
        self.asked: list[str] = []

    def put(self, name: str, body: bytes, status: int = 200, length: int | None = None) -> str:
        self.pages[f"/{name}"] = (status, body, len(body) if length is None else length)
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Page(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status, body, length = self.server.pages.get(self.path, (404, b"", 0))
        self.send_response(status)
        if length >= 0:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Mirror()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def md5(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()


def remote(*urls: str, body: bytes = BODY, **other: Any) -> RemoteFile:
    return RemoteFile("file.bin", urls, md5(body), **{"max_bytes": 1 << 24, **other})


def empty_of_leftovers(folder: Path) -> bool:
    return not any(p.suffix == ".tmp" for p in folder.rglob("*"))


def test_fetch_streams_reports_and_asks_once(mirror: Mirror, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    file = remote(mirror.put("a", BODY))
    path = fetch(file, tmp_path, lambda *told: seen.append(told))
    assert path.read_bytes() == BODY
    assert seen[-1] == ("file.bin", len(BODY), len(BODY))
    assert len(seen) > 1
    assert fetch(file, tmp_path) == path
    assert mirror.asked == ["/a"]
    assert empty_of_leftovers(tmp_path)


def test_fetch_takes_the_second_mirror(mirror: Mirror, tmp_path: Path) -> None:
    bad = [mirror.put("gone", b"", 404), mirror.put("wrong", BODY[::-1]), mirror.put("cut", BODY[:-9], 200, len(BODY))]
    assert fetch(remote(*bad, mirror.put("good", BODY)), tmp_path).read_bytes() == BODY
    assert mirror.asked == ["/gone", "/wrong", "/cut", "/good"]
    assert empty_of_leftovers(tmp_path)


@pytest.mark.parametrize(
    ("body", "status", "length", "said"),
    [
        (b"", 404, None, "404"),
        (b"", 503, None, "503"),
        (BODY[::-1], 200, None, "wrong contents"),
        (BODY[:700], 200, len(BODY), "cut off after 700 of|broke off"),
        (BODY[:700], 200, -1, "wrong contents"),  # a server that gives no length
        (BODY, 200, 1 << 40, "too large"),
        (BODY * 4, 200, -1, "too large"),
    ],
)
def test_fetch_says_why(
    mirror: Mirror, tmp_path: Path, body: bytes, status: int, length: int | None, said: str
) -> None:
    url = mirror.put("x", body, status, length)
    with pytest.raises(DataError, match=said) as caught:
        fetch(remote(url, max_bytes=2 * len(BODY)), tmp_path)
    assert url in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_fetch_accepts_contents_compressed_anew(mirror: Mirror, tmp_path: Path) -> None:
    again = gzip.compress(BODY, 1)
    url = mirror.put("z", again)
    with pytest.raises(DataError, match="wrong contents"):
        fetch(remote(url), tmp_path)
    with pytest.raises(DataError, match="wrong contents"):  # not gzip at all
        fetch(remote(mirror.put("y", BODY[::-1]), content_md5=md5(BODY)), tmp_path)
    assert fetch(remote(url, content_md5=md5(BODY)), tmp_path).read_bytes() == again


def test_fetch_into_what_is_no_folder(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DataError, match="GANSMITH_CACHE"):
        fetch(remote(mirror.put("a", BODY)), tmp_path / "taken")


def tar_of(members: dict[str, bytes], link: str | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
        if link:
            info = tarfile.TarInfo(link)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(info)
    return out.getvalue()


def test_unpack_writes_only_what_was_asked_for(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(tar_of({"../evil": b"no", "/abs": b"no", "d/x": b"yes", "d/other": b"no"}, link="d/l"))
    unpack(archive, ["d/x"], tmp_path / "in" / "out")
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["a.tar.gz", "x"]
    with pytest.raises(DataError, match="lacks d/l"):  # a link is no file
        unpack(archive, ["d/l"], tmp_path / "in" / "out")
    archive.write_bytes(archive.read_bytes()[:60])
    with pytest.raises(DataError, match="damaged"):
        unpack(archive, ["d/x"], tmp_path / "in" / "out")


@pytest.mark.parametrize(
    ("given", "name"),
    [("mnist", "mnist"), ("Fashion_MNIST", "fashion-mnist"), ("KMNIST", "kmnist"), ("CIFAR-10", "cifar10")],
)
def test_names_are_forgiven(given: str, name: str) -> None:
    assert built_in_name(given) == name


@pytest.mark.parametrize("given", ["digits", "photos", "", "mnist2", "-"])
def test_other_names_are_none(given: str) -> None:
    assert locate(given) is None


def put_idx(folder: Path, ending: str = ".gz") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in IDX_NAMES:
        (folder / f"{name}{ending}").write_bytes(b"x")
    return folder


@pytest.mark.parametrize("ending", [".gz", ""])
@pytest.mark.parametrize("place", [".", "mnist", "MNIST", "MNIST/raw"])
def test_found_under_the_data_root(tmp_path: Path, place: str, ending: str) -> None:
    folder = put_idx(tmp_path / place, ending)
    assert locate("mnist", tmp_path) == folder
    assert locate("mnist", str(tmp_path)) == folder


@pytest.mark.parametrize("place", [".", "cifar10", "cifar-10-batches-py", "cifar_10/cifar-10-batches-bin"])
@pytest.mark.parametrize("names", [CIFAR_BIN, CIFAR_PY])
def test_cifar_batches_are_found(tmp_path: Path, place: str, names: tuple[str, ...]) -> None:
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")
    assert locate("cifar10", tmp_path) == folder


def test_cifar_zip_and_class_folders_are_found(tmp_path: Path) -> None:
    (tmp_path / "cifar10").mkdir()
    with zipfile.ZipFile(tmp_path / "cifar10" / "whatever.zip", "w") as archive:
        archive.writestr("train/airplane/0.png", b"")
    assert locate("cifar10", tmp_path) == tmp_path / "cifar10" / "whatever.zip"
    for split in ("train", "test"):
        (tmp_path / "cifar10" / split / "airplane").mkdir(parents=True)
    assert locate("cifar10", tmp_path) == tmp_path / "cifar10"


def test_order_is_root_then_environment_then_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = put_idx(cache_folder() / "data" / "mnist")
    assert locate("mnist") == cached
    beside = put_idx(tmp_path / "env" / "mnist")
    monkeypatch.setenv("GANSMITH_DATA", str(tmp_path / "env"))
    assert locate("mnist") == beside
    given = put_idx(tmp_path / "root" / "mnist")
    assert locate("mnist", tmp_path / "root") == given
    (tmp_path / "empty").mkdir()
    assert locate("mnist", tmp_path / "empty") == beside


def test_a_root_that_is_no_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="--data-root"):
        locate("mnist", tmp_path / "nothing")
    monkeypatch.setenv("GANSMITH_DATA", str(tmp_path / "nothing"))
    with pytest.raises(DataError, match="GANSMITH_DATA"):
        locate("mnist")


def serve(mirror: Mirror, monkeypatch: pytest.MonkeyPatch, name: str, bodies: list[bytes]) -> None:
    known = BUILT_IN[name]
    files = tuple(
        replace(f, urls=(mirror.put(f.name, body),), md5=md5(body), content_md5=None)
        for f, body in zip(known.files, bodies, strict=True)
    )
    monkeypatch.setitem(BUILT_IN, name, replace(known, files=files))


def test_idx_files_are_downloaded_once(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [gzip.compress(name.encode()) for name in IDX_NAMES]
    serve(mirror, monkeypatch, "kmnist", bodies)
    folder = locate("kmnist")
    assert folder == cache_folder() / "data" / "kmnist"
    assert sorted(p.name for p in folder.iterdir()) == sorted(f"{n}.gz" for n in IDX_NAMES)
    assert locate("KMNIST") == folder
    assert len(mirror.asked) == 4


def test_the_archive_is_downloaded_and_unpacked_once(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    members = dict.fromkeys(BUILT_IN["cifar10"].members, b"batch")
    serve(mirror, monkeypatch, "cifar10", [tar_of(members)])
    folder = locate("cifar10")
    assert folder == cache_folder() / "data" / "cifar10" / "cifar-10-batches-bin"
    assert sorted(p.name for p in folder.iterdir()) == sorted(Path(m).name for m in members)
    assert locate("cifar10") == folder
    assert len(mirror.asked) == 1
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_an_archive_that_lacks_a_batch_leaves_nothing(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(mirror, monkeypatch, "cifar10", [tar_of({"cifar-10-batches-bin/data_batch_1.bin": b"x"})])
    with pytest.raises(DataError, match="test_batch"):
        locate("cifar10")
    assert list((cache_folder() / "data" / "cifar10").iterdir()) == []


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_offline_says_what_was_tried_and_what_to_do(mirror: Mirror, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    mirror.server_close()  # the port is closed now
    closed = [f"http://127.0.0.1:{mirror.server_address[1]}/{i}" for i in range(2)]
    files = tuple(replace(f, urls=tuple(closed)) for f in BUILT_IN[name].files)
    monkeypatch.setitem(BUILT_IN, name, replace(BUILT_IN[name], files=files))
    with pytest.raises(DataError) as caught:
        locate(name)
    said = str(caught.value)
    for word in (*closed, "cannot be reached", "--data-root", "GANSMITH_DATA", f"FOLDER/{name}/"):
        assert word in said
    names = ["cifar-10-binary.tar.gz"] if name == "cifar10" else [f"{n}.gz" for n in IDX_NAMES]
    assert all(n in said for n in names)


def test_checksums_and_mirrors_are_well_formed() -> None:
    for known in BUILT_IN.values():
        for file in known.files:
            assert len(bytes.fromhex(file.md5)) == 16
            assert len(file.urls) >= 2
            assert all(url.endswith("/" + file.name) for url in file.urls)
    sums = [f.md5 for known in BUILT_IN.values() for f in known.files]
    assert len(set(sums)) == len(sums)


def test_real_mnist_is_told_from_its_namesakes(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locate("mnist", shared_data) == shared_data / "mnist"
    assert locate("mnist", shared_data / "mnist") == shared_data / "mnist"
    assert locate("cifar10", shared_data) == shared_data / "cifar10" / "cifar10_jpg.zip"
    for file in BUILT_IN["mnist"].files:
        assert md5_of(shared_data / "mnist" / file.name, unzip=True) == file.content_md5
    monkeypatch.setattr(builtin, "_download", lambda *_: Path("downloaded"))  # kmnist has the same file names
    assert locate("kmnist", shared_data / "mnist") == Path("downloaded")
