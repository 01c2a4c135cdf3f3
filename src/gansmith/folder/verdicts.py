"""`verdicts.jsonl`: histograms of the discriminator's scores, one look a line, over the same bins for all kinds.

Each line has samples_seen, low and high (the range of all scores), and under "counts" how many scores of each kind
("real", "fake", "held_out") lie in each of BINS equal bins between them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from gansmith.folder.metrics_log import append_line, is_count, lines

NAME = "verdicts.jsonl"
BINS = 32


def append(folder: Path, samples_seen: int, scores: Mapping[str, Tensor]) -> None:
    """Add a look: kind -> scores [N]. Scores that are not finite are left out, and a look without any. Raises
    RunFolderError where the disk refuses."""
    finite = {kind: s[s.isfinite()].double().numpy() for kind, s in scores.items()}
    together = np.concatenate([*finite.values()])
    if not len(together):
        return
    low, high = float(together.min()), float(together.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts = {kind: np.histogram(s, BINS, (low, high))[0].tolist() for kind, s in finite.items()}
    append_line(folder / NAME, {"samples_seen": samples_seen, "low": low, "high": high, "counts": counts})


def read(folder: Path) -> list[dict[str, Any]]:
    """The looks by strictly growing samples seen; of a training that went back, the later ones. Broken lines are passed
    over, a missing file is []."""
    looks: list[dict[str, Any]] = []
    for look in lines(folder / NAME):
        if not _whole(look):
            continue
        while looks and looks[-1]["samples_seen"] >= look["samples_seen"]:
            looks.pop()
        looks.append({key: look[key] for key in ("samples_seen", "low", "high", "counts")})
    return looks


def _whole(look: dict[str, Any]) -> bool:
    """Whether a line is as `append` writes it."""
    counts = look.get("counts")
    ends = [look.get("low"), look.get("high")]
    return (
        is_count(look.get("samples_seen"))
        and all(isinstance(end, float | int) and abs(end) < math.inf for end in ends)
        and isinstance(counts, dict)
        and all(isinstance(c, list) and len(c) == BINS and all(map(is_count, c)) for c in counts.values())
    )
