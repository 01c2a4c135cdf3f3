"""What all processes of a training but the leader do: what it says, with their part of every batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from gansmith.callbacks.checkpoint import restore
from gansmith.callbacks.draws import draw_part, spread_generator
from gansmith.callbacks.recovery import slow_down
from gansmith.callbacks.stop import Stop
from gansmith.contracts import Extractor
from gansmith.errors import GansmithError, LostProcess
from gansmith.features.together import gather_samples, receive, see_reals, see_samples
from gansmith.world import Word

if TYPE_CHECKING:
    from gansmith.run import Run


def follow(run: Run) -> bool:
    """Until the leader ends the training; True where it is complete. Raises LostProcess where the leader is gone.

    Ctrl-C and SIGTERM reach all processes; the leader answers for all.
    """
    loader, looks = run.loader(), Looks(run)
    try:
        with Stop():
            while True:
                word, number, seed = run.world.hear()
                if word is Word.STEP:
                    looks.drawn = None  # an evaluation is over, and samples take memory
                    run.step(loader.next(), number)
                elif word is Word.GO_BACK:
                    loader.close()
                    restore(run, say_nothing)
                    slow_down(run, number)
                    loader = run.loader()
                elif word is Word.END:
                    return bool(number)
                else:
                    looks.take(word, int(number), seed)
    finally:
        loader.close()


class Looks:
    """What this process draws and sees between the steps: its part of what the leader looks at."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.drawn: Tensor | None = None  # [n, *spec.shape], this process' part
        self._extractor: Extractor | None = None

    def take(self, word: Word, count: int, seed: int) -> None:
        """Do what `word` asks for. An error of seeing is the leader's too by then, and the leader says it."""
        try:
            self._take(word, count, seed)
        except LostProcess:
            raise
        except GansmithError:
            pass

    def _take(self, word: Word, count: int, seed: int) -> None:
        run, extractor, drawn = self.run, self._extractor, self.drawn
        if word is Word.DRAW:
            self.drawn, _ = draw_part(run, count, seed)
        elif word is Word.GENERATOR:
            spread_generator(run)
        elif word is Word.EXTRACTOR:
            self._extractor = receive(run.world, count)
        elif word is Word.GIVE and drawn is not None:
            gather_samples(run.world, drawn, count)
        elif word is Word.SEE and extractor and drawn is not None:
            see_samples(run.world, extractor, drawn, count)
        elif word is Word.SEE_TRAIN and extractor:
            see_reals(run.world, extractor, word, run.dataset, count, seed)
        elif word is Word.SEE_TEST and extractor and run.test is not None:
            see_reals(run.world, extractor, word, run.test, count, seed)
        else:
            raise AssertionError(f"{word.name} before what it is about was told")


def say_nothing(text: str) -> None:
    """In place of `say`: the leader speaks for all."""
