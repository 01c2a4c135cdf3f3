"""`gansmith sample RUN --count N --out PATH`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

from gansmith.cli.values import Count


def sample(
    run: Path,
    /,
    *,
    out: Path,
    count: Count = 16,
    seed: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 0,
    label: Annotated[str | None, Parameter(name="--class")] = None,
    truncation: Annotated[float, Parameter(validator=validators.Number(gte=0, lte=1))] = 1.0,
    precision: Literal["float32", "bfloat16"] = "float32",
    trust: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Make samples with a trained generator.

    Parameters
    ----------
    run:
        A run folder, a generator.safetensors alone, or the folder of an ONNX export (wants gansmith[onnx]).
    out:
        Ending in .png or .webp: one picture of all. Ending in .npz: an array 'samples', of pictures uint8 [N,H,W,C],
        of points float32 [N,2]. Ending in .csv: a table of points. A folder: single pictures.
    count:
        How many samples.
    seed:
        The same seed gives the same samples; from 0.
    label:
        The class to make samples of, where the training had classes. [default: all in turn]
    precision:
        bfloat16 is faster on a GPU and on processors with AMX; pictures differ by about a grey level.
    trust:
        Import the network of your own (a dotted name) that the run was trained with.
    truncation:
        From 1, as trained, down to 0, the average one: less is cleaner and less varied.
    """
    from gansmith import api

    trained = api.load(run, trust=trust)
    path = trained.write(out, count or 16, seed=seed, label=label, truncation=truncation, precision=precision)
    print(f"Wrote {path}")
