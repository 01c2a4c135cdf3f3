"""`gansmith export RUN --to page|onnx|safetensors --out PATH`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def export(
    run: Path,
    /,
    *,
    to: Literal["page", "onnx", "safetensors"],
    out: Path,
    trust: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Hand on a trained generator.

    Parameters
    ----------
    run:
        A run folder, or a generator.safetensors alone.
    to:
        'page': one HTML file in which the generator runs, offline, in any browser. 'onnx': a folder of two graphs
        (latent to w, w to samples; any batch) with a description, compared with torch before they are written.
        'safetensors': the weights, which 'gansmith sample' opens without the run.
    out:
        The folder, or the file, which ends in .html or .safetensors.
    trust:
        Import the network of your own (a dotted name) that the run was trained with.
    """
    from gansmith import api

    trained = api.load(run, trust=trust)
    if to == "safetensors":
        print(f"Wrote {trained.export_weights(out)}")
    else:
        print((trained.export_onnx(out) if to == "onnx" else trained.export_page(out)).text())
