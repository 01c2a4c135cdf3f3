"""Peak memory of a process that makes a million samples, against one that makes a thousand: samples are streamed.

A small generator of 8x8 digits, trained for a few steps, since what it makes does not matter. The bar: 1.5 times.
"""

from __future__ import annotations

from typing import Any

from benchmarks import call, folder, measure, note, peak_mb

FEW = 1_000


def run(small: bool = False, *, samples: int = 1_000_000, runs: int = 3) -> dict[str, Any]:
    """`samples` and FEW samples as arrays (.npz), each in `runs` processes."""
    samples, runs = (2_000, 1) if small else (samples, runs)
    with folder() as place:
        call(train, str(place / "run"))
        few = [call(write, str(place / "run"), FEW, str(place / "few.npz")) for _ in range(runs)]
        note(f"  making {samples:,} samples, {runs} times")
        many = [call(write, str(place / "run"), samples, str(place / "many.npz")) for _ in range(runs)]
    return {
        "measures": [
            measure(f"{FEW:,} samples", few, "MB"),
            measure(f"{samples:,} samples", many, "MB"),
            measure("ratio", [m / f for m, f in zip(many, few, strict=True)], below=1.5),
        ],
        "settings": {"samples": samples, "picture": "8x8 grey"},
    }


def train(run: str) -> None:
    """A generator, whatever it makes."""
    import gansmith

    few = ["architecture.width=8", "evaluate.samples=20", "evaluate.final_samples=20"]
    gansmith.train("digits", run=run, recipe="dcgan", samples=64, settings=few)


def write(run: str, samples: int, path: str) -> float | None:
    """Peak memory of making `samples` samples into the file `path`."""
    import gansmith

    gansmith.load(run).write(path, samples)
    return peak_mb()
