"""`speed`: how long one training step takes, beside a plain one, and what share of the machine's arithmetic it gets.

Every step is timed in turn with the others of its row, so that a machine that slows down slows all of them: float32 as
most would write it (`_plain.py`), ours in float32 by rule, and ours as tuning finds it on this machine, which is what
trainings of two minutes and more do. Operations are counted
(`games/cost.py`); a plain step may need more of them. The ceilings are those of `_ceiling.py`, on the same threads.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, get_args

import numpy as np
import torch
from PIL import Image

from gansmith.auto import networks
from gansmith.bench._bench import number
from gansmith.bench._benchmark import Answer, Ask, Benchmark
from gansmith.bench._ceiling import ceilings
from gansmith.bench._figure import heat, stacked, words
from gansmith.bench._plain import Plain
from gansmith.bench._profile import busiest, peak_megabytes
from gansmith.bench._table import aligned
from gansmith.bench._throughput import throughput
from gansmith.contracts import Batch, Clock
from gansmith.errors import RecipeError
from gansmith.games.cost import step_cost
from gansmith.games.precision import Precision
from gansmith.heap import keep_freed_memory
from gansmith.machine import here, machine, versions, wait
from gansmith.plan import Tune, Wish, choose_device, plan
from gansmith.run import Run
from gansmith.tune import fastest

SECONDS = 12.0  # for the rounds of a row, after two to warm up
CEILING_SECONDS = 1.0
SHARE, TIMES = 0.7, 2.0  # the bars: of the convolution ceiling, and of the plain step's speed
PLAIN, EXACT, OURS = "plain float32", "float32", "tuned"


@dataclass(frozen=True)
class Case:
    """One row: a recipe at a size."""

    name: str
    recipe: str
    side: int
    settings: tuple[str, ...] = ()
    bar: str = ""  # which one it is held to: "ceiling and plain", or "plain"


DCGAN = Case("recipe dcgan, width 64, batch 64", "dcgan", 32, ("train.batch=64",), "ceiling and plain")


def cases(device: torch.device) -> list[Case]:
    """The recipe `dcgan`, and `auto` with each of its networks; larger pictures where there is a GPU."""
    sides = (32,) if device.type == "cpu" else (32, 64, 256)
    return [DCGAN] + [
        Case(f"auto with {name}, {side} px", "auto", side, (f"architecture.name={name}",), "plain" * (name == "dcgan"))
        for side in sides
        for name in networks.names()
    ]


class Speed(Benchmark):
    """Steps of training, and nothing else of it."""

    summary = "one training step beside a plain one, and the share of the machine's arithmetic that it gets"

    def measure(self, ask: Ask, say: Callable[[str], None]) -> Answer:
        """Raises RecipeError where something is asked that only trainings have."""
        options = {"seeds": ask.seeds, "minutes": ask.minutes, "samples": ask.samples, "data-root": ask.data_root}
        asked = [name for name, value in {**options, "set": ask.settings, "jobs": ask.jobs > 1}.items() if value]
        if asked:
            raise RecipeError(
                f"bench speed times steps and trains nothing, so that there is no --{asked[0]}. Leave it out."
            )
        keep_freed_memory()
        begin, device = time.monotonic(), choose_device("auto")
        peak = {}
        for precision in (p for p in get_args(Precision) if p != "tf32" or device.type == "cuda"):
            peak[precision] = ceilings(device, precision, CEILING_SECONDS)
            say(f"  ceilings in {precision}: {_ceilings(peak[precision])}")
        rows = []
        for case in cases(device):
            rows.append(_row(case, device, peak))
            say(f"  {case.name}: {rows[-1]['milliseconds'][OURS]['median']:.1f} ms")
        table = {
            "bench": self.name,
            "what": self.summary,
            "command": f"gansmith bench {self.name}",
            "date": time.strftime("%Y-%m-%d"),
            "seconds": round(time.monotonic() - begin, 1),
            "machine": machine(),
            "versions": versions(),
            "threads": torch.get_num_threads(),
            "ceilings_gflops": peak,
            "rows": rows,
            "bars": [bar for row in rows for bar in row.pop("bars")],
        }
        return Answer(table, _lines(table), lambda: _figure(table))


def _row(case: Case, device: torch.device, peak: dict[str, dict[str, float]]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="gansmith-") as folder:
        said: list[str] = []
        ours, exact = _run(case, Path(folder), (), said.append), _run(case, Path(folder), ("train.precision=float32",))
        real, given = ours.dataset.fetch(range(ours.recipe.train.batch))
    batch = Batch(real.to(device), None if given is None else given.to(device))
    cost = step_cost(ours.game, batch)
    steps = _steps(ours, exact, batch)
    seconds = _rounds(steps, device)
    times = sorted(p / o for p, o in zip(seconds[PLAIN], seconds[OURS], strict=True))
    gflops = cost.flops / median(seconds[OURS]) / 1e9
    share = gflops / peak[ours.recipe.train.precision]["convolution"]
    return {
        "name": case.name,
        "batch": len(real),
        "precision": ours.recipe.train.precision,
        "tuning": said,
        "gflop_a_step": cost.flops / 1e9,
        "megabytes_a_step": cost.bytes / 1e6,
        "milliseconds": {name: _spread([s * 1e3 for s in found]) for name, found in seconds.items()},
        "samples_a_second": len(real) / median(seconds[OURS]),
        "gflops": gflops,
        "share_of_convolution_ceiling": share,
        "times_plain": _spread(times),
        "rounds": len(times),
        "busiest": busiest(steps[OURS], device),
        "peak_megabytes": peak_megabytes(steps[OURS], device),
        "bars": _bars(case, share, median(times)),
    }


def _steps(ours: Run, exact: Run, batch: Batch) -> dict[str, Callable[[int], object]]:
    """What is timed, by name: the k-th step of each."""
    count, plain = len(batch.real), _plain(exact)
    z = torch.randn(count, ours.game.latent_size, device=batch.real.device)
    return {
        PLAIN: lambda k: plain.step(batch.real, batch.given, z),
        EXACT: lambda k: exact.game.step(batch, Clock(k * count, 0.0, k)),
        OURS: lambda k: ours.game.step(batch, Clock(k * count, 0.0, k)),
    }


def _run(case: Case, folder: Path, settings: tuple[str, ...], say: Callable[[str], None] | None = None) -> Run:
    """A training of noise, ready to start; tuned where `say` is given."""
    data = folder / "data.npz"
    if not data.exists():
        chance = np.random.default_rng(0)
        np.savez(data, samples=chance.integers(0, 256, (128, case.side, case.side, 3), np.uint8))
    tune: Tune = "off" if say is None else "quick"
    wish = Wish(str(data), case.recipe, resolution=case.side, settings=(*case.settings, *settings), tune=tune)
    recipe = plan(wish, None, lambda text: None)
    dataset, codec = recipe.data.open()
    device = choose_device(recipe.train.device)
    if say is not None:
        recipe = fastest(recipe, dataset, codec, device, recipe.train.batch, say)
    return Run(folder, recipe, dataset, None, codec, device)


def _plain(run: Run) -> Plain:
    """The plain step of the same networks, laid out as torch makes them."""
    recipe = run.recipe
    generator, discriminator = recipe.architecture.build(run.spec)
    gammas = {type(p).__name__.lower(): p.weight(0.0) for p in recipe.penalty}
    betas = (float(recipe.generator.betas[0]), float(recipe.generator.betas[1](0.0)))
    return Plain(
        generator.to(run.device),
        discriminator.to(run.device),
        recipe.loss,
        (gammas.get("r1", 0.0), gammas.get("r2", 0.0)),
        optimizer=lambda parameters: torch.optim.Adam(parameters, recipe.generator.lr(0.0), betas),
        decay=0.999,
    )


def _rounds(steps: dict[str, Callable[[int], object]], device: torch.device) -> dict[str, list[float]]:
    """Seconds of each step in each round, all steps in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    begin, k = 0.0, 0
    while k < 5 or time.perf_counter() - begin < SECONDS:
        if k == 2:
            begin = time.perf_counter()
        for name, step in steps.items():
            since = time.perf_counter()
            step(k)
            wait(device)
            if k >= 2:
                seconds[name].append(time.perf_counter() - since)
        k += 1
    return seconds


