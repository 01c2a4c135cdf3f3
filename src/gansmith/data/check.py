"""What is in a data set, and what is wrong with it. One pass over the pictures; only hashes and sizes are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gansmith.data.check_points import check_points
from gansmith.data.duplicates import exact_groups, near_pairs
from gansmith.data.files import Files, NoPictures
from gansmith.data.findings import LISTED, SHOWN, Findings, Problem, Severity, Split, ranked
from gansmith.data.glance import Kept, Progress, glance
from gansmith.data.kind import source_for
from gansmith.data.locate import open_files

FEWEST = 2  # below: nothing to learn from
VERY_FEW = 100
FEW = 1000
SMALLEST_SIDE = 8  # pixels: the smallest that networks here make
ELONGATED = 3.0  # longer side over shorter side
IMBALANCE: dict[Severity, float] = {"warning": 10.0, "note": 3.0}  # largest class over smallest
MANY_NEAR = 0.02  # share of the pictures that have a near duplicate, from which it is more than a curiosity


def check(path: str, progress: Progress | None = None) -> Findings:
    """Look at every picture, or point, of the data set that the user calls `path`, both splits.

    Memory grows by some 250 bytes a sample. Raises DataError where there is no data set; whatever is wrong inside
    of one is in the findings.
    """
    if source_for(path) == "points":
        return check_points(path)
    present, hollow = _open(path)
    parts = [Kept.empty(s, f, f"{s}/" if len(present) > 1 else "") for s, f in present.items()]
    for part in parts:
        glance(part, progress)
    problems = [
        *hollow,
        *(p for part in parts for p in _damaged(part)),
        *_amount(parts[0]),
        *(p for part in parts for p in _each(part)),
        *_classes(parts),
        *_repeated(parts),
    ]
    return Findings(path, {part.split: _facts(part) for part in parts}, ranked(problems))


def _open(path: str) -> tuple[dict[str, Files], list[Problem]]:
    """The splits that are there, and what is to be said where the held-out one holds no picture."""
    train = open_files(path, "train")
    assert train is not None  # only a held-out split can be absent
    try:
        test = open_files(path, "test")
    except NoPictures:
        advice = "Put pictures there, or remove the folder. Scores will be against the training split."
        return {"train": train}, list(_problem("empty-test", "warning", "The held-out split is empty.", (), advice))
    return {"train": train} | ({} if test is None else {"test": test}), []


def _facts(part: Kept) -> Split:
    chosen = part.readable
    height, width = part.size[chosen].T
    sizes = Counter(f"{w}x{h}" for h, w in part.size[chosen].tolist())
    labels = part.files.labels
    names = part.files.label_names
    per_class = np.zeros(0, np.int64) if labels is None else np.bincount(labels[chosen], minlength=len(names))
    return Split(
        count=len(part.files),
        readable=len(chosen),
        ignored=part.files.ignored,
        formats=dict(Counter(part.formats[i] for i in chosen).most_common()),
        modes=dict(Counter(part.modes[i] for i in chosen).most_common()),
        channels={str(k): int(v) for k, v in sorted(Counter(part.channels[chosen].tolist()).items())},
        sizes=dict(sizes.most_common(SHOWN)),
        different_sizes=len(sizes),
        width=_three(width),
        height=_three(height),
        square_share=float((height == width).mean()) if len(chosen) else 0.0,
        classes=dict(zip(names, per_class.tolist(), strict=False)),
    )


def _three(values: NDArray[np.int32]) -> tuple[int, int, int]:
    return (int(values.min()), int(np.median(values)), int(values.max())) if len(values) else (0, 0, 0)


def _problem(
    kind: str, severity: Severity, what: str, evidence: Iterable[tuple[str, ...]], advice: str, count: int = 1
) -> Iterator[Problem]:
    """One problem, or none where `count` is 0; `{n}` in `what` becomes the count."""
    if count:
        kept = tuple(entry for entry, _ in zip(evidence, range(LISTED), strict=False))
        yield Problem(kind, severity, what.format(n=f"{count:,}"), count, kept, advice)


def _damaged(part: Kept) -> Iterator[Problem]:
    found = part.files.verify()
    what = f"{{n}} part(s) of {part.split} are not what was packed: their checksums differ."
    yield from _problem("damaged", "error", what, ((n,) for n in found), "Copy the file, or pack it again.", len(found))


def _amount(train: Kept) -> Iterator[Problem]:
    count = len(train.readable)
    if count < FEWEST:
        what = f"Only {count} picture{'s' * (count != 1)} can be read: training needs {FEWEST} at the very least."
        yield from _problem("too-few", "error", what, (), "Add pictures, or mend those that cannot be read.")
    elif count < VERY_FEW:
        advice = "The generator will mostly copy them. Add more, mirror them if sides do not matter, train shortly."
        yield from _problem("too-few", "warning", f"Very few pictures to train on: {count}.", (), advice)
    elif count < FEW:
        advice = "Mirror them if sides do not matter (--set data.mirror=true). Samples may be copies: compare them."
        yield from _problem("too-few", "note", f"Few pictures to train on: {count}.", (), advice)


def _each(part: Kept) -> Iterator[Problem]:
    """What is wrong with single pictures of one split."""
    bad = sorted(part.unreadable.items())
    evidence = ((part.name(i), reason) for i, reason in bad)
    what = f"{{n}} file(s) in {part.split} cannot be read."
    yield from _problem("unreadable", "warning", what, evidence, "Training skips them. Mend or remove them.", len(bad))
    chosen = part.readable
    blank = np.flatnonzero(part.blank)
    advice = "The generator learns to make such pictures, too. Remove them unless you want that."
    what = f"{{n}} picture(s) in {part.split} are blank (one colour throughout)."
    yield from _problem("blank", "warning", what, ((part.name(i),) for i in blank), advice, len(blank))
    short, long = part.size[chosen].min(1), part.size[chosen].max(1)
    small = chosen[short < SMALLEST_SIDE]
    what = f"{{n}} picture(s) in {part.split} are less than {SMALLEST_SIDE} pixels wide or high."
    advice = "They become blurred stains when enlarged. Remove them."
    yield from _problem("too-small", "warning", what, _sized(part, small), advice, len(small))
    odd = chosen[(long > ELONGATED * short) & (short > 0)]
    if 2 * len(odd) < len(chosen):  # data that is all of a long shape is no accident
        what = f"{{n}} picture(s) in {part.split} are over {ELONGATED:g} times as long as wide."
        advice = "Cropping cuts most of each away, padding leaves most of it empty. Cut or remove them."
        yield from _problem("elongated", "warning", what, _sized(part, odd), advice, len(odd))
    yield from _mixed(part)
    what = f"{{n}} other file(s) beside the pictures of {part.split}, going by their names."
    yield from _problem("ignored", "note", what, (), "They are not used.", part.files.ignored)


def _sized(part: Kept, chosen: NDArray[np.int64]) -> Iterator[tuple[str, str]]:
    return ((part.name(i), f"{part.size[i, 1]}x{part.size[i, 0]}") for i in chosen)


def _mixed(part: Kept) -> Iterator[Problem]:
    clear, colour, grey = (np.flatnonzero(part.channels == k) for k in (4, 3, 1))
    count = len(part.readable)
    rare = clear if 2 * len(clear) <= count else np.flatnonzero((part.channels > 0) & (part.channels < 4))
    what = f"{len(clear):,} of {count:,} pictures in {part.split} have transparency (the fewer are listed)."
    advice = "The network makes one kind: all with transparency, or all put on white. Decide, and make them alike."
    evidence = ((part.name(i),) for i in rare)
    yield from _problem("mixed-transparency", "warning", what, evidence, advice, len(rare) if len(clear) else 0)
    fewer = grey if len(grey) <= len(colour) else colour
    what = f"{len(grey):,} of the pictures in {part.split} are grey, {len(colour):,} coloured (the fewer are listed)."
    advice = "The generator will make both kinds."
    evidence = ((part.name(i),) for i in fewer)
    yield from _problem("mixed-colour", "note", what, evidence, advice, len(fewer))


def _classes(parts: list[Kept]) -> Iterator[Problem]:
    counts = {part.split: _facts(part).classes for part in parts}
    train = counts["train"]
    if not train:
        return
    low, high = min(train.values()), max(train.values())
    severity: Severity | None = next((s for s, ratio in IMBALANCE.items() if high >= ratio * max(low, 1)), None)
    if severity:
        rare = sorted((n, name) for name, n in train.items() if high >= IMBALANCE[severity] * n)
        what = f"The classes differ much in size: {low:,} to {high:,} pictures."
        advice = "Rare classes come out worse. Add pictures to them, or train without classes."
        yield from _problem("imbalance", severity, what, ((name, f"{n:,}") for n, name in rare), advice, len(rare))
    if test := counts.get("test"):
        odd = sorted(set(train) ^ set(test))
        evidence = ((name, "only in train" if name in train else "only in test") for name in odd)
        what = "{n} class(es) are in one split only."
        yield from _problem("classes-differ", "warning", what, evidence, "Give both splits the same classes.", len(odd))


class Places(NamedTuple):
    """All readable pictures of all splits in one row."""

    parts: list[Kept]
    part: NDArray[np.uint8]  # [M] which split
    place: NDArray[np.int64]  # [M] which picture of it

    def names(self, group: list[int], classes: bool = False) -> tuple[str, ...]:
        """With `classes`, each name has its class behind it."""
        places = [(self.parts[self.part[k]], self.place[k]) for k in group[:LISTED]]
        return tuple(p.name(i) + (f" ({p.label(i)})" if classes else "") for p, i in places)

    def across(self, group: list[int]) -> bool:
        """Whether the pictures are in different splits."""
        return len({int(self.part[k]) for k in group}) > 1

    def conflicting(self, group: list[int]) -> bool:
        """Whether the pictures are in different classes."""
        return len({self.parts[self.part[k]].label(self.place[k]) for k in group} - {""}) > 1


def _repeated(parts: list[Kept]) -> Iterator[Problem]:
    """Duplicates and near duplicates, within a split and from one to the other."""
    readable = [part.readable for part in parts]
    which = np.repeat(np.arange(len(parts), dtype=np.uint8), [len(r) for r in readable])
    where = Places(parts, which, np.concatenate(readable))
    exact = np.concatenate([part.exact[r] for part, r in zip(parts, readable, strict=True)])
    groups = [g.tolist() for g in exact_groups(exact)]
    first = np.ones(len(exact), np.bool_)
    for group in groups:
        first[group[1:]] = False
    unique = np.flatnonzero(first)
    difference = np.concatenate([part.difference[r] for part, r in zip(parts, readable, strict=True)])
    thumbnails = np.concatenate([part.thumbnails[r] for part, r in zip(parts, readable, strict=True)])
    pairs = unique[near_pairs(difference[unique], thumbnails[unique])].tolist()
    yield from _same(where, groups)
    yield from _alike(where, pairs)


def _same(where: Places, groups: list[list[int]]) -> Iterator[Problem]:
    within = [g for g in groups if not where.across(g)]
    what = f"{{n}} group(s) of identical pictures, {sum(len(g) - 1 for g in within):,} superfluous."
    advice = "The generator sees these more often than the others. Keep one of each."
    evidence = (where.names(g) for g in within)
    yield from _problem("exact-duplicates", "warning", what, evidence, advice, len(within))
    across = [g for g in groups if where.across(g)]
    what = "{n} picture(s) are in train and in test, too."
    advice = "Scores against the test split are too good. Remove them from one of the splits."
    evidence = (where.names(g) for g in across)
    yield from _problem("exact-leakage", "warning", what, evidence, advice, len(across))
    torn = [g for g in groups if where.conflicting(g)]
    what = "{n} group(s) of identical pictures are in different classes."
    evidence = (where.names(g, classes=True) for g in torn)
    yield from _problem("conflicting-labels", "warning", what, evidence, "Decide which class is right.", len(torn))


def _alike(where: Places, pairs: list[list[int]]) -> Iterator[Problem]:
    severity: Severity = "warning" if len({k for p in pairs for k in p}) > MANY_NEAR * len(where.place) else "note"
    within = [p for p in pairs if not where.across(p)]
    what = "{n} pair(s) of pictures are nearly the same (another size, another compression, a slight change)."
    advice = "Look at some of them: copies are better removed, different pictures that look alike do no harm."
    evidence = (where.names(p) for p in within)
    yield from _problem("near-duplicates", severity, what, evidence, advice, len(within))
    across = [p for p in pairs if where.across(p)]
    what = "{n} pair(s) of a picture in train and one in test are nearly the same."
    advice = "Where these are copies, scores against the test split are too good: remove them from one split."
    evidence = (where.names(p) for p in across)
    yield from _problem("near-leakage", severity, what, evidence, advice, len(across))
    torn = [p for p in pairs if where.conflicting(p)]
    what = "{n} pair(s) of nearly the same pictures are in different classes."
    evidence = (where.names(p, classes=True) for p in torn)
    yield from _problem("conflicting-labels-near", "note", what, evidence, "Decide which class is right.", len(torn))
