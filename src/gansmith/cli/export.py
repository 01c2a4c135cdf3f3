"""`gansmith export RUN --to onnx|safetensors --out PATH`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def export(
    run: Path,
    /,
    *,
    to: Literal["onnx", "safetensors"],
    out: Path,
    trust: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Hand on a trained generator.

    Parameters
    ----------
    run:
        A run folder, or a generator.safetensors alone.
    to:
        'onnx': a folder of two graphs (latent to w, w to samples; any batch) with a description, compared with torch
        before they are written. 'safetensors': the weights, which 'gansmith sample' opens without the run.
    out:
        The folder, or the file, which ends in .safetensors.
    trust:
        Import the network of your own (a dotted name) that the run was trained with.
    """
    from gansmith import api

    trained = api.load(run, trust=trust)
    print(trained.export_onnx(out).text() if to == "onnx" else f"Wrote {trained.export_weights(out)}")
