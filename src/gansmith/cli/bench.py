"""`gansmith bench NAME`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gansmith.cli.values import Count, JsonFile, Minutes, write_json, write_picture
from gansmith.errors import RecipeError

PICTURES = (".png", ".webp")


def bench(
    name: str | None = None,
    /,
    *,
    seeds: Count = None,
    minutes: Minutes = None,
    samples: Count = None,
    jobs: Count = 1,
    data_root: Path | None = None,
    work: Path | None = None,
    json: JsonFile = None,
    figure: Path | None = None,
    settings: Annotated[
        tuple[str, ...], Parameter(name="--set", consume_multiple=True, negative="", show_default=False)
    ] = (),
) -> None:
    """Run a benchmark: our row beside the published rows, and whether the bar is met.

    Most are of whole trainings and take the time of these. The same command again goes on where it was.

    Parameters
    ----------
    name:
        Which. [default: list them with their bars]
    seeds:
        How many seeds, from 0 on. [default: the bar's]
    minutes:
        Of each training. [default: the bar's]
    samples:
        How many to make and judge of each training. [default: the bar's]
    jobs:
        Trainings side by side; they share the processor's cores.
    data_root:
        Where data sets lie. [default: GANSMITH_DATA, else the user's cache]
    work:
        Where the run folders are put and looked for. [default: runs/bench/NAME]
    json:
        Write everything to this file: values by seed, protocol, versions, machine.
    figure:
        Draw bars, curves and samples into this .png or .webp file.
    settings:
        Change any key of all the trainings' recipes, as for 'gansmith train'. The result then says so.
    """
    if figure is not None and figure.suffix.lower() not in PICTURES:
        raise RecipeError(f"--figure wants a file ending in .png or .webp, not {figure}.")
    from gansmith import bench as benches

    if name is None:
        for known in benches.names():
            print(f"{known:<14}  {benches.find(known).summary}")
        print("\nOne, run: gansmith bench points --json points.json --figure points.png")
        return
    from gansmith.bench._benchmark import Ask

    asked = Ask(work or Path("runs/bench") / name, seeds, minutes, samples, jobs or 1, data_root, settings)
    answer = benches.find(name).measure(asked, lambda text: print(text, file=sys.stderr, flush=True))
    write_json(json, answer.table)
    print("\n".join(answer.lines))
    if figure is not None:
        write_picture(figure, answer.draw())
