"""`losses`: every loss with every penalty on the ring, untuned, for a quarter of a minute each: who collapses?

All parts that this version has are found, each penalty with its own defaults. Some penalties are for other networks, or
for training with classes: the toolkit refuses those, and the table says so. The recipe is `losses.toml` beside this.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from gansmith.bench._bench import FIRST, Bench, Column, Data, Group, Outcome, number
from gansmith.bench._figure import heat
from gansmith.config import part_names
from gansmith.contracts import Loss, Penalty

RING, MODES = Data("ring", "ring"), 8
RECIPE = Path(__file__).with_name("losses.toml")
NONE = "no penalty"


class Losses(Bench):
    """Losses x (no penalty, and every penalty)."""

    summary = "every loss with every penalty on the ring: modes of 8 and high-quality share; who collapses"
    notes = ("untuned: each penalty with its default weight, one rate for all: this marks what is forgiving",)
    seeds = 1
    minutes = 0.25
    samples = 2_500
    judges = (FIRST,)
    columns = (Column("modes/hit", "modes"), Column("modes/high_quality", "high quality"), Column("modes/kl", "KL"))
    keeps_refused = True
    pictured = 1_000

    def groups(self) -> Sequence[Group]:
        losses = part_names(Loss, "gansmith.losses")
        penalties = ["none", *part_names(Penalty, "gansmith.penalties")]
        return [
            Group(
                f"{loss} + {NONE if penalty == 'none' else penalty}",
                RING,
                str(RECIPE),
                settings=(f"loss.name={loss}", f"penalty={penalty}"),
            )
            for loss in losses
            for penalty in penalties
        ]

    def table(self, outcomes: Sequence[Outcome]) -> dict[str, dict[str, dict[str, Any]]]:
        """Loss -> penalty -> the worst seed's state, modes and high-quality share, and whether it collapsed."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for outcome in outcomes:
            loss, _, penalty = outcome.training.group.name.partition(" + ")
            hit, good = outcome.value("modes/hit"), outcome.value("modes/high_quality")
            cell = {"state": outcome.state, "modes": hit, "high_quality": good, "collapsed": _collapsed(outcome)}
            before = found.setdefault(loss, {}).get(penalty)
            if before is None or (hit or 0) < (before["modes"] or 0):
                found[loss][penalty] = cell
        return found

    def lines(self, outcomes: Sequence[Outcome]) -> list[str]:
        collapsed = [o.training.group.name for o in outcomes if _collapsed(o)]
        diverged = [o.training.group.name for o in outcomes if o.state == "diverged"]
        tried = [o for o in outcomes if o.state != "refused"]
        return [
            f"collapsed (fewer than {MODES // 2} of {MODES} modes): {len(collapsed)} of {len(tried)}",
            *(f"  {name}" for name in collapsed),
            f"diverged: {', '.join(diverged) or 'none'}",
        ]

    def panels(self, outcomes: Sequence[Outcome]) -> list[Image.Image]:
        cells = {
            loss: {penalty: _cell(cell) for penalty, cell in row.items()} for loss, row in self.table(outcomes).items()
        }
        return [heat(f"modes of {MODES} / high-quality share", cells)]


def _collapsed(outcome: Outcome) -> bool:
    """Fewer than half of the modes, or no number at all."""
    hit = outcome.value("modes/hit")
    return outcome.state != "refused" and (hit is None or hit < MODES / 2)


def _cell(cell: dict[str, Any]) -> tuple[float | None, str]:
    if cell["state"] == "refused":
        return None, "not for this"
    if cell["modes"] is None:
        return 0.0, cell["state"]
    return cell["modes"] / MODES * cell["high_quality"], f"{cell['modes']:.0f} / {number(cell['high_quality'])}"
