"""The share of a training's time that it waits for data, at 64 px with the default recipe. The bar: 2 %; packed, 0.

In the first epoch every picture is read and decoded while the networks compute on the same cores; afterwards small
data sets lie in memory. What is packed (`gansmith pack`) is not decoded at all. Beside it, how fast the loader is when
nothing else runs, with as many decoding processes as the rule has and with a given number of them.
"""

from __future__ import annotations

import json
import random
import time
import zipfile
from pathlib import Path
from typing import Any

from benchmarks import ROOT, call, finish, folder, gansmith, measure, note, place

DATA = "../shared/data/clothing-128/clothing_128.zip"
BATCH = 32


def run(
    small: bool = False, *, data: str = "", seconds: float = 60.0, runs: int = 3, workers: int = 2
) -> dict[str, Any]:
    """`runs` trainings of `seconds` each on `data` (a zip or a folder; by default clothing-128, else JPEGs made here),
    on a zip's pictures as single files, and on them packed; the loader alone also with `workers` processes."""
    length = ("--samples", 64) if small else ("--minutes", seconds / 60)
    runs = 1 if small else runs
    with folder() as here:
        made = small or not (data or (ROOT / DATA).exists())
        path = str(here / "made") if made else place(data, DATA)
        if made:
            call(make_jpegs, path, 64 if small else 4000)
        measures = []
        for form, where in _forms(path, here).items():
            trained = [_trained(where, here / f"{form}-{k}", length) for k in range(runs)]
            measures += _of_trainings(form, trained, below=0.1 if form == "packed" else 2)
        for told, count in (("loader alone", None), (f"loader alone, {workers} processes", workers)):
            rates = [call(throughput, path, 0.3 if small else 15.0, count) for _ in range(runs)]
            measures.append(measure(f"{told}, first epoch", [r["decoding"] for r in rates], "images/s"))
            measures.append(measure(f"{told}, later", [r["later"] for r in rates], "images/s"))
    return {
        "measures": measures,
        "settings": {"data": "made JPEGs, 128x128" if made else data or DATA, "seconds": seconds, "seed": 0},
    }


def _forms(path: str, here: Path) -> dict[str, str]:
    """The same pictures as a zip, where `path` is one, as single files, and packed at 64x64."""
    forms = {"folder": path}
    if Path(path).is_file():
        forms = {"zip": path, "folder": str(here / "folder")}
        with zipfile.ZipFile(path) as archive:
            archive.extractall(here / "folder")
    packed = here / "packed.safetensors"
    finish(gansmith("pack", path, packed, "--resolution", 64))
    return {**forms, "packed": str(packed)}


def _trained(path: str, run: Path, length: tuple[str, float]) -> dict[str, float]:
    note(f"  training {run.name}")
    finish(gansmith("train", path, "--resolution", 64, *length, "--set", "evaluate.times=0", "--run", run))
    return _waiting(run)


def _of_trainings(form: str, trained: list[dict[str, float]], below: float) -> list[dict[str, Any]]:
    return [
        measure(f"{form}: waiting for data", [100 * t["all"] for t in trained], "%", below=below),
        measure(f"{form}: the same in the first epoch", [100 * t["first_epoch"] for t in trained], "%"),
        measure(f"{form}: training", [t["rate"] for t in trained], "images/s"),
    ]


def throughput(path: str, seconds: float, workers: int | None) -> dict[str, float]:
    """Images per second of the loader at 64x64, where `workers` processes decode: up to the end of the first epoch, or
    `seconds`; then as long again."""
    from gansmith.data.images import Images
    from gansmith.data.loader import Loader

    source = Images(path, resolution=(64, 64), workers=workers)
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
