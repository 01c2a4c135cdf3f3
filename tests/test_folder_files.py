"""The other files of a run folder: atomic writes, the lock, run.json, the logs, and TensorBoard's event files."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gansmith.errors import RunFolderError
from gansmith.folder import alerts, atomic, metrics_log, plain_json
from gansmith.folder.alerts import Alert
from gansmith.folder.lock import RunLock
from gansmith.folder.metrics_log import MetricsLog
from gansmith.folder.run_json import read_run, update_run
from gansmith.folder.tfevents import EventsWriter, crc32c

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")
no_root = pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


# --- atomic ---


def test_writes_replace_and_make_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "x.txt"
    atomic.write_text(path, "eins\n二")
    assert path.read_bytes() == "eins\n二".encode()
    atomic.write_bytes(path, (bytes([k]) for k in range(5)))
    assert path.read_bytes() == bytes(range(5))
    atomic.write_json(path, {"a": [1, math.nan, -math.inf], "é": (True, None)})
    assert json.loads(path.read_text()) == {"a": [1, "NaN", "-Infinity"], "é": [True, None]}
    assert names(path.parent) == ["x.txt"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.ENXIO])
@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_failing_disk_keeps_the_old_file(
    code: int, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json"
    atomic.write_text(path, "old")

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(*((os, "fsync", fail) if where == "fsync" else (Path, "replace", fail)))
    with pytest.raises(RunFolderError, match=r"run\.json: .*intact.*same command again"):
        atomic.write_text(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["run.json"]


def test_an_interrupted_writer_leaves_nothing(tmp_path: Path) -> None:
    def chunks() -> Any:
        yield b"half"
        raise KeyboardInterrupt

    atomic.write_text(tmp_path / "x", "old")
    with pytest.raises(KeyboardInterrupt):
        atomic.write_bytes(tmp_path / "x", chunks())
    assert names(tmp_path) == ["x"]
    assert (tmp_path / "x").read_text() == "old"


LIMITED = """
import resource, signal, sys
from pathlib import Path
from gansmith.errors import RunFolderError
from gansmith.folder import atomic
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    atomic.write_bytes(Path(sys.argv[1]), b"x" * 5000)
except RunFolderError as error:
    print(error)
"""


@posix
def test_a_real_size_limit_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    atomic.write_text(path, "old")
    out = subprocess.run([sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=True)
    assert "larger than is allowed" in out.stdout
    assert names(tmp_path) == ["x"]
    assert path.read_text() == "old"


@posix
@no_root
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(0o500)
    try:
        for act in (
            lambda: atomic.write_text(folder / "x", "new"),
            lambda: RunLock(folder).__enter__(),
            lambda: MetricsLog(folder / "m.jsonl").append(0, 0, {}),
            lambda: EventsWriter(folder).scalar("a", 1, 0),
            lambda: update_run(folder, state="running"),
        ):
            with pytest.raises(RunFolderError, match="read-only"):
                act()
    finally:
        folder.chmod(0o700)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    for act in (
        lambda: atomic.write_text(tmp_path / "run" / "x", "new"),
        lambda: RunLock(tmp_path / "run").__enter__(),
        lambda: MetricsLog(tmp_path / "run" / "m.jsonl").append(0, 0, {}),
    ):
        with pytest.raises(RunFolderError, match="run"):
            act()
    assert (tmp_path / "run").read_text() == "a file"


# --- lock ---

HOLDER = """
import sys, time
from pathlib import Path
from gansmith.folder.lock import RunLock
with RunLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_and_a_killed_one_is_not_in_the_way(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunFolderError, match=rf"in use by process {holder.pid} .*since 20"), RunLock(folder):
            pass
        holder.kill()
        holder.wait()
    with RunLock(folder):
        assert json.loads((folder / "run.lock").read_text())["pid"] == os.getpid()


