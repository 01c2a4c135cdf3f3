"""Every benchmark's small mode runs through its command and gives its numbers. Nothing is timed here."""

from __future__ import annotations

import importlib
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from gansmith.folder import checkpoints

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "benchmarks"
NAMES = sorted(p.stem for p in FOLDER.glob("*.py") if not p.name.startswith("_"))
ENDED_SAME = ("soak", "resume")  # their bars are not about time or memory, and hold in small too


def benchmark(*arguments: str, program: tuple[str, ...] = ("-m", "benchmarks")) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *program, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a module of that folder, which is not installed."""
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.chdir(ROOT)
    return lambda name="": importlib.import_module(f"benchmarks{name}")


def kept(name: str) -> bytes | None:
    """The result that is on record."""
    file = FOLDER / "results" / f"{name}.json"
    return file.read_bytes() if file.exists() else None


def test_there_are_benchmarks() -> None:
    assert {"startup", "first_step", "index_memory", "steady_memory", "data_wait", "soak", "resume"} <= set(NAMES)
    assert {"processes", "tuning"} <= set(NAMES)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "soak"])
def test_small_runs_and_gives_its_keys(
    name: str, tmp_path: Path, benchmarks: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process; what is measured runs in processes of its own."""
    if name in ("first_step", "steady_memory", "resume"):
        pytest.importorskip("sklearn")  # they train on `digits`
    if name == "steady_memory" and sys.platform != "linux":
        pytest.skip("only Linux tells a process' resident memory")
    if name == "explorer":
        for package in ("playwright", "onnxruntime", "onnxscript"):
            pytest.importorskip(package)
        if not (shutil.which("chromium") and (ROOT / "src/gansmith/export/page/page.js").is_file()):
            pytest.skip("no Chromium here, or the page's parts are not built: make web")
    before = kept(name)
    code = benchmarks(".__main__").main([name, "--small", "--json", str(tmp_path / "result.json")])
    told = capsys.readouterr()
    assert code == 0, told.err
    assert kept(name) == before, "a small result is no measurement"
    check(tmp_path / "result.json", name, told.out)


def test_the_soak_script_runs_by_its_path(tmp_path: Path) -> None:
    before = kept("soak")
    arguments = ("--seed", "3", "--small", "--json", str(tmp_path / "result.json"))
    done = benchmark(*arguments, program=(str(FOLDER / "soak.py"),))
    assert done.returncode == 0, done.stdout + done.stderr
    assert kept("soak") == before
    assert check(tmp_path / "result.json", "soak", done.stdout)["settings"]["seed"] == 3


def check(file: Path, name: str, told: str) -> dict[str, Any]:
    (record,) = json.loads(file.read_text(encoding="utf-8"))
    assert record["benchmark"] == name
    assert record["small"] is True
    assert record["command"].startswith(f"python -m benchmarks {name}")
    assert {"what", "date", "versions", "machine", "seconds", "settings"} <= record.keys()
    assert record["versions"].keys() == {"python", "torch", "gansmith"}
    assert record["machine"]["cores"] >= 1
    assert record["measures"]
    for m in record["measures"]:
        assert m["name"] in told
        assert m["min"] <= m["median"] <= m["max"]
        assert all(math.isfinite(v) for v in m["runs"])
        assert m["runs"]
    if name in ENDED_SAME:
        assert record["text"][-1] == "equal to the bit: yes"
        assert all(m["met"] for m in record["measures"] if "met" in m)
    else:
        assert any("bar" in m for m in record["measures"])
    return dict(record)


def test_bars_hold_in_either_direction(benchmarks: Any) -> None:
    measure = benchmarks().measure
    assert measure("m", [1.0, 3.0, 2.0], below=2.1)["met"]
    assert not measure("m", [2.0], below=2)["met"]
    assert measure("m", [0.9], at_least=0.9)["met"]
    assert not measure("m", [0.95, 0.8, 0.7], at_least=0.9)["met"]
    assert "met" not in measure("m", [1.0])


def test_checkpoints_differ_by_their_worst_tensor(tmp_path: Path, benchmarks: Any) -> None:
    differences = benchmarks(".processes").differences

    def saved(name: str, weight: list[float], bias: float) -> str:
        network = {"weight": torch.tensor(weight), "bias": torch.tensor([bias])}
        checkpoints.save(tmp_path / name, {"game": {"generator": {"network": network}}}, 0)
        return str(tmp_path / name)

    one = saved("one", [4.0, -2.0], 0.0)
    assert differences(one, saved("two", [4.0, -2.01], 0.0)) == {
        "absolute": pytest.approx(0.01, rel=1e-4),
        "relative": pytest.approx(0.0025, rel=1e-4),
    }
    assert differences(one, saved("three", [4.0, -2.0], 1e-9)) == {"absolute": pytest.approx(1e-9), "relative": 1.0}
    assert differences(one, one) == {"absolute": 0.0, "relative": 0.0}


def test_what_trying_gets_back_is_told_also_where_it_is_nothing(benchmarks: Any) -> None:
    tuning = benchmarks(".tuning")

    def found(*steps: float) -> Any:
        return tuning.Found(6.0, 15.0, 8.0, ["precision bfloat16"] if steps else [], list(steps))

    def told(*steps: float) -> str:
        return str(tuning._told(found(*steps)))

    assert "paid back after 30 s" in told(0.08, 0.1)
    assert "never paid back" in told(0.11, 0.1)
    assert "nothing is paid back, the cost alone is judged" in told()
    assert not [m for m in tuning._measures("case", [found()]) if "minute" in m["name"]]
    (minute,) = [m for m in tuning._measures("case", [found(0.08, 0.1), found()]) if "minute" in m["name"]]
    assert (minute["median"], minute["met"]) == (pytest.approx(54.0), True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("statup",), "Did you mean 'startup'"), (("startup", "--kills", "3"), "--kills is no option of startup")],
)
def test_wrong_words_are_refused(arguments: tuple[str, ...], words: str) -> None:
    done = benchmark(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
