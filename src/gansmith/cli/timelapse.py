"""`gansmith timelapse RUN --out learning.mp4`"""

from __future__ import annotations

from pathlib import Path


def timelapse(run: Path, /, *, out: Path) -> None:
    """Make a film of a training: the grid of the same samples, from noise to the end, in ten seconds.

    Parameters
    ----------
    run:
        A run folder, finished or not.
    out:
        Ending in .mp4 (wants pip install 'gansmith[video]'), .gif or .webp.
    """
    from gansmith.explore.timelapse import write_timelapse

    print(f"Wrote {write_timelapse(run, out)}")
