"""Training from outside: to know when the first step is done, and whether two trainings ended the same."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple


class End(NamedTuple):
    """What a training left, as sha256 in hex."""

    generator: str  # of the file generator.safetensors
    state: str  # of all tensors of the newest checkpoint: both players, their optimisers, the average
    tensors: dict[str, str]  # name -> sha256 of its type, shape and values


def after_first_step(then: Callable[[], None]) -> None:
    """Let this process call `then` once, right after both players' first optimiser steps; nothing else changes."""
    from gansmith.run import Run  # not Duel.step, which is tried on a copy before training, to see what fits

    step = Run.step

    def first(self: Run, *arguments: Any) -> Any:
        report = step(self, *arguments)
        Run.step = step  # type: ignore[method-assign]
        then()
        return report

    Run.step = first  # type: ignore[method-assign]


def until_first_step(words: list[str], started: float) -> None:
    """`gansmith train WORDS` until its first step is done; then prints the `seconds` since `started` (of time.time())
    and what it `said` on the way, as JSON, and ends this process."""
    from gansmith.cli.app import main

    said = io.StringIO()

    def stop() -> None:
        print(json.dumps({"seconds": time.time() - started, "said": said.getvalue()}), flush=True)
        os._exit(0)  # the training is not to go on, nor to save

    after_first_step(stop)
    with contextlib.redirect_stderr(said):
        main(["train", *words])
    sys.exit(f"it ended before its first step: {said.getvalue()}")


def save_often(steps: int) -> None:
    """Let this process write a checkpoint every `steps`, instead of twice a minute."""
    from gansmith.callbacks.checkpoint import Checkpoint

    def after_step(self: Checkpoint, run: Any, report: Any) -> None:
        if run.clock.step % steps == 0:
            self.save(run)

    Checkpoint.after_step = after_step  # type: ignore[method-assign]


def newest_state(run: Path) -> Any:
    """The newest checkpoint's state. Raises RuntimeError where that file is not whole, even if an older one is."""
    from gansmith.folder import checkpoints

    def damaged(text: str) -> None:
        raise RuntimeError(text)

    found = checkpoints.load_latest(run, damaged)
    if found is None:
        raise RuntimeError(f"{run} holds no checkpoint")
    return found[0]


def end_of(run: Path) -> End:
    """What the training in the folder `run` left."""
    tensors = {name: _sha256(tensor) for name, tensor in tensors_of(newest_state(run)["game"])}
    whole = hashlib.sha256("".join(f"{n} {tensors[n]}\n" for n in sorted(tensors)).encode()).hexdigest()
    return End(hashlib.sha256((run / "generator.safetensors").read_bytes()).hexdigest(), whole, tensors)


def tensors_of(state: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """All tensors of a checkpoint's state, by the keys that lead to them ("/generator/network/...")."""
    if isinstance(state, dict):
        for key, inner in state.items():
            yield from tensors_of(inner, f"{name}/{key}")
    elif hasattr(state, "numpy"):
        yield name, state


def compared(whole: Path, broken: Path) -> dict[str, Any]:
    """How the uninterrupted training's end differs from the interrupted one's: `measures` and `text` of a result."""
    from benchmarks import measure

    a, b = end_of(whole), end_of(broken)
    differ = [n for n in {**a.tensors, **b.tensors} if a.tensors.get(n) != b.tensors.get(n)]
    equal = not differ and a.generator == b.generator
    measures = [
        measure("state tensors that differ", [len(differ)], f"of {len(a.tensors)}", below=1),
        measure("generator files that differ", [int(a.generator != b.generator)], "of 1", below=1),
    ]
    text = [f"sha256 {a.generator}  generator.safetensors, uninterrupted"]
    text += [f"sha256 {b.generator}  generator.safetensors, interrupted"]
    text += [f"sha256 {a.state}  all state tensors, uninterrupted"]
    text += [f"sha256 {b.state}  all state tensors, interrupted"]
    return {"measures": measures, "text": [*text, f"equal to the bit: {'yes' if equal else 'no'}"]}


def _sha256(tensor: Any) -> str:
    """Of its type, shape and values."""
    import torch

    flat = tensor.detach().cpu().contiguous()
    head = f"{flat.dtype} {tuple(flat.shape)} ".encode()
    return hashlib.sha256(head + flat.reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()
