"""Features kept by content: computed once, never another's, and a broken cache is done without."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gansmith.cache import cache_folder
from gansmith.contracts import Extractor, Seen
from gansmith.features import kept
from gansmith.features.kept import see_kept


class Doubled(Extractor):
    """Twice the pixels; counts how often it looks."""

    def __init__(self, hash: str = "a", *, classes: bool = True) -> None:
        self.name, self.hash, self.details, self.classes, self.calls = "doubled", hash, {}, classes, 0

    def __call__(self, x: Tensor) -> Seen:
        self.calls += 1
        vectors = 2 * x.flatten(1)
        return Seen(vectors, vectors.softmax(1) if self.classes else None)


@pytest.fixture(autouse=True)
def worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "WORTH_SECONDS", 0.0)


def files() -> list[Path]:
    return sorted((cache_folder() / "seen").glob("*"))


@pytest.mark.parametrize("classes", [True, False])
def test_the_same_samples_are_seen_once(classes: bool) -> None:
    extractor, x = Doubled(classes=classes), torch.rand(5, 3, 4, 4)
    first, again = see_kept(extractor, x), see_kept(extractor, x.clone())
    assert extractor.calls == 1
    assert torch.equal(first.vectors, again.vectors)
    assert (again.probabilities is None) == (not classes)


def test_other_samples_types_shapes_and_extractors_are_seen_anew() -> None:
    x = torch.zeros(4, 1, 2, 2)
    for extractor, other in (
        (Doubled(), x),
        (Doubled("b"), x),
        (Doubled(), x.double()),
        (Doubled(), x.view(4, 1, 1, 4)),
        (Doubled(), torch.ones_like(x)),
        (Doubled(), x[:3]),
    ):
        see_kept(extractor, other)
        assert extractor.calls == 1
    assert len(files()) == 6


def test_what_is_quickly_seen_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "WORTH_SECONDS", 60.0)
    see_kept(Doubled(), torch.rand(2, 1, 2, 2))
    assert files() == []


def test_a_damaged_file_is_replaced() -> None:
    extractor, x = Doubled(), torch.rand(2, 1, 2, 2)
    see_kept(extractor, x)
    (path,) = files()
    path.write_bytes(b"no features")
    assert torch.equal(see_kept(extractor, x).vectors, 2 * x.flatten(1))
    see_kept(extractor, x)
    assert extractor.calls == 2


def test_without_a_writable_cache_all_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path / "file"))
    assert see_kept(Doubled(), torch.rand(2, 1, 2, 2)).vectors.shape == (2, 4)


def test_what_was_longest_not_used_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    extractor, x = Doubled(), [torch.full((2, 1, 2, 2), float(k)) for k in range(3)]
    see_kept(extractor, x[0])
    (oldest,) = files()
    see_kept(extractor, x[1])
    (second,) = set(files()) - {oldest}
    os.utime(oldest, (1, 1))
    os.utime(second, (2, 2))
    see_kept(extractor, x[0])  # used: now the newest
    monkeypatch.setattr(kept, "MOST_BYTES", 2 * oldest.stat().st_size)
    see_kept(extractor, x[2])
    assert oldest in files()
    assert second not in files()
    assert len(files()) == 2
