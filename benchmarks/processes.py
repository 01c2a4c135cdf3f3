"""Two processes of one thread each against one process of two threads: the same weights, and as fast.

Weights: the newest checkpoints after 100 steps of the same recipe and seed in float32, all tensors of both players. Two
sums in another order are not the same to the bit, and Adam without momentum, which `auto` takes, divides a gradient by
its own size: what is rounding in the gradient becomes a whole step in the weight. So the bar, 1e-5 for the largest
absolute difference of all, is held with plain gradient descent at the same rate (`optimizer.name=sgd`). Adam's is told
beside it without a bar, as are the largest difference over each tensor's largest value, which biases near 0 decide, and
what one process of one thread differs by: what rounding alone does.

Throughput: samples a second of whole trainings of `auto` with the networks and the rate of trainings of minutes (so few
samples get narrow ones, at twice the rate), the two sides in turn, each pair the other way round
than the one before. A training's rate is the median of what it logs, about every second, after its first quarter:
start-up, saving and pictures are left out, and nothing is evaluated. The bar: .9 of the one process.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks import call, finish, folder, gansmith, measure, note, place
from benchmarks._training import newest_state, tensors_of
from benchmarks.data_wait import make_jpegs

STEPS, BATCH = 100, 32
OPTIMIZERS = ("sgd", "adam")
USUAL = ("architecture.name=dcgan", "architecture.width=24", "architecture.discriminator_width=32")
USUAL += ("architecture.max_width=256", "optimizer.lr.start=2e-3", "optimizer.lr.end=1e-4")


def run(
    small: bool = False, *, data: str = "", processes: int = 2, samples: int = 30_000, pairs: int = 5
) -> dict[str, Any]:
    """`pairs` pairs of trainings of `samples`, then what `auto` chose for them, STEPS steps long; MNIST by default."""
    samples, pairs, steps, batch = (48, 1, 3, 8) if small else (samples, pairs, STEPS, BATCH)
    sides = {"one": (1, processes), "several": (processes, 1)}  # processes, threads of each
    with folder() as here:
        path = str(here / "made") if small else place(data, "../shared/data/mnist", "mnist")
        size = ("--resolution", 8) if small else ()
        if small:
            call(make_jpegs, path, 16)
        rates: dict[str, list[float]] = {name: [] for name in sides}
        for k in range(pairs):
            note(f"  pair {k + 1} of {pairs}")
            for name in sorted(sides, reverse=bool(k % 2)):
                to = here / f"{name}{k}"
                whole = ("--samples", samples, "--batch", batch, *size)
                finish(_command(path, to, *sides[name], *whole, settings=USUAL))
                rates[name].append(_rate(to, samples / 4))
        note(f"  {steps} steps of each")
        length = ("--recipe", here / "one0" / "recipe.toml", "--samples", steps * batch)
        compared, others = [], {} if small else {"alone": (1, 1)}
        for optimizer in OPTIMIZERS[: 1 if small else 2]:
            compared += _compared(path, here, {**sides, **others}, optimizer, length)
    shares = [s / one for s, one in zip(rates["several"], rates["one"], strict=True)]
    return {
        "measures": [
            *compared,
            measure("several's share of one's throughput", shares, at_least=0.9),
            measure("one: throughput", rates["one"], "samples/s"),
            measure("several: throughput", rates["several"], "samples/s"),
        ],
        "text": [f"one: 1 process, {processes} threads; several: {processes} processes, 1 thread each; alone: 1 and 1"],
        "settings": {"data": data or Path(path).name, "samples": samples, "steps": steps, "batch": batch, "seed": 0},
    }


def differences(one: str, other: str) -> dict[str, float]:
    """Between two runs' newest checkpoints, the largest over all tensors: "absolute", and "relative" to the largest
    value of the tensor in either."""
    sides = [dict(tensors_of(newest_state(Path(run))["game"])) for run in (one, other)]
    if sides[0].keys() != sides[1].keys():
        raise RuntimeError(f"{one} and {other} hold different tensors")
    found = {"absolute": 0.0, "relative": 0.0}
    for a, b in ((a, sides[1][name]) for name, a in sides[0].items()):
        off = float((a - b).abs().max())
        most = max(float(a.abs().max()), float(b.abs().max()), 1e-30)
        found = {"absolute": max(found["absolute"], off), "relative": max(found["relative"], off / most)}
    return found


def _compared(
    path: str, here: Path, sides: dict[str, tuple[int, int]], optimizer: str, length: tuple[object, ...]
) -> list[dict[str, Any]]:
    """How far the others end from "one"."""
    measures = []
    for name, side in sides.items():
        to = here / f"{optimizer}-{name}"
        finish(_command(path, to, *side, *length, settings=(f"optimizer.name={optimizer}",)))
    for name in [other for other in sides if other != "one"]:
        found = call(differences, str(here / f"{optimizer}-one"), str(here / f"{optimizer}-{name}"))
        bar = 1e-5 if (optimizer, name) == ("sgd", "several") else None
        measures += [
            measure(f"{name} against one, {optimizer}: largest difference", [found["absolute"]], below=bar),
            measure(f"{name} against one, {optimizer}: over its tensor's largest value", [found["relative"]]),
        ]
    return measures


def _command(
    path: str, to: Path, processes: int, threads: int, *length: object, settings: tuple[str, ...] = ()
) -> list[str]:
    always = ["train.precision=float32", f"train.threads={threads}", "evaluate.times=0"]
    words = ["train", path, "--run", to, "--processes", processes, "--tune", "off", *length]
    return gansmith(*words, "--set", *always, *settings)


def _rate(run: Path, since: float) -> float:
    """Samples a second in the rows after `since` samples."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    told = [row for row in rows if "rate/samples_per_second" in row]  # others are looks at the training's health
    return statistics.median(row["rate/samples_per_second"] for row in told if row["samples_seen"] > since)
