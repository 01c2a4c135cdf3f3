"""Kill -9 in mid-training, the same command again: the final weights equal an uninterrupted run's to the bit.

Handwritten digits of MNIST, a narrow `dcgan`, the command line as users type it. The kill falls some seconds after a
checkpoint, so that trained samples are lost and have to be trained again.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from benchmarks import ROOT, calling, finish, folder, gansmith, last_words, measure, note, place
from benchmarks._training import compared, save_often


def run(small: bool = False, *, data: str = "", samples: int = 500_000, width: int = 16) -> dict[str, Any]:
    """`samples` must last longer than the half minute after which a training is first saved."""
    samples, seed = 800 if small else samples, 0
    path = "digits" if small else place(data, "../shared/data/mnist", "mnist")
    settings = [f"architecture.width={width}", "evaluate.times=4", "evaluate.features=random"]
    settings += ["evaluate.samples=200", "evaluate.final_samples=200", f"train.batch={16 if small else 128}"]
    words = ["train", path, "--recipe", "dcgan", "--samples", samples, "--seed", seed, "--set", *settings]
    with folder() as here, (here / "errors.txt").open("w+", encoding="utf-8", errors="replace") as errors:
        note("  an uninterrupted training")
        finish(_command([*words, "--run", here / "whole"], small))
        note("  one that is killed")
        delay = random.Random(seed).uniform(0, 0.1) if small else random.Random(seed).uniform(2, 8)
        process = subprocess.Popen(_command([*words, "--run", here / "run"], small), cwd=ROOT, stderr=errors)
        killed_at = _kill_after_a_checkpoint(process, here / "run", delay, errors)
        note("  the same command again")
        finish(_command([*words, "--run", here / "run"], small))
        result = compared(here / "whole", here / "run")
        seen = json.loads((here / "run" / "run.json").read_text(encoding="utf-8"))["samples_seen"]
    measures = [measure("went on from", [killed_at], f"of {seen} samples"), *result["measures"]]
    shown = f"gansmith {' '.join(map(str, words))}".replace(path, data or Path(path).name)
    return {**result, "measures": measures, "settings": {"train": f"{shown} --run DIR", "seed": seed}}


def main_saving_often(*words: str) -> None:
    """The command line, with a checkpoint every few steps."""
    from gansmith.cli.app import main

    save_often(5)
    sys.exit(main(words))


def _command(words: list[Any], small: bool) -> list[str]:
    return calling(main_saving_often, *map(str, words)) if small else gansmith(*words)


def _kill_after_a_checkpoint(process: subprocess.Popen[bytes], run: Path, delay: float, errors: IO[str]) -> int:
    """Kill `process` `delay` seconds after its first checkpoint with training in it; the samples seen of the newest."""
    while process.poll() is None and not _saved(run):
        time.sleep(0.01)
    time.sleep(delay)
    ended = process.poll()
    process.kill()
    process.wait()
    if ended is not None:
        raise RuntimeError(f"it ended with {ended} before it was killed: raise --samples. {last_words(errors)}")
    return _saved(run)


def _saved(run: Path) -> int:
    return max((int(p.name.partition("-")[0]) for p in (run / "checkpoints").glob("*-*.safetensors")), default=0)
