"""What a running training is asked through its folder: it hears, does it, and its weights stay what they would be."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gansmith.cli.app import main
from gansmith.folder import control_file
from gansmith.folder.control_file import NAME, WISHES, ask, take

pytest.importorskip("sklearn")
WORDS = [
    "train",
    "digits",
    "--recipe",
    "dcgan",
    "--tune",
    "off",
    "--set",
    "architecture.width=4",
    "train.precision=float32",
]
WORDS += ["evaluate.times=0", "evaluate.final_samples=20", "evaluate.features=random"]


@pytest.mark.parametrize("wish", WISHES)
def test_a_wish_is_heard_once(wish: control_file.Wish, tmp_path: Path) -> None:
    ask(tmp_path, "pause")
    ask(tmp_path, wish)
    assert take(tmp_path) == wish
    assert take(tmp_path) is None
    assert not list(tmp_path.iterdir())


NONSENSE = [b"", b"pause", b'{"do": "explode"}', b'["stop"]', b'{"do": {}}', b"\xff", b"[" * 9999]


@pytest.mark.parametrize("content", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_taken_away(content: bytes, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert take(tmp_path) is None
    assert not list(tmp_path.iterdir())


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_paused_looked_at_gone_on_and_stopped(tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "gansmith", *WORDS, "--samples", "1m", "--run", str(run)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def state() -> str:
        return str(json.loads((run / "run.json").read_text(encoding="utf-8"))["state"])

    def seen() -> list[int]:
        return [json.loads(line)["samples_seen"] for line in (run / "metrics.jsonl").read_text().splitlines()]

    try:
        wait_for((run / "metrics.jsonl").exists, process)
        ask(run, "pause")
        wait_for(lambda: state() == "paused", process)
        rows = seen()
        ask(run, "snapshot")
        wait_for(lambda: any((run / "generators").glob("*.safetensors")), process)
        time.sleep(1.5)  # rows are a second apart
        assert seen() == rows
        ask(run, "continue")
        wait_for(lambda: state() == "running" and len(seen()) > len(rows) + 1, process)
        ask(run, "stop")
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Stopped and saved" in told
    assert state() == "stopped"
    assert not (run / NAME).exists()
    (kept,) = (run / "generators").iterdir()
    assert (run / "samples" / f"{kept.stem}.png").is_file()
    assert main(["sample", str(kept), "--out", str(tmp_path / "then.png")]) == 0

    ask(run, "stop")  # of a training that is not there: the next one does not obey it
    asked = ["--samples", kept.stem, "--run", str(tmp_path / "whole")]
    assert main([*WORDS, *asked]) == 0
    whole, then = load_file(tmp_path / "whole" / "generator.safetensors"), load_file(kept)
    assert all(torch.equal(whole[name], then[name]) for name in whole)
    assert main([*WORDS, "--samples", str(seen()[-1] + 64), "--run", str(run)]) == 0
    assert state() == "finished"
