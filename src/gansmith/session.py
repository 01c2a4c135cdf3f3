"""A run folder at the two ends of a session: whose it is, what is written before the first step and after the last."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from gansmith.callbacks.card import write_card
from gansmith.callbacks.report import write_report
from gansmith.contracts import Dataset
from gansmith.data.licence import licence_of
from gansmith.errors import GansmithError, RunFolderError
from gansmith.folder import alerts, atomic
from gansmith.folder.run_json import read_run, update_run
from gansmith.machine import versions
from gansmith.recipe import Recipe, load_recipe
from gansmith.run import Run


def existing(folder: Path, *, trust: bool) -> Recipe | None:
    """The recipe of the run that is in `folder`; None where it is new. Raises RunFolderError where it is foreign.

    Only where the command itself names code of the user's own may the folder's recipe name some too.
    """
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"--run {folder} is a file. Wanted: a folder for the run, new or an earlier run's.")
    names = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
    if "run.json" in names and "recipe.toml" in names:
        read_run(folder)
        return Recipe.from_table(load_recipe(folder / "recipe.toml"), trust=trust)
    if names - {"run.lock", "run.json"}:
        raise RunFolderError(
            f"--run {folder} holds other files ({', '.join(sorted(names)[:3])} ...) and no run of gansmith's.\n"
            "Nothing was changed. Choose a new folder, or an earlier run's."
        )
    return None


def same_data(folder: Path, dataset: Dataset) -> None:
    """Raises RunFolderError where the run in `folder` was trained on other data."""
    data = read_run(folder).get("data", {}) if (folder / "run.json").exists() else {}
    if data and data.get("fingerprint") != dataset.fingerprint:
        raise RunFolderError(
            f"This run was trained on other data: {data.get('count')} samples of {data.get('path')} then, "
            f"{len(dataset)} now, or other contents.\nNothing was changed. Give the same data, or another --run."
        )


def begin(run: Run) -> None:
    """Write the recipe, and into run.json what is known at the start."""
    folder, recipe, dataset = run.folder, run.recipe, run.dataset
    atomic.write_text(folder / "recipe.toml", recipe.to_toml())  # an extended run keeps its new length
    place = str(getattr(recipe.data, "path", ""))
    data = {
        "path": place,
        "fingerprint": dataset.fingerprint,
        "count": len(dataset),
        "shape": list(dataset.spec.shape),
        "classes": list(dataset.spec.class_names),
        "licence": licence_of(place),
    }
    update_run(
        folder,
        state="running",
        name=folder.resolve().name,
        recipe=recipe.name,
        versions=versions(),
        device=str(run.device),
        processes=run.world.size,
        threads=torch.get_num_threads(),
        data=data,
        command=["gansmith", *sys.argv[1:]],
        started=time.strftime("%Y-%m-%d %H:%M:%S"),
    )


def end(run: Run, state: str, say: Callable[[str], None]) -> None:
    """Leave the folder in order, whatever happened; a full disk must not hide the error that is on its way up."""
    try:
        unreadable = dict(getattr(run.dataset, "unreadable", {}))
        data = read_run(run.folder)["data"]
        if unreadable:
            listing = run.folder / "unreadable.txt"
            atomic.write_text(listing, "".join(f"{name}\t{why}\n" for name, why in sorted(unreadable.items())))
            say(f"{len(unreadable)} unreadable file(s) left out, listed with reasons in {listing}.")
        update_run(
            run.folder,
            state=state,
            samples_seen=run.clock.samples_seen,
            seconds=run.watch.seconds,
            data_wait_share=run.seconds_waiting / max(run.watch.seconds, 1e-9),
            data={**data, "unreadable": len(unreadable)},
            alarms=alerts.summary(alerts.read(run.folder)),
        )
        write_report(run.folder)
        write_card(run.folder)
    except GansmithError as error:
        if state != "failed":
            raise
        say(str(error))
