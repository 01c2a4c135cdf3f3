"""From a benchmark of trainings to its answer."""

from __future__ import annotations

import time
from collections.abc import Callable

from gansmith.bench import _judge
from gansmith.bench._bench import Bench
from gansmith.bench._benchmark import Answer, Ask
from gansmith.bench._figure import figure
from gansmith.bench._report import Result
from gansmith.bench._runs import run_all
from gansmith.bench._table import lines


def answer(bench: Bench, ask: Ask, say: Callable[[str], None]) -> Answer:
    """Train, judge, and put together."""
    begin = time.monotonic()
    outcomes = run_all(bench, ask, say)
    _judge.judge_all(bench, outcomes, ask.samples or bench.samples, say)
    result = Result(bench, ask, outcomes, time.monotonic() - begin)
    return Answer(result.to_json(), lines(result), lambda: figure(result))
