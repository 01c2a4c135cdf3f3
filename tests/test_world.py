"""Several processes, really started: one's weights, one message for a mistake, and an end when one is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gansmith.cli.app import main
from gansmith.world import Word, World
from several import together

SMALL = ["digits", "--recipe", "dcgan", "--batch", "32", "--set"]
SMALL += ["loss.name=non_saturating", "architecture.width=4", "train.precision=float32"]
SMALL += [f"evaluate.{key}" for key in ("times=1", "samples=64", "final_samples=64", "features=random")]


def start(folder: Path, *words: str, processes: int = 1) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gansmith", "train", *SMALL, *words, "--run", str(folder)]
    several = ["--processes", str(processes)] if processes > 1 else []
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*command, *several], stderr=subprocess.PIPE, text=True, env=environment)


def train(folder: Path, *words: str, processes: int = 1, code: int = 0) -> str:
    process = start(folder, *words, processes=processes)
    told = process.communicate(timeout=240)[1]
    assert process.returncode == code, told
    return told


def train_here(folder: Path, *words: str) -> None:
    """One process, this one, which has imported torch already."""
    assert main(["train", *SMALL, *words, "--run", str(folder)]) == 0


def difference(a: Path, b: Path) -> float:
    found, wanted = (load_file(folder / "generator.safetensors") for folder in (a, b))
    return max(float((found[name].float() - wanted[name].float()).abs().max()) for name in wanted)


def children_of(process: subprocess.Popen[str]) -> list[int]:
    """The processes that it started, by rank."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii")
    return sorted(int(number) for number in listed.split())


def wait_for(condition: object, process: subprocess.Popen[str]) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def trains(folder: Path) -> bool:
    """Whether a step has been logged."""
    rows = folder / "metrics.jsonl"
    return rows.exists() and rows.stat().st_size > 0


@pytest.mark.parametrize("words", [(), ("architecture.norm=none", "train.execution=listed")], ids=" ".join)
def test_two_processes_make_the_weights_of_one(tmp_path: Path, words: Sequence[str]) -> None:
    """Batch normalisation included; and a run may go on with another number of processes."""
    train_here(tmp_path / "one", *words, "--samples", "320")
    train(tmp_path / "two", *words, "--samples", "320", processes=2)
    assert difference(tmp_path / "two", tmp_path / "one") < 1e-5
    runs = [json.loads((tmp_path / name / "run.json").read_text()) for name in ("one", "two")]
    assert [run["processes"] for run in runs] == [1, 2]
    assert [run["samples_seen"] for run in runs] == [320, 320]
    train_here(tmp_path / "one", *words, "--samples", "640")
    train_here(tmp_path / "two", *words, "--samples", "640")
    assert difference(tmp_path / "two", tmp_path / "one") < 1e-5


DOUBLE = """
import sys, torch
from gansmith.contracts import Batch, Clock, Schedule, Spec
from gansmith.games.duel import Duel
from gansmith.games.listed import listed
from gansmith.games.player import Optimizer, Player
from gansmith.losses.relativistic import Relativistic
from gansmith.networks.dcgan import DCGAN
from gansmith.penalties.r1 import R1
from gansmith.penalties.r2 import R2
from gansmith.world import join

torch.set_default_dtype(torch.float64)
with join() as world:
    torch.manual_seed(0)
    networks = DCGAN(width=8, latent=8, norm="none", upsample="nearest").build(Spec((1, 16, 16)))
    players = (Player(network, Optimizer("adam", Schedule(2e-3, 1e-4))) for network in networks)
    game = Duel(*players, Relativistic(), [R1(Schedule(1.0)), R2(Schedule(1.0))], world=world)
    game.listed = listed(game, sys.argv[2])
    for k in range(100):
        real = torch.randn(16, 1, 16, 16, generator=torch.Generator().manual_seed(k)) / 2
        game.step(Batch(real[world.part(16)], None), Clock(16 * k, k / 100, k))
    if world.leads:
        torch.save([n.state_dict() for n in networks], sys.argv[1])
"""


