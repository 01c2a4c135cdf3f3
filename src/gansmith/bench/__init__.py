"""Benchmarks: one question a file, found by itself; the bars and the protocol are in the file.

`gansmith bench stacked-mnist` is `stacked_mnist.py` with its one `Benchmark` (`_benchmark.py`). Those of whole
trainings share `_bench.py` (what they say), `_runs.py` (trainings as processes), `_judge.py`, `_report.py`,
`_table.py`, `_figure.py` and `_answer.py`.
"""

from __future__ import annotations

import importlib
import pkgutil

from gansmith.bench._benchmark import Benchmark
from gansmith.errors import RecipeError, nearest


def names() -> list[str]:
    """Every benchmark, as the command line calls it."""
    found = pkgutil.iter_modules(__path__)
    return sorted(m.name.replace("_", "-") for m in found if not m.name.startswith("_"))


def find(name: str) -> Benchmark:
    """The benchmark called `name`. Raises RecipeError where there is none."""
    if name not in names():
        raise RecipeError(f"There is no benchmark '{name}'.{nearest(name, names())}")
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    own = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    (found,) = [c for c in own if issubclass(c, Benchmark)]
    benchmark: Benchmark = found(name)
    return benchmark
