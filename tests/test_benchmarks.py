"""Every benchmark's small mode runs through its command and gives its numbers. Nothing is timed here."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "benchmarks"
NAMES = sorted(p.stem for p in FOLDER.glob("*.py") if not p.name.startswith("_"))
ENDED_SAME = ("soak", "resume")  # their bars are not about time or memory, and hold in small too


def benchmark(*arguments: str, program: tuple[str, ...] = ("-m", "benchmarks")) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *program, *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def small(name: str, file: Path, *arguments: str, **more: Any) -> dict[str, Any]:
    if name in ("first_step", "steady_memory", "resume"):
        pytest.importorskip("sklearn")  # they train on `digits`
    kept = FOLDER / "results" / f"{name}.json"
    before = kept.read_bytes() if kept.exists() else None
    done = benchmark(*arguments, "--small", "--json", str(file), **more)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (kept.read_bytes() if kept.exists() else None) == before, "a small result is no measurement"
    (record,) = json.loads(file.read_text(encoding="utf-8"))
    for m in record["measures"]:
        assert m["name"] in done.stdout
    return dict(record)


def test_there_are_benchmarks() -> None:
    assert {"startup", "first_step", "index_memory", "steady_memory", "data_wait", "soak", "resume"} <= set(NAMES)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "soak"])
def test_small_runs_and_gives_its_keys(name: str, tmp_path: Path) -> None:
    if name == "steady_memory" and sys.platform != "linux":
        pytest.skip("only Linux tells a process' resident memory")
    if name == "explorer":
        for package in ("playwright", "onnxruntime", "onnxscript"):
            pytest.importorskip(package)
        if not (shutil.which("chromium") and (ROOT / "src/gansmith/export/page/page.js").is_file()):
            pytest.skip("no Chromium here, or the page's parts are not built: make web")
    check(small(name, tmp_path / "result.json", name), name)


def test_the_soak_script_runs_by_its_path(tmp_path: Path) -> None:
    program = (str(FOLDER / "soak.py"),)
    record = small("soak", tmp_path / "result.json", "--seed", "3", program=program)
    check(record, "soak")
    assert record["settings"]["seed"] == 3


def check(record: dict[str, Any], name: str) -> None:
    assert record["benchmark"] == name
    assert record["small"] is True
    assert record["command"].startswith(f"python -m benchmarks {name}")
    assert {"what", "date", "versions", "machine", "seconds", "settings"} <= record.keys()
    assert record["versions"].keys() == {"python", "torch", "gansmith"}
    assert record["machine"]["cores"] >= 1
    assert record["measures"]
    for m in record["measures"]:
        assert m["min"] <= m["median"] <= m["max"]
        assert all(math.isfinite(v) for v in m["runs"])
        assert m["runs"]
    if name in ENDED_SAME:
        assert record["text"][-1] == "equal to the bit: yes"
        assert all(m["met"] for m in record["measures"] if "met" in m)
    else:
        assert any("bar" in m for m in record["measures"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("statup",), "Did you mean 'startup'"), (("startup", "--kills", "3"), "--kills is no option of startup")],
)
def test_wrong_words_are_refused(arguments: tuple[str, ...], words: str) -> None:
    done = benchmark(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