@pytest.mark.parametrize("execution", ["eager", "listed"])
def test_a_hundred_steps_of_adam_are_the_same_but_for_rounding(tmp_path: Path, execution: str) -> None:
    """In float64: Adam makes whole steps of what rounding leaves of a gradient near 0, which takes float32 apart."""
    for count in (1, 2):
        together(DOUBLE, count, str(tmp_path / f"{count}.pt"), execution)
    one, two = (torch.load(tmp_path / f"{count}.pt") for count in (1, 2))
    apart = [float((a[name] - b[name]).abs().max()) for a, b in zip(one, two, strict=True) for name in a]
    assert max(apart) < 1e-9


@pytest.mark.parametrize(
    ("words", "message"),
    [(("--set", "loss.name=hingo"), "hinge"), (("--set", "train.batch=33"), "cannot be shared out among 2 processes")],
)
def test_a_mistake_is_told_once(tmp_path: Path, words: Sequence[str], message: str) -> None:
    told = train(tmp_path / "run", *words, processes=2, code=2)
    assert told.count("gansmith: ") == 1
    assert message in told
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("word", "code"), [("--version", 0), ("nonsense", 2)])
def test_one_of_several_is_not_taken_apart_at_its_end(word: str, code: int) -> None:
    """What runs when the interpreter ends could abort it: threads of a group that others have left."""
    program = "import atexit, os, sys, gansmith.__main__ as m\natexit.register(lambda: os._exit(9))\nsys.exit(m.run())"
    environment = {**os.environ, "WORLD_SIZE": "2", "RANK": "1"}
    done = subprocess.run([sys.executable, "-c", program, word], capture_output=True, check=False, env=environment)
    assert done.returncode == code
    alone = subprocess.run([sys.executable, "-c", program, word], capture_output=True, check=False)
    assert alone.returncode == 9


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes where Linux lists them")
@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_process_ends_all_and_the_run_goes_on(tmp_path: Path, lost: int) -> None:
    run = tmp_path / "run"
    process = start(run, "--samples", "1m", processes=2)
    wait_for(lambda: trains(run), process)
    children = children_of(process)
    began = time.monotonic()
    os.kill(children[lost], signal.SIGKILL)
    told = process.communicate(timeout=60)[1]
    assert process.returncode not in (0, 130)
    assert time.monotonic() - began < 15
    assert f"process {lost} was killed (signal 9)" in told
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    seen = int(sorted((run / "checkpoints").iterdir())[-1].name[:12])
    assert "Continuing at" in train(run, "--samples", str(seen + 64))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes where Linux lists them")
def test_processes_save_and_stop_when_their_launcher_is_killed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = start(run, "--samples", "1m", processes=2)
    wait_for(lambda: trains(run), process)
    children = children_of(process)
    process.kill()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert json.loads((run / "run.json").read_text())["state"] == "stopped"


def test_torchrun_starts_it_as_the_documentation_says(tmp_path: Path) -> None:
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--", "gansmith", "train"]
    command = [sys.executable, *words, *SMALL, "--samples", "64", "--run", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (run["state"], run["processes"], run["samples_seen"]) == ("finished", 2, 64)


def test_a_word_keeps_every_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[torch.Tensor] = []
    monkeypatch.setattr(
        torch.distributed, "broadcast", lambda x, _: sent.append(x) if not x.eq(0).all() else x.copy_(sent[0])
    )
    World(0, 2).tell(Word.DRAW, 5000.0, 2**64 - 1)
    assert World(1, 2).hear() == (Word.DRAW, 5000.0, 2**64 - 1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_sigterm_saves_and_stops_all(tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = start(run, "--samples", "1m", processes=2)
    wait_for(lambda: trains(run), process)
    process.send_signal(signal.SIGTERM)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert told.count("Stopped and saved") == 1
    assert json.loads((run / "run.json").read_text())["state"] == "stopped"
