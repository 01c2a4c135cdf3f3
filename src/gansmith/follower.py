"""What all processes of a training but the leader do: what it says, with their part of every batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gansmith.callbacks.checkpoint import restore
from gansmith.callbacks.draws import draw
from gansmith.callbacks.recovery import slow_down
from gansmith.callbacks.stop import Stop
from gansmith.world import Word

if TYPE_CHECKING:
    from gansmith.run import Run


def follow(run: Run) -> bool:
    """Until the leader ends the training; True where it is complete. Raises LostProcess where the leader is gone.

    Ctrl-C and SIGTERM reach all processes; the leader answers for all.
    """
    loader = run.loader()
    try:
        with Stop():
            while True:
                word, number, seed = run.world.hear()
                if word is Word.STEP:
                    run.step(loader.next(), number)
                elif word is Word.DRAW:
                    draw(run, int(number), seed)
                elif word is Word.GO_BACK:
                    loader.close()
                    restore(run, say_nothing)
                    slow_down(run, number)
                    loader = run.loader()
                else:
                    return bool(number)
    finally:
        loader.close()


def say_nothing(text: str) -> None:
    """In place of `say`: the leader speaks for all."""
