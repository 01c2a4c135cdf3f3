"""`gansmith evaluate RUN`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from gansmith.cli.values import Count, JsonFile, write_json


def evaluate(
    run: Path,
    /,
    *,
    data: str | None = None,
    features: str = "auto",
    samples: Count = None,
    json: JsonFile = None,
    trust: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Score a trained generator against its data. Scores compare only where the features' hash is the same.

    Parameters
    ----------
    run:
        A run folder.
    data:
        The data to judge by. [default: what the run was trained on]
    features:
        What sees the samples: classifier, recogniser, random, inception, coordinates (points), a file of one, or auto;
        second is auto with other networks and seeds, to check that scores do not hang on one judge.
    samples:
        How many samples to make and judge. [default: 5000, or as many as the data has]
    trust:
        Import the network of your own (a dotted name) that the run was trained with.
    json:
        Write the scores and how they were measured to this file too.
    """
    from gansmith import api

    scores = api.evaluate(run, data=data, features=features, samples=samples, trust=trust)
    print(_text(scores.values, scores.protocol))
    write_json(json, {"values": scores.values, "protocol": scores.protocol})


def _text(values: dict[str, float], protocol: dict[str, Any]) -> str:
    from gansmith.recipe import flat

    how = flat(protocol)
    width = max(map(len, [*values, *how]), default=0)
    lines = [f"{name:<{width}}  {value:.5g}" for name, value in values.items()]
    return "\n".join([*lines, "", "Measured with", *(f"{name:<{width}}  {value}" for name, value in how.items())])
