"""Samples a second of each of auto's networks, plain and ours: a chart of `gansmith bench speed`'s result."""

from __future__ import annotations

from typing import Any

from PIL import Image

from gansmith.bench._figure import bars

SIDES = ("plain float32", "tuned")  # the steps that are drawn, by their names in the result


def throughput(table: dict[str, Any]) -> Image.Image:
    """Of the `table` that `gansmith bench speed --json` writes: medians of its rows for `auto`, the quickest first."""
    rows = {
        row["name"].removeprefix("auto with "): {
            side: 1000 * row["batch"] / row["milliseconds"][side]["median"] for side in SIDES
        }
        for row in table["rows"]
        if row["name"].startswith("auto ")
    }
    ordered = sorted(rows.items(), key=lambda item: -item[1][SIDES[1]])
    return bars("samples a second of a training step", dict(ordered))
