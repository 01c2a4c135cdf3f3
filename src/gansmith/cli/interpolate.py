"""`gansmith interpolate RUN --out walk.mp4`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from gansmith.cli.values import Count, Seeds


def interpolate(
    run: Path,
    /,
    *,
    out: Path,
    seeds: Seeds = (0, 1, 2, 3),
    frames: Count = None,
    label: Annotated[str | None, Parameter(name="--class")] = None,
    truncation: Annotated[float, Parameter(validator=validators.Number(gte=0, lte=1))] = 1.0,
    trust: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Make a film that walks through latent space from sample to sample, and back to the first.

    Parameters
    ----------
    run:
        A run folder, a generator.safetensors alone, or the folder of an ONNX export (wants gansmith[onnx]).
    out:
        Ending in .mp4 (wants pip install 'gansmith[video]'), .gif or .webp; 30 pictures a second.
    seeds:
        Where the walk passes: the first sample of each seed. [default: 0,1,2,3]
    frames:
        Pictures in all. [default: 60 a seed]
    label:
        The class to stay in, where the training had classes. [default: all in turn]
    trust:
        Import the network of your own (a dotted name) that the run was trained with.
    truncation:
        From 1, as trained, down to 0, the average one: less is cleaner and less varied.
    """
    from gansmith import api

    trained = api.load(run, trust=trust)
    print(f"Wrote {trained.write_walk(out, seeds, frames, label=label, truncation=truncation)}")