def _bars(case: Case, share: float, times: float) -> list[dict[str, Any]]:
    if not case.bar:
        return []
    wanted, met = f"at least {TIMES:g} times as fast as the plain step", times >= TIMES
    if case.bar == "ceiling and plain":
        wanted, met = f"{wanted}, and {SHARE:.0%} of the ceiling of convolutions", met and share >= SHARE
    return [{"group": case.name, "wanted": wanted, "reached": f"{times:.2f} times, {share:.0%}", "met": met}]


def _lines(table: dict[str, Any]) -> list[str]:
    head = [
        "",
        "batch",
        "GFLOP",
        "MB",
        *(f"{n}, ms" for n in (PLAIN, EXACT, OURS)),
        "samples/s",
        "GFLOP/s",
        "of ceiling",
        "x plain",
    ]
    rows = [head]
    for row in table["rows"]:
        spread = row["times_plain"]
        rows.append(
            [
                row["name"],
                str(row["batch"]),
                number(row["gflop_a_step"]),
                number(row["megabytes_a_step"]),
                *(number(row["milliseconds"][n]["median"]) for n in (PLAIN, EXACT, OURS)),
                number(row["samples_a_second"]),
                number(row["gflops"]),
                f"{row['share_of_convolution_ceiling']:.0%}",
                f"{spread['median']:.2f} ({spread['lowest']:.2f} to {spread['highest']:.2f})",
            ]
        )
    bars = [["bar", "wanted", "reached", ""]]
    bars += [[b["group"], b["wanted"], b["reached"], "met" if b["met"] else "NOT MET"] for b in table["bars"]]
    return [
        f"{table['bench']}: {table['what']}",
        "",
        *aligned(rows),
        "",
        *(f"ceilings in {name}: {_ceilings(found)}" for name, found in table["ceilings_gflops"].items()),
        "medians, and the ratios' lowest and highest, of all rounds",
        *(f"{row['name']}: {text}" for row in table["rows"] for text in row["tuning"]),
        *(f"{row['name']}: {_told(row)}" for row in table["rows"]),
        "",
        *aligned(bars),
        "",
        f"{here()}; {table['threads']} thread(s); {table['seconds'] / 60:.1f} minutes",
        f"again: {table['command']}",
    ]


def _told(row: dict[str, Any]) -> str:
    shares = ", ".join(f"{name} {share:.0%}" for name, share in row["busiest"].items())
    peak = "" if row["peak_megabytes"] is None else f"; at most {row['peak_megabytes']:,.0f} MB"
    return f"of a step's time: {shares}{peak}"


def _figure(table: dict[str, Any]) -> Image.Image:
    cells = {
        row["name"]: {
            "share of ceiling": (
                row["share_of_convolution_ceiling"],
                f"{row['share_of_convolution_ceiling']:.0%}",
            ),
            "times plain": (row["times_plain"]["median"] / 4, f"{row['times_plain']['median']:.2f}"),
            "samples a second": (None, number(row["samples_a_second"])),
        }
        for row in table["rows"]
    }
    return stacked([words(f"{table['bench']}: {table['what']}", here()), heat("medians", cells), throughput(table)])


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": median(values), "lowest": min(values), "highest": max(values)}


def _ceilings(found: dict[str, float]) -> str:
    return ", ".join(f"{number(value)} GFLOP/s {what}" for what, value in found.items())