def test_the_same_process_is_refused_too_until_released(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    with lock, pytest.raises(RunFolderError, match="this very process"), RunLock(tmp_path):
        pass
    with lock:
        pass


# --- run.json ---


def test_run_json_is_updated_in_place(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    update_run(folder, state="running", samples_seen=0)
    assert update_run(folder, samples_seen=9)["state"] == "running"
    run = read_run(folder)
    assert (run["state"], run["samples_seen"]) == ("running", 9)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no run.json"),
        ("{", "damaged"),
        ("[" * 99_999, "damaged"),
        ("[]", "another program"),
        ('{"a": 1}', "another program"),
        ('{"format": "gansmith run", "version": 9}', "Upgrade"),
    ],
)
def test_what_is_no_run_folder_is_refused_and_left_alone(content: str | None, words: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(RunFolderError):
            update_run(tmp_path, state="running")
        assert (tmp_path / "run.json").read_text() == content
    with pytest.raises(RunFolderError, match=words):
        read_run(tmp_path)
    with pytest.raises(RunFolderError, match="no run folder"):
        read_run(tmp_path / "absent")


# --- logs ---

counts = st.integers(0, 40)
numbers = st.one_of(st.floats(), st.floats(width=32))
log_rows = st.lists(st.tuples(counts, st.floats(0, 1e6), st.dictionaries(st.sampled_from("abc"), numbers)), max_size=25)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=log_rows, cut=st.integers(0, 60))
def test_a_log_reads_back_with_later_rows_superseding(rows: Any, cut: int, tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.unlink(missing_ok=True)
    log = MetricsLog(path)
    expected: dict[int, dict[str, Any]] = {}
    for seen, seconds, values in rows:
        log.append(seen, seconds, values)
        expected = {s: row for s, row in expected.items() if s <= seen}
        expected.setdefault(seen, {}).update({"samples_seen": seen, "seconds": seconds, **values})
    assert repr([dict(sorted(r.items())) for r in metrics_log.read(path)]) == repr(
        [dict(sorted(expected[s].items())) for s in sorted(expected)]
    )
    for line in path.read_text().splitlines() if rows else []:
        json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    if rows:  # cut off by a kill, then appended to: the new row is whole
        data = path.read_bytes()
        path.write_bytes(data[: max(len(data) - cut, 0)])
        log.append(1000, 1.0, {"a": 1.0})
        assert metrics_log.read(path)[-1] == {"samples_seen": 1000, "seconds": 1.0, "a": 1.0}


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.dictionaries(
                st.sampled_from(["samples_seen", "seconds", "kind", "event", "numbers", "x"]),
                st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([{}])),
            ).map(lambda d: json.dumps(d).encode()),
            st.just(b"[" * 50_000),
            st.just(b'{"samples_seen": 1, "seconds": 1' + b"0" * 5000 + b"}"),
            st.just(b"\0" * 16),
        ),
        max_size=8,
    )
)
def test_broken_logs_never_raise(lines: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join([*lines, b'{"samples_seen": 7, "seconds": 2, "loss/generator": "NaN"}']))
    row = metrics_log.read(path)[-1]
    assert row["samples_seen"] == 7
    assert math.isnan(row["loss/generator"])
    path.rename(tmp_path / alerts.NAME)
    found = alerts.read(tmp_path)
    assert all(isinstance(alert, alerts.Alert) for alert in found)
    assert alerts.summary(found)["raised"] <= len(found)


def test_a_missing_log_is_empty(tmp_path: Path) -> None:
    assert metrics_log.read(tmp_path / "absent") == []
    assert alerts.read(tmp_path / "absent") == []


def test_alerts_are_superseded_like_rows_and_not_repeated(tmp_path: Path) -> None:
    for second, (seen, kind) in enumerate([(10, "collapse"), (30, "nan"), (20, "nan"), (20, "nan"), (20, "overfit")]):
        alerts.append(tmp_path, Alert(seen, kind, "D says 1.0", "lower its rate", seconds=second))
    found = alerts.read(tmp_path)
    assert [(a.samples_seen, a.kind) for a in found] == [(10, "collapse"), (20, "nan"), (20, "overfit")]
    assert found[0] == Alert(10, "collapse", "D says 1.0", "lower its rate", seconds=0.0)
    assert alerts.summary(found) == {"open": ["collapse", "nan", "overfit"], "raised": 3}


