"""How runs came to be what they are: their Frechet distances on the way."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from gansmith.bench._bench import Outcome
from gansmith.bench._figure import curves
from gansmith.folder import metrics_log


def frechet_curves(outcomes: Sequence[Outcome]) -> Image.Image:
    """The evaluations that each training made of itself, by minutes."""
    lines = {}
    for outcome in outcomes:
        rows = [r for r in metrics_log.read(outcome.folder / "metrics.jsonl") if "score/frechet" in r]
        name = f"{outcome.training.group.name}, seed {outcome.training.seed}"
        lines[name] = [(row["seconds"] / 60, row["score/frechet"]) for row in rows]
    return curves("Frechet distance (in training, few samples) by minutes", lines)
