"""One extractor in all processes: the leader sends it, each process sees its part, the leader gets what all have seen.

Every function here but `share` is called by all processes alike, the leader's call telling the others to make theirs
(`follower.py`); in a world of one nothing is told and nothing sent. Parts are gathered in the order of one process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gansmith.contracts import Dataset, Extractor, Seen
from gansmith.errors import GansmithError
from gansmith.features.kept import see_kept
from gansmith.features.sent import pack, unpack
from gansmith.world import ALONE, Word, World

CHUNK = 500  # real samples in memory at a time


def share(world: World, extractor: Extractor, say: Callable[[str], None]) -> World:
    """Give the leader's `extractor` to all; returns the world of those that have it, which is ALONE where it is of a
    class that cannot be sent, or where another process cannot make it (`say` hears that)."""
    data = pack(extractor) if world.size > 1 else None
    if data is None:
        return ALONE
    world.tell(Word.EXTRACTOR, len(data))
    world.spread([torch.frombuffer(bytearray(data), dtype=torch.uint8)])
    trouble = world.trouble("")
    if trouble:
        say(f"The first process alone sees with the {extractor.name} features, another cannot: {trouble}")
    return ALONE if trouble else world


def receive(world: World, length: int) -> Extractor | None:
    """The extractor that the leader shares, in `length` bytes; None where this process cannot make it."""
    data = torch.empty(length, dtype=torch.uint8)
    world.spread([data])
    extractor, trouble = None, ""
    try:
        extractor = unpack(data.numpy().tobytes())
    except GansmithError as error:
        trouble = str(error)
    world.trouble(trouble)
    return extractor


def gather_samples(world: World, part: Tensor, count: int) -> Tensor:
    """`count` samples [count, *shape] of which each process has made its `part` [n, *shape]."""
    world.tell(Word.GIVE, count)
    return world.gather(part, count)


def see_samples(world: World, extractor: Extractor, part: Tensor, count: int) -> Seen:
    """What is seen in `count` samples of which each process has made its `part` [n, *shape].

    Raises GansmithError, in all processes, where samples are not finite.
    """

    def see() -> Seen:
        require_finite(part)
        return _see(extractor, part)

    world.tell(Word.SEE, count)
    return _gather(world, see, count)


def see_reals(world: World, extractor: Extractor, word: Word, dataset: Dataset, count: int, seed: int) -> Seen:
    """What is seen in a seeded choice of `count` real samples, fetched 500 at a time. `word` says which split
    `dataset` is, SEE_TRAIN or SEE_TEST. Raises GansmithError, in all processes, where one cannot be read."""

    def see() -> Seen:
        indices = choice(len(dataset), count, seed)[world.part(count)]
        if not indices:
            return _see(extractor, torch.empty(0, *dataset.spec.shape))
        parts = [indices[i : i + CHUNK] for i in range(0, len(indices), CHUNK)]
        return joined([see_kept(extractor, dataset.fetch(part).real) for part in parts])

    world.tell(word, count, seed)
    return _gather(world, see, count)


def choice(length: int, count: int, seed: int) -> list[int]:
    """`count` of `length` indices, evenly over whatever order the files have."""
    order: list[int] = torch.randperm(length, generator=torch.Generator().manual_seed(seed))[:count].tolist()
    return order


def joined(seen: Sequence[Seen]) -> Seen:
    """What was seen in pieces, as one."""
    probabilities = [s.probabilities for s in seen if s.probabilities is not None]
    return Seen(torch.cat([s.vectors for s in seen]), torch.cat(probabilities) if probabilities else None)


def require_finite(samples: Tensor) -> None:
    """Raises GansmithError where generated samples are not."""
    if not bool(torch.isfinite(samples).all()):
        raise GansmithError(
            "The generator made samples with NaN or infinity, so there is nothing to score: its training has diverged. "
            "Evaluate an earlier checkpoint, or train with a lower learning rate."
        )


def _see(extractor: Extractor, x: Tensor) -> Seen:
    if len(x):
        return extractor(x)
    blank = extractor(torch.zeros(1, *x.shape[1:]))  # the leader must know how wide the others' features are
    return Seen(blank.vectors[:0], None if blank.probabilities is None else blank.probabilities[:0])


def _gather(world: World, see: Callable[[], Seen], count: int) -> Seen:
    """What all processes `see`, of `count` samples. All raise where one has failed: they would wait for it."""
    if world.size == 1:
        return see()
    seen, trouble = None, ""
    try:
        seen = see()
    except (GansmithError, ValueError) as error:
        trouble = str(error) or type(error).__name__
    trouble = world.trouble(trouble)
    if seen is None or trouble:
        raise GansmithError(trouble)
    probabilities = None if seen.probabilities is None else world.gather(seen.probabilities, count)
    return Seen(world.gather(seen.vectors, count), probabilities)
