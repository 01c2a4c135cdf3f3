"""Seconds of the metrics that every evaluation computes: Frechet distance, precision, recall, density and coverage.

On normal features, 10,000 generated and 10,000 real of 512 numbers each; what extracted them is not timed.
"""

from __future__ import annotations

from typing import Any

from benchmarks import call, measure


def run(small: bool = False, *, samples: int = 10_000, features: int = 512, runs: int = 3) -> dict[str, Any]:
    """`runs` times in a process of its own."""
    size = (200, 16, 1) if small else (samples, features, runs)
    found = call(seconds, *size)
    both = [a + b for a, b in zip(found["frechet"], found["prdc"], strict=True)]
    measures = [
        measure("Frechet distance", found["frechet"], "s"),
        measure("precision, recall, density, coverage", found["prdc"], "s"),
        measure("both", both, "s", below=15),
    ]
    return {"measures": measures, "settings": {"samples": samples, "features": features, "seed": 0}}


def seconds(samples: int, features: int, runs: int) -> dict[str, list[float]]:
    """Of each metric, in each run."""
    import time

    import torch

    from gansmith.metrics.frechet import frechet_distance
    from gansmith.metrics.prdc import prdc

    torch.manual_seed(0)
    a, b = torch.randn(samples, features), torch.randn(samples, features) + 0.1
    found: dict[str, list[float]] = {"frechet": [], "prdc": []}
    for _ in range(runs):
        for name, metric in (("frechet", frechet_distance), ("prdc", prdc)):
            begin = time.perf_counter()
            metric(a, b)
            found[name].append(time.perf_counter() - begin)
    return found
