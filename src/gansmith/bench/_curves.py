"""How runs came to be what they are: their Frechet distances on the way, by the evaluations they make of themselves."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from gansmith.bench._bench import Outcome
from gansmith.bench._figure import curves
from gansmith.folder import metrics_log


def frechet_curves(outcomes: Sequence[Outcome]) -> Image.Image:
    """Frechet distances, by minutes."""
    lines = {
        name: [(seconds / 60, value) for seconds, value in line]
        for name, line in _on_the_way(outcomes, "frechet").items()
    }
    return curves("Frechet distance (in training, few samples) by minutes", lines)


def ratio_against_time(outcomes: Sequence[Outcome]) -> Image.Image:
    """Frechet ratios, by seconds; both logarithmic, so that trainings of seconds and of minutes can be compared."""
    lines = _on_the_way(outcomes, "frechet_ratio")
    return curves("Frechet ratio (in training, few samples) by seconds, both logarithmic", lines, log_x=True)


def _on_the_way(outcomes: Sequence[Outcome], score: str) -> dict[str, list[tuple[float, float]]]:
    """(seconds of training, value) by training."""
    lines = {}
    for outcome in outcomes:
        rows = [r for r in metrics_log.read(outcome.folder / "metrics.jsonl") if f"score/{score}" in r]
        name = f"{outcome.training.group.name}, seed {outcome.training.seed}"
        lines[name] = [(row["seconds"], row[f"score/{score}"]) for row in rows]
    return lines
