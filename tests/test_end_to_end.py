"""From the command line to the scores, as a user goes: digits, some seconds, a distance that noise cannot reach."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansmith.cli.app import main

BAR = 8.0  # Frechet distance to the training digits, in units of train-vs-test; after 64 samples it was 36.9


def process(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command as a user starts it."""
    command = [sys.executable, "-m", "gansmith", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=250, check=False)


def gansmith(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The same within this process, which has imported torch already."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            code = main(arguments)
        except SystemExit as asked:
            code = asked.code if isinstance(asked.code, int) else 1
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), errors.getvalue())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sklearn")
    folder = tmp_path_factory.mktemp("user")
    done = process("train", "digits", "--run", "run", "--samples", "12k", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_training_digits_beats_the_stated_distance(trained: Path) -> None:
    run = json.loads((trained / "run" / "run.json").read_text(encoding="utf-8"))
    assert run["scores"]["values"]["frechet_ratio"] < BAR
    assert run["scores"]["values"]["coverage"] > 0.4
    assert run["best"]["frechet"] > 0


def test_the_same_command_again_has_nothing_to_do(trained: Path) -> None:
    before = (trained / "run" / "generator.safetensors").read_bytes()
    done = gansmith("train", "digits", "--run", "run", "--samples", "12k", cwd=trained)
    assert done.returncode == 0, done.stderr
    assert "is complete" in done.stderr
    assert (trained / "run" / "generator.safetensors").read_bytes() == before


@pytest.mark.parametrize("out", ["grid.png", "grid.webp", "samples.npz", "pictures"])
def test_sampling_in_every_form(trained: Path, out: str) -> None:
    done = gansmith("sample", "run", "--count", "9", "--out", out, "--class", "7", "--truncation", "0.8", cwd=trained)
    assert done.returncode == 0, done.stderr
    path = trained / out
    if out == "pictures":
        assert len(list(path.iterdir())) == 9
    elif out == "samples.npz":
        arrays = np.load(path)
        assert arrays["samples"].shape == (9, 8, 8, 1)
        assert arrays["samples"].dtype == np.uint8
        assert arrays["labels"].tolist() == [7] * 9
    else:
        assert Image.open(path).width > 3 * 32


def test_handing_on(trained: Path) -> None:
    done = gansmith("export", "run", "--to", "safetensors", "--out", "digits.safetensors", cwd=trained)
    assert done.returncode == 0, done.stderr
    done = gansmith("sample", "digits.safetensors", "--out", "alone.png", cwd=trained)
    assert done.returncode == 0, done.stderr
    for out, words in (("digits.safetensors", "is there already"), ("digits.pt", "ends in .safetensors")):
        done = gansmith("export", "run", "--to", "safetensors", "--out", out, cwd=trained)
        assert done.returncode == 2
        assert words in done.stderr
    pytest.importorskip("onnxruntime")
    done = process("export", "digits.safetensors", "--to", "onnx", "--out", "graphs", cwd=trained)
    assert done.returncode == 0, done.stderr
    assert "from torch's" in done.stdout
    assert done.stderr == ""
    description = json.loads((trained / "graphs" / "gansmith.json").read_text(encoding="utf-8"))
    assert description["given"] == len(description["mean_w"]) == 10
    done = gansmith("sample", "graphs", "--out", "graphs.png", cwd=trained)
    assert done.returncode == 0, done.stderr


def test_sampling_in_bfloat16_makes_the_same_pictures_to_a_few_grey_levels(trained: Path) -> None:
    arrays = []
    for precision in ("float32", "bfloat16"):
        done = gansmith("sample", "run", "--out", "precise.npz", "--precision", precision, cwd=trained)
        assert done.returncode == 0, done.stderr
        arrays.append(np.load(trained / "precise.npz")["samples"].astype(float))
    difference = np.abs(arrays[0] - arrays[1])
    assert 0 < difference.max() < 16


def test_films(trained: Path) -> None:
    for verb in ("timelapse", "interpolate"):
        done = gansmith(verb, "run", "--out", f"{verb}.webp", cwd=trained)
        assert done.returncode == 0, done.stderr
        with Image.open(trained / f"{verb}.webp") as film:
            assert film.n_frames > 5  # type: ignore[attr-defined]


def test_evaluate_compare_and_check(trained: Path) -> None:
    done = gansmith("evaluate", "run", "--samples", "500", "--features", "random", "--json", "s.json", cwd=trained)
    assert done.returncode == 0, done.stderr
    scores = json.loads((trained / "s.json").read_text(encoding="utf-8"))
    assert scores["protocol"]["extractor"] == "random"
    assert scores["protocol"]["hash"]
    done = gansmith("compare", "run", "run", cwd=trained)
    assert done.returncode == 0, done.stderr
    assert "frechet" in done.stdout
    done = gansmith("check", "digits", "--json", "c.json", cwd=trained)
    assert done.returncode == 0, done.stderr
    assert "1,438" in done.stdout


def test_the_report_is_whole(trained: Path) -> None:
    text = (trained / "run" / "report.html").read_text(encoding="utf-8")
    assert "<svg" in text
    assert "data:image" in text
    assert "<script" not in text
    assert "frechet" in text.lower()
