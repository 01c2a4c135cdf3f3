"""Two judges for every run: the features that trainings are tuned by, and a second extractor that nobody looks at."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from gansmith import api
from gansmith.bench._bench import FEATURES, FIRST, SEEN, Bench, Outcome
from gansmith.bench._runs import note, noted
from gansmith.config import build
from gansmith.contracts import Dataset, Source
from gansmith.errors import GansmithError


def judge_all(bench: Bench, outcomes: list[Outcome], samples: int | None, say: Callable[[str], None]) -> None:
    """Put scores and protocols into `outcomes`. What was judged before, with the same generator, is kept."""
    for outcome in outcomes:
        if outcome.state == "finished":
            for judge in bench.judges:
                _judge(bench, outcome, judge, samples, say)
        seen = {SEEN.score: float(outcome.facts["samples_seen"])} if "samples_seen" in outcome.facts else {}
        outcome.scores.setdefault(FIRST, {}).update(seen | bench.run_scores(outcome))


def _judge(bench: Bench, outcome: Outcome, judge: str, samples: int | None, say: Callable[[str], None]) -> None:
    generator = hashlib.sha256((outcome.folder / "generator.safetensors").read_bytes()).hexdigest()[:16]
    asked = {"features": FEATURES[judge], "samples": samples, "generator": generator}
    kept: dict[str, Any] = noted(outcome, judge) or {}
    if kept.get("asked") != asked:
        kept = {"asked": asked, **_measured(bench, outcome, FEATURES[judge], samples)}
        note(outcome.folder.parent, outcome.training, **{judge: kept})
        say(f"  judged {outcome.training.name} by {kept['protocol'].get('extractor', 'nobody')}")
    outcome.scores[judge], outcome.protocol[judge] = dict(kept["values"]), kept["protocol"]


def _measured(bench: Bench, outcome: Outcome, features: str, samples: int | None) -> dict[str, Any]:
    try:
        scores = api.evaluate(outcome.folder, features=features, samples=samples)
        return {"values": scores.values | bench.own_scores(outcome, features), "protocol": scores.protocol}
    except (GansmithError, ValueError) as error:  # samples that are not finite, or features that cannot see this data
        return {"values": {}, "protocol": {"unable": str(error)}}


def source_of(outcome: Outcome, **changes: Any) -> Any:
    """Where a run's samples came from; `changes` are keys of [data]."""
    table = {**api.load(outcome.folder).metadata["recipe"]["data"], **changes}
    return build(Source, table, "[data]", trust=False)  # type: ignore[type-abstract]


def data_of(outcome: Outcome, **changes: Any) -> tuple[Dataset, Dataset | None]:
    """What a run was trained on, and its held-out split or None; `changes` are keys of [data]."""
    source = source_of(outcome, **changes)
    return source.open()[0], source.open_test()