def test_an_alarm_is_one_episode_until_it_is_cleared(tmp_path: Path) -> None:
    for seen, event, severity in [(10, "raised", "warn"), (20, "raised", "alarm"), (30, "cleared", "warn")]:
        alerts.append(tmp_path, Alert(seen, "collapse", f"at {seen}", "", event, severity))  # type: ignore[arg-type]
    (episode,) = alerts.episodes(alerts.read(tmp_path))
    assert (episode.first.samples_seen, episode.latest.evidence) == (10, "at 20")
    assert episode.closed is not None
    assert alerts.summary(alerts.read(tmp_path)) == {"open": [], "raised": 1}
    alerts.append(tmp_path, Alert(40, "collapse", "again", ""))
    assert alerts.summary(alerts.read(tmp_path)) == {"open": ["collapse"], "raised": 2}


def test_going_back_undoes_later_alarms_and_is_itself_kept(tmp_path: Path) -> None:
    for seen in (10, 40):
        alerts.append(tmp_path, Alert(seen, "collapse" if seen == 10 else "divergence", "", ""))
    alerts.append(tmp_path, Alert(50, "non-finite", "", "", "recovered", numbers={"back_to": 30.0}))
    alerts.append(tmp_path, Alert(35, "overfitting", "", ""))
    found = alerts.read(tmp_path)
    assert [(a.samples_seen, a.kind) for a in found] == [(10, "collapse"), (50, "non-finite"), (35, "overfitting")]
    assert alerts.summary(found) == {"open": ["collapse", "overfitting"], "raised": 3}


def test_numbers_are_revived_and_nothing_else_is_one() -> None:
    assert [plain_json.number(v) for v in (1, 2.5, "Infinity", "-Infinity")] == [1.0, 2.5, math.inf, -math.inf]
    assert [plain_json.number(v) for v in (None, True, "1", [], {}, 10**400)] == [None] * 6


# --- TensorBoard's event files ---


def test_crc32c_matches_rfc_3720() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(bytes([255] * 32)) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_tensorboard_reads_scalars_and_pictures(tmp_path: Path) -> None:
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    buffer = io.BytesIO()
    Image.new("RGB", (4, 3), (10, 20, 30)).save(buffer, "PNG")
    first = EventsWriter(tmp_path)
    for step, value in enumerate([1.5, -2.0, 1e300, math.nan, math.inf]):
        first.scalar("loss/生成", value, step * 1_000_000_000, wall_time=123.25 + step)
    first.image("samples", buffer.getvalue(), 3, 4, 3, 5)
    first.close()
    reader = module.EventAccumulator(str(tmp_path), size_guidance={"scalars": 0, "images": 0})
    reader.Reload()
    events = reader.Scalars("loss/生成")
    assert [e.step for e in events] == [k * 1_000_000_000 for k in range(5)]
    assert [e.wall_time for e in events] == [123.25 + k for k in range(5)]
    assert [e.value for e in events][:2] == [1.5, -2.0]
    assert events[2].value == pytest.approx(3.4e38)
    assert math.isnan(events[3].value)
    assert events[4].value == math.inf
    (picture,) = reader.Images("samples")
    assert (picture.width, picture.height, picture.step) == (4, 3, 5)
    assert picture.encoded_image_string == buffer.getvalue()


def test_tensorboard_drops_what_a_resumed_session_supersedes(tmp_path: Path) -> None:
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    killed = EventsWriter(tmp_path)
    for step in range(10):
        killed.scalar("loss", 0.0, step)
    killed.close()
    killed.path.write_bytes(killed.path.read_bytes()[:-3])  # the kill cut the last record
    killed.path.rename(tmp_path / "events.out.tfevents.0000000001.host.1.1")
    resumed = EventsWriter(tmp_path)
    for step in range(6, 12):
        resumed.scalar("loss", 1.0, step)
    resumed.close()
    reader = module.EventAccumulator(str(tmp_path), size_guidance={"scalars": 0})
    reader.Reload()
    assert [(e.step, e.value) for e in reader.Scalars("loss")] == [(s, float(s >= 6)) for s in range(12)]
