"""Trainings as processes of their own: as many side by side as wanted, none twice, and none from somewhere else.

Beside each run folder lies NAME.json with the command and what came of it. The same benchmark in the same place goes on
where it was: a finished training is kept, an interrupted one continues as `gansmith train` does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gansmith.bench._bench import Bench, Outcome, Training
from gansmith.bench._benchmark import Ask
from gansmith.callbacks.stop import Stop
from gansmith.errors import GansmithError, RunFolderError
from gansmith.folder import alerts, atomic
from gansmith.folder.run_json import read_run

LOOK_SECONDS = 0.1  # between two looks at whether a process has ended
DIVERGED = "Training became non-finite"  # how callbacks/recovery.py begins to say so
FACTS = ("samples_seen", "seconds", "device", "threads", "versions", "data", "alarms", "best")
CLOCKED = ("startup_seconds", "process_seconds")  # noted here, of trainings that were not interrupted


def trainings(bench: Bench, ask: Ask) -> list[Training]:
    """Seeds outermost, so that what is to be compared runs at about the same time."""
    seeds, minutes = ask.seeds or bench.seeds, ask.minutes or bench.minutes
    return [Training(g, seed, g.share_of_time * minutes) for seed in range(seeds) for g in bench.groups()]


def run_all(bench: Bench, ask: Ask, say: Callable[[str], None]) -> list[Outcome]:
    """Every training of `bench`, in order. Raises GansmithError; what is done by then is kept."""
    wanted = trainings(bench, ask)
    commands = {training.name: _command(bench, training, ask) for training in wanted}
    for training in wanted:
        _require_same(ask.work, training, commands[training.name])
    todo = deque(t for t in wanted if not _noted(ask.work, t).get("state"))
    say(f"bench {bench.name}: {len(wanted)} trainings, {len(wanted) - len(todo)} of them there already.")
    _work_off(todo, commands, bench, ask, say)
    return [_outcome(training, ask.work) for training in wanted]


def note(work: Path, training: Training, **more: Any) -> None:
    """Keep something about a training beside its folder."""
    atomic.write_json(work / f"{training.name}.json", {**_noted(work, training), **more})


def noted(outcome: Outcome, key: str) -> Any:
    """What `note` kept under `key`, or None."""
    return _noted(outcome.folder.parent, outcome.training).get(key)


def _command(bench: Bench, training: Training, ask: Ask) -> list[str]:
    """Words for `gansmith`."""
    group, folder = training.group, ask.work / training.name
    words = ["train", group.data.find(ask.data_root), "--run", str(folder.resolve())]
    words += ["--minutes", f"{training.minutes:g}", "--seed", str(training.seed)]
    words += ["--recipe", group.recipe] if group.recipe else []
    words += ["--resolution", str(group.resolution)] if group.resolution else []
    words += [] if group.classes is None else ["--classes" if group.classes else "--no-classes"]
    words += ["--data-root", str(ask.data_root.expanduser().resolve())] if ask.data_root else []
    settings = (*group.settings, *ask.settings)
    return [*words, "--set", *settings] if settings else words


def _noted(work: Path, training: Training) -> dict[str, Any]:
    path = work / f"{training.name}.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} is damaged ({error}). Delete it, or choose another --work.") from error
    return found


def _require_same(work: Path, training: Training, command: list[str]) -> None:
    """Raises RunFolderError where the place holds a training of another length, seed, recipe or data."""
    before = _noted(work, training).get("command", command)
    if before != command:
        raise RunFolderError(
            f"{work / training.name} is a training by another command:\n  then: {' '.join(before)}\n"
            f"  now:  {' '.join(command)}\nNothing was changed. Choose another --work, or delete that folder and "
            f"{training.name}.json beside it."
        )


def _work_off(
    todo: deque[Training], commands: dict[str, list[str]], bench: Bench, ask: Ask, say: Callable[[str], None]
) -> None:
    """Raises KeyboardInterrupt when the process is asked to end: what runs is then saved and goes on another time."""
    running: dict[str, tuple[Training, subprocess.Popen[bytes]]] = {}
    count = len(todo)
    try:
        with Stop() as stop:
            while todo or running:
                while todo and len(running) < ask.jobs:
                    training = todo.popleft()
                    begun = None if (ask.work / training.name).exists() else time.time()
                    note(ask.work, training, command=commands[training.name], begun=begun)
                    running[training.name] = training, _start(commands[training.name], ask, training)
                    say(f"  {training.name}: {training.minutes:g} minutes on {ask.threads} thread(s)")
                time.sleep(LOOK_SECONDS)
                if stop.asked:
                    raise KeyboardInterrupt
                for name, (training, process) in list(running.items()):
                    if process.poll() is not None:
                        del running[name]
                        state = _ended(training, process.returncode, bench, ask.work)
                        say(f"  {name}: {state} ({count - len(todo) - len(running)} of {count})")
    except BaseException:
        for _, process in running.values():
            process.terminate()  # gansmith train saves and stops
        for _, process in running.values():
            process.wait()
        raise


def _start(command: Sequence[str], ask: Ask, training: Training) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": str(ask.threads), "MKL_NUM_THREADS": str(ask.threads)}
    with _log(ask.work, training).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "gansmith", *command], stdout=log, stderr=subprocess.STDOUT, env=environment
        )


def _log(work: Path, training: Training) -> Path:
    return work / f"{training.name}.log"


def _ended(training: Training, code: int, bench: Bench, work: Path) -> str:
    """Note how a training ended. Raises GansmithError where that is no result."""
    folder = work / training.name
    run = read_run(folder) if (folder / "run.json").exists() else {}
    told = _log(work, training).read_text(encoding="utf-8", errors="replace")
    message = told[told.rfind("gansmith: ") :].strip() if "gansmith: " in told else told[-2000:].strip()
    if run.get("state") == "finished":
        state, message = "finished", ""
    elif DIVERGED in told and run.get("state") == "failed":
        state = "diverged"
    elif code == 2 and bench.keeps_refused and not run:
        state = "refused"
    else:
        raise GansmithError(
            f"The training {training.name} of bench {bench.name} ended with code {code} before it was complete.\n"
            f"{message}\nThe same command goes on from what is there. All that it said: {_log(work, training)}"
        )
    note(work, training, state=state, message=message, **_clocked(folder, _noted(work, training).get("begun")))
    return state


def _clocked(folder: Path, begun: float | None) -> dict[str, float]:
    """Seconds from the start of a training's only process: until training was ready to begin, and until now."""
    planned = folder / "recipe.toml"  # written when the data is open, the networks are made and what is tuned is known
    if begun is None or not planned.exists():
        return {}
    return {"startup_seconds": planned.stat().st_mtime - begun, "process_seconds": time.time() - begun}


def _outcome(training: Training, work: Path) -> Outcome:
    folder, found = work / training.name, _noted(work, training)
    run = read_run(folder) if (folder / "run.json").exists() else {}
    facts = {key: run[key] for key in FACTS if key in run} | {key: found[key] for key in CLOCKED if key in found}
    if "data" in facts:
        facts["data"] = {k: v for k, v in facts["data"].items() if k != "path"}
    facts["went_back"] = sum(a.event == "recovered" for a in alerts.read(folder))
    return Outcome(training, folder, found["state"], found.get("message", ""), facts)
