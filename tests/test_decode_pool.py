"""Decoding processes: pixels, replacements and errors as by threads, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gansmith
from gansmith.contracts import Batch
from gansmith.data import dataset as dataset_module
from gansmith.data import decode_pool
from gansmith.data.dataset import ImageDataset
from gansmith.data.decode_pool import DecodePool, usual_processes
from gansmith.data.images import Images
from gansmith.data.loader import Loader
from gansmith.errors import DataError, RecipeError
from gansmith.folder import checkpoints

COUNT = 40
DAMAGED = ("a/004.jpg", "a/006.jpg", "b/039.png")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="processes are told to end in another way")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 pictures of several sizes and kinds in two class folders, three of them cut off."""
    root, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for k in range(COUNT):
        side, there = 24 + k % 7, root / "ab"[k * 2 // COUNT]
        there.mkdir(exist_ok=True)
        pixels = rng.integers(0, 256, (6, 6, 4 if k % 5 == 0 else 3), np.uint8)
        picture = Image.fromarray(pixels).resize((side + k % 3, side))
        picture.save(there / f"{k:03d}.png") if k % 5 == 0 or k == 39 else picture.save(there / f"{k:03d}.jpg")
    for name in DAMAGED:
        (root / name).write_bytes((root / name).read_bytes()[:150])
    return root


def archived(root: Path, kind: str, folder: Path) -> str:
    """`root` as it is, or its pictures in a zip or a .tar; in the zip one more is damaged."""
    paths = sorted(root.rglob("*.*"))
    if kind == "zip":
        with zipfile.ZipFile(folder / "photos.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in paths:
                archive.write(path, path.relative_to(root).as_posix())
        return str(folder / "photos.zip")
    if kind == "tar":
        with tarfile.open(folder / "photos.tar", "w") as shard:
            for path in paths:
                shard.add(path, path.relative_to(root).as_posix())
        return str(folder / "photos.tar")
    return str(root)


def opened(source: Images, monkeypatch: pytest.MonkeyPatch, keep: bool = True) -> ImageDataset:
    """With next to nothing read at opening, so that it is read while training."""
    monkeypatch.setattr(dataset_module, "PROBED_ALL", 2)
    monkeypatch.setattr(dataset_module, "PROBED", 2)
    monkeypatch.setattr(dataset_module, "CACHE_BYTES", 512 << 20 if keep else 0)
    return replace(source).open()[0]


def batches(data: ImageDataset, count: int, seen: int = 0) -> list[Batch]:
    with Loader(data, 16, seed=3, samples_seen=seen) as loader:
        return [loader.next() for _ in range(count)]


def assert_equal(found: list[Batch], wanted: list[Batch]) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert torch.equal(one.real, other.real)
        assert (one.given is None) == (other.given is None)
        assert one.given is None or torch.equal(one.given, other.given)  # type: ignore[arg-type]


def children(pool: DecodePool | None) -> list[subprocess.Popen[bytes]]:
    assert pool is not None
    return [process._child for process in pool._end.peek()[2][0]]  # type: ignore[attr-defined]


def gone(pid: int) -> bool:
    """Whether the process has ended, also where nobody has asked for its exit code yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return subprocess.run(["ps", "-p", str(pid)], capture_output=True, check=False).returncode != 0


def wait_until_gone(pids: list[int], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not all(map(gone, pids)):
        assert time.monotonic() < end, f"still there: {[pid for pid in pids if not gone(pid)]}"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("kind", "keep", "options"),
    [
        ("folder", True, {"channels": 3, "classes": True, "mirror": True}),
        ("zip", False, {"channels": 1, "classes": False, "clusters": 4, "fit": "pad"}),
        ("tar", True, {"channels": 4, "classes": False, "clusters": 3, "clusters_of": "channel", "mirror": True}),
    ],
)
def test_processes_give_what_threads_give(
    kind: str, keep: bool, options: dict[str, object], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Images(archived(photos, kind, tmp_path), (16, 12), **options)  # type: ignore[arg-type]
    threads = opened(replace(source, workers=0), monkeypatch, keep)
    processes = opened(replace(source, workers=2), monkeypatch, keep)
    wanted = batches(threads, 8)
    assert_equal(batches(processes, 8), wanted)
    assert processes.unreadable == threads.unreadable
    assert len(threads.unreadable) == len(DAMAGED)
    late = opened(replace(source, workers=2), monkeypatch, keep)
    assert_equal(batches(late, 4, seen=64), wanted[4:])
    assert threads._pool is None
    assert late._pool is not None


def test_processes_do_the_work_and_end_when_all_is_kept(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = opened(Images(str(photos), (16, 16), channels=3, classes=False, workers=2), monkeypatch)
    by_thread: list[int] = []
    decode = data._decode
    monkeypatch.setattr(data, "_decode", lambda i: by_thread.append(i) or decode(i))
    data.fetch(range(20))
    running = children(data._pool)
    assert len(running) == 2
    assert all(child.poll() is None for child in running)
    data.fetch(range(COUNT))
    assert all(child.poll() is not None for child in running)
    names = [data.files.name(i) for i in by_thread]
    assert set(names) <= set(DAMAGED)
    assert data.whole() is not None


@pytest.mark.parametrize("while_decoding", [False, pytest.param(True, marks=POSIX)])
def test_a_lost_process_changes_nothing_but_the_speed(
    while_decoding: bool, photos: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    source = Images(str(photos), (16, 16), channels=3, classes=False)
    wanted = opened(replace(source, workers=0), monkeypatch, keep=False)
    data = opened(replace(source, workers=2), monkeypatch, keep=False)
    data.fetch(range(8))
    running = children(data._pool)
    if while_decoding:
        running[0].send_signal(signal.SIGSTOP)
        threading.Timer(0.5, running[0].kill).start()
    else:
        running[0].kill()
        running[0].wait()
    for _ in range(2):
        assert torch.equal(data.fetch(range(COUNT)).real, wanted.fetch(range(COUNT)).real)
    said = capfd.readouterr().err
    assert said.count("decoded by threads from now on") == 1
    assert f"exit code {running[0].returncode}" in said
    assert all(child.poll() is not None for child in running)


@pytest.mark.parametrize("interpreter", ["", "/nowhere/python"])
def test_threads_do_it_where_no_process_can_be_started(
    interpreter: str, photos: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    source = Images(str(photos), (16, 16), channels=3, classes=False)
    wanted = opened(replace(source, workers=0), monkeypatch)
    data = opened(replace(source, workers=2), monkeypatch)
    monkeypatch.setattr(sys, "executable", interpreter)
    assert_equal(batches(data, 4), batches(wanted, 4))
    said = capfd.readouterr().err
    assert said.count("threads from now on") == 1
    assert "cannot be started" in said


def test_pictures_that_vanish_are_an_error_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for k in range(6):
        Image.new("RGB", (9, 9), (k, 0, 99)).save(tmp_path / f"{k}.png")
    data = opened(Images(str(tmp_path), (8, 8), channels=3, classes=False, workers=1), monkeypatch, keep=False)
    for path in tmp_path.iterdir():
        path.unlink()
    with Loader(data, 4, seed=0) as loader, pytest.raises(DataError, match="still there"):
        loader.next()


SCRIPT = """
import json, sys, time
from gansmith.data import dataset
from gansmith.data.images import Images
dataset.PROBED_ALL = dataset.PROBED = 2
data, _ = Images(sys.argv[1], (16, 16), channels=3, classes=False, workers=2).open()
data.fetch(range(20))
print(json.dumps([p._child.pid for p in data._pool._end.peek()[2][0]]), flush=True)
if sys.argv[2] == "wait":
    time.sleep(60)
"""


@POSIX
@pytest.mark.parametrize("end", ["killed", "itself"])
def test_nothing_is_left_of_a_script_without_a_guard(end: str, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "script.py"), str(photos), "wait" if end == "killed" else ""]
    script = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert script.stdout is not None
    pids = json.loads(script.stdout.readline())
    assert len(pids) == 2
    if end == "killed":
        assert not any(map(gone, pids))
        script.kill()
    _, errors = script.communicate(timeout=60)
    wait_until_gone(pids)
    assert errors == ""
    assert script.returncode == (-signal.SIGKILL if end == "killed" else 0)


TRAINING = """
import sys, torch
torch.set_num_threads(1)
import gansmith
from gansmith.data import dataset
dataset.PROBED_ALL = dataset.PROBED = 2
dataset.CACHE_BYTES = 0
gansmith.train(sys.argv[1], run=sys.argv[2], samples=10_000_000, batch=8, resolution=8, classes=False, tune="off",
               recipe="dcgan", settings=sys.argv[3:])
"""
MLP = ("architecture.name=mlp", "architecture.generator_widths=[16]", "architecture.discriminator_widths=[16]")
QUIET = ("evaluate.times=0", "train.precision=float32", "data.clusters=0")


@POSIX
def test_control_c_stops_a_training_without_a_word_of_its_processes(photos: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", TRAINING, str(photos), str(tmp_path / "run"), *MLP, *QUIET, "data.workers=2"]
    training = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    log = tmp_path / "run" / "metrics.jsonl"
    end = time.monotonic() + 60
    while not (log.exists() and log.stat().st_size):
        assert training.poll() is None, training.stderr
        assert time.monotonic() < end
        time.sleep(0.05)
    os.killpg(training.pid, signal.SIGINT)  # as a terminal does
    _, errors = training.communicate(timeout=60)
    assert "Stopped and saved" in errors
    assert "Traceback" not in errors
    assert "threads from now on" not in errors


def test_a_run_may_go_on_with_other_workers(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_module, "PROBED_ALL", 2)
    monkeypatch.setattr(dataset_module, "PROBED", 2)
    common = {"recipe": "dcgan", "batch": 8, "resolution": 8, "classes": False, "tune": "off"}
    settings = (*MLP, *QUIET, "optimizer.lr=1e-3")

    def train(run: str, samples: int, workers: int) -> dict[str, torch.Tensor]:
        own = (*settings, f"data.workers={workers}")
        gansmith.train(photos, run=tmp_path / run, samples=samples, settings=own, **common)  # type: ignore[arg-type]
        found = checkpoints.load_latest(tmp_path / run, print)
        assert found is not None
        return dict(found[0]["game"]["generator"]["network"])

    wanted = train("whole", 160, 0)
    train("parts", 80, 2)
    parts = train("parts", 160, 1)
    assert wanted.keys() == parts.keys()
    assert all(torch.equal(wanted[name], parts[name]) for name in wanted)
    assert len((tmp_path / "parts" / "unreadable.txt").read_text(encoding="utf-8").splitlines()) == len(DAMAGED)
    with pytest.raises(RecipeError, match="workers must be 0"):
        gansmith.train(photos, run=tmp_path / "x", samples=8, settings=("data.workers=-1",))


def test_processes_by_rule(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, trainings, wanted in ((1, 1, 0), (2, 1, 0), (4, 1, 3), (64, 1, 8), (16, 4, 3), (8, 4, 0)):
        monkeypatch.setattr(decode_pool, "cores", lambda cores=cores: cores)
        monkeypatch.setenv("WORLD_SIZE", str(trainings))
        assert usual_processes() == wanted
    monkeypatch.setattr(decode_pool, "cores", lambda: 64)
    monkeypatch.delenv("WORLD_SIZE")
    source = Images(str(photos), (16, 16), channels=3, classes=False)
    assert opened(source, monkeypatch)._pool is None  # done in a second by threads
    monkeypatch.setattr(dataset_module, "WORTH_SECONDS", 0.0)
    pool = opened(source, monkeypatch)._pool
    assert pool is not None
    assert pool._count == 8
    assert pool._threads is None  # nothing starts before it is needed
    np.save(tmp_path / "x.npy", np.zeros((9, 16, 16, 3), np.uint8))
    assert opened(Images(str(tmp_path / "x.npy"), (8, 8), workers=2), monkeypatch)._pool is None


def test_the_processes_import_no_torch() -> None:
    code = "import sys, gansmith.data.decode_process; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
