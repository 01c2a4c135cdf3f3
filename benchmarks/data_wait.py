"""The share of a training's time that it waits for data, at 64 px with the default recipe. The bar: 2 %.

In the first epoch every picture is read and decoded while the networks compute on the same cores; afterwards small data
sets lie in memory. Beside it, how fast the loader is when nothing else runs.
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

from benchmarks import ROOT, call, finish, folder, gansmith, measure, note, place

DATA = "../shared/data/clothing-128/clothing_128.zip"
BATCH = 32


def run(small: bool = False, *, data: str = "", seconds: float = 60.0, runs: int = 3) -> dict[str, Any]:
    """`runs` trainings of `seconds` on a folder or zip `data`; by default clothing-128, else JPEGs made here."""
    seconds, runs = (2.0, 1) if small else (seconds, runs)
    with folder() as here:
        made = small or not (data or (ROOT / DATA).exists())
        path = str(here / "made") if made else place(data, DATA)
        if made:
            call(make_jpegs, path, 64 if small else 4000)
        trained = []
        for k in range(runs):
            note(f"  training {k + 1} of {runs}")
            command = ["train", path, "--resolution", 64, "--minutes", seconds / 60, "--set", "evaluate.times=0"]
            finish(gansmith(*command, "--run", here / f"run{k}"))
            trained.append(_waiting(here / f"run{k}"))
        loaded = [call(throughput, path, 0.3 if small else 15.0) for _ in range(runs)]
    return {
        "measures": [
            measure("waiting for data", [100 * t["all"] for t in trained], "%", below=2),
            measure("the same in the first epoch", [100 * t["first_epoch"] for t in trained], "%"),
            measure("training", [t["rate"] for t in trained], "images/s"),
            measure("loader alone, first epoch", [r["decoding"] for r in loaded], "images/s"),
            measure("loader alone, later", [r["later"] for r in loaded], "images/s"),
        ],
        "settings": {"data": "made JPEGs, 128x128" if made else data or DATA, "seconds": seconds, "seed": 0},
    }


def throughput(path: str, seconds: float) -> dict[str, float]:
    """Images per second of the loader at 64x64: up to the end of the first epoch, or `seconds`; then as long again."""
    from gansmith.data.images import Images
    from gansmith.data.loader import Loader

    source = Images(path, resolution=(64, 64))
    dataset, _ = source.resolve(source.survey()).open()
    rates = []
    for first, most in ((0, len(dataset)), (len(dataset), 20 * len(dataset))):
        with Loader(dataset, BATCH, seed=0, samples_seen=first) as loader:
            begin, count = time.perf_counter(), 0
            while count < most and time.perf_counter() - begin < seconds:
                count += len(loader.next().real)
            rates.append(count / (time.perf_counter() - begin))
    return {"decoding": rates[0], "later": rates[1]}


def make_jpegs(path: str, count: int) -> None:
    """`count` JPEGs of 128x128, as full of detail as photos are, in two class folders."""
    from PIL import Image

    rng = random.Random(0)
    for k in range(count):
        name = Path(path) / "ab"[k % 2] / f"{k:05}.jpg"
        name.parent.mkdir(parents=True, exist_ok=True)
        Image.frombytes("RGB", (32, 32), rng.randbytes(32 * 32 * 3)).resize((128, 128)).save(name, quality=90)


def _waiting(run: Path) -> dict[str, float]:
    """The share of time in [0, 1] spent waiting for data, in all and in the first epoch, and the rate."""
    told = json.loads((run / "run.json").read_text(encoding="utf-8"))
    waited, since, before = 0.0, 0.0, 0.0
    for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if before and row["samples_seen"] > told["data"]["count"]:
            break
        waited += row.get("rate/data_wait_share", 0.0) * (row["seconds"] - since)
        since, before = row["seconds"], row["samples_seen"]
    rate = told["samples_seen"] / told["seconds"]
    return {"all": told["data_wait_share"], "first_epoch": waited / max(since, 1e-9), "rate": rate}
