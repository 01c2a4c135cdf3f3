"""`gansmith train DATA --run DIR`"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from gansmith.cli.launch import end_with_launcher, launch
from gansmith.cli.values import INTERRUPTED, Count, Minutes
from gansmith.errors import RecipeError


def train(
    data: str,
    /,
    *,
    run: Path,
    recipe: str | None = None,
    samples: Count = None,
    minutes: Minutes = None,
    resolution: str | None = None,
    batch: Count = None,
    classes: bool | None = None,
    seed: int | None = None,
    device: Literal["auto", "cpu", "gpu", "cuda", "mps"] | None = None,
    settings: Annotated[
        tuple[str, ...], Parameter(name="--set", consume_multiple=True, negative="", show_default=False)
    ] = (),
    data_root: Path | None = None,
    processes: Count = None,
    tune: Literal["off", "quick", "full"] = "quick",
) -> int:
    """Train a generator on your pictures or points. The same command again continues; Ctrl-C saves and stops.

    Parameters
    ----------
    data:
        A folder of pictures (sub-folders are classes), a zip of one, MNIST's IDX files, CIFAR-10's batches, an .npy
        or .npz array, or a name: digits, mnist, fashion-mnist, kmnist, cifar10, stacked-mnist, scenes. For points in
        the plane a .csv of two columns, or a name: ring, grid, spiral, two-moons, rings, swiss-roll, checkerboard.
    run:
        The folder of this training, made if missing.
    recipe:
        A name from 'gansmith recipes' or 'gansmith zoo', or a .toml file of your own.
        [default: auto, which chooses by the data]
    samples:
        Length: how many training samples are shown in all, such as 200k. [default: the recipe's]
    minutes:
        Length: minutes of training in all. Give this or --samples.
    resolution:
        Pixels: 64 for squares, 64x48 for width x height; not for points. [default: fitted to the data]
    batch:
        Samples a step. [default: the recipe's]
    classes:
        Train with classes, so that samples of a class can be asked for. [default: chosen by the data, not for points]
    seed:
        Any whole number from 0; the same seed gives the same training. [default: 0]
    device:
        Where to compute. [default: auto, the fastest there is]
    settings:
        Change any key of the recipe, as in --set loss.name=hinge penalty.r1.weight=1.
    data_root:
        Where built-in data sets lie or are put. [default: GANSMITH_DATA, else the user's cache]
    processes:
        How many processes of this machine share every batch, one for each GPU. Among several machines: torchrun.
        [default: 1]
    tune:
        Time ways to compute a step and take the fastest: off, quick (seconds, kept for the next time), or full (a
        minute). Trainings below 2 minutes or 100k samples are not tuned quickly.
    """
    if samples is not None and minutes is not None:
        raise RecipeError(
            f"Both --samples {samples} and --minutes {minutes:g} say how long to train. Give one of them."
        )
    if (processes or 1) > 1 and "WORLD_SIZE" not in os.environ:
        return launch(processes or 1, sys.argv[1:])
    end_with_launcher()
    from gansmith import api
    from gansmith.plan import Wish

    root = None if data_root is None else str(data_root)
    wish = Wish(data, recipe, samples, minutes, resolution, batch, classes, seed, device, settings, root, tune)
    return 0 if api.train_in(run, wish) else INTERRUPTED
