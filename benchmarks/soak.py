"""Kill -9 at random moments, again and again: the folder stays whole, and the end is an undisturbed training's.

`python benchmarks/soak.py --kills 200`. After every kill the newest checkpoint must load, the generator too, and
nothing trained may be lost that was saved before. A checkpoint is written so often that a large part of the kills falls
in the writing. At the end all state equals an uninterrupted training's to the bit.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

if __name__ == "__main__":  # as a script: then this folder is on the path, not the one above
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks import ROOT, call, calling, folder, last_words, measure, note
from benchmarks._training import after_first_step, compared, newest_state, save_often

ALONE = True  # 200 starts of a process take a quarter of an hour
SAMPLES_A_KILL = 2_000
STEPS_A_SAVE = 40  # of 1 or 2 ms each; a save takes some 20 ms


def run(small: bool = False, *, kills: int = 200, seed: int = 0) -> dict[str, Any]:
    """A perceptron on 48 pictures of 8x8, a checkpoint every STEPS_A_SAVE steps, `kills` kills."""
    kills = 1 if small else kills
    samples, rng = SAMPLES_A_KILL * max(kills, 2), random.Random(seed)
    with folder() as here, (here / "errors.txt").open("w+", encoding="utf-8", errors="replace") as errors:
        data = str(here / "data.npz")
        call(make_data, data)
        note(f"  an uninterrupted training of {samples:,} samples")
        call(train, data, str(here / "whole"), samples)
        told = json.loads((here / "whole" / "run.json").read_text(encoding="utf-8"))
        longest = told["seconds"] * min(1.2 / kills, 0.4)  # all lives together stay far below the whole
        delays, saved, writing = [], 0, set[Path]()
        for k in range(kills):
            delays.append(rng.uniform(0, longest))
            _live_and_die(calling(train, data, str(here / "run"), samples), delays[-1], errors)
            saved = _check(here / "run", saved)
            writing |= set((here / "run").rglob(".*.tmp"))  # each name is used once
            if (k + 1) % 10 == 0 or k + 1 == kills:
                note(f"  {k + 1} of {kills} kills, {saved:,} of {samples:,} samples saved")
        call(train, data, str(here / "run"), samples)
        result = compared(here / "whole", here / "run")
    measures = [
        measure("kills", [kills]),
        measure("in the middle of writing a file", [len(writing)], "kills"),
        measure("killed after its first step", delays, "s"),
        *result["measures"],
    ]
    return {**result, "measures": measures, "settings": {"kills": kills, "samples": samples, "seed": seed}}


def train(data: str, run: str, samples: int) -> None:
    """Train in this process, one thread, a word after the first step."""
    import torch

    import gansmith

    torch.set_num_threads(1)
    save_often(STEPS_A_SAVE)
    after_first_step(lambda: print("stepped", flush=True))
    widths = ("architecture.generator_widths=[16]", "architecture.discriminator_widths=[16]")
    settings = ("architecture.name=mlp", *widths, "evaluate.times=0", "train.precision=float32")
    gansmith.train(data, run=run, samples=samples, batch=8, settings=settings)


def make_data(path: str) -> None:
    """48 pictures in two classes."""
    import numpy as np

    pixels = np.random.default_rng(0).integers(0, 255, (48, 8, 8), np.uint8)
    np.savez(path, samples=pixels, labels=np.arange(48) % 2)


def _live_and_die(command: list[str], delay: float, errors: IO[str]) -> None:
    """Start a training, wait for its first step, kill it `delay` seconds later."""
    errors.truncate(0)
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    with process.stdout as output:
        stepped = output.readline()
        time.sleep(delay)
        ended = process.poll()
        process.kill()
        process.wait()
    if not stepped or ended is not None:
        raise RuntimeError(f"the training ended by itself with {ended}: {last_words(errors)}")


def _check(run: Path, saved: int) -> int:
    """The samples seen of the newest checkpoint, which must be whole and not behind `saved`."""
    import gansmith

    state = newest_state(run)
    if state["samples_seen"] < saved:
        raise RuntimeError(f"{saved} samples were saved before, now there are {state['samples_seen']}")
    gansmith.load(run).sample(1)
    return int(state["samples_seen"])


if __name__ == "__main__":
    from benchmarks.__main__ import main

    sys.exit(main(["soak", *sys.argv[1:]]))
