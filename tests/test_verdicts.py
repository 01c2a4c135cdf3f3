"""Histograms of the discriminator's scores: written at each look, read from any file."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import gansmith
from gansmith.folder import metrics_log
from gansmith.folder.verdicts import BINS, NAME, append, read


def test_what_is_written_is_read(tmp_path: Path) -> None:
    scores = {"real": torch.randn(500), "fake": torch.randn(400) - 3, "held_out": torch.tensor([0.0, float("nan")])}
    append(tmp_path, 2_000, scores)
    (look,) = read(tmp_path)
    everything = torch.cat([s[s.isfinite()] for s in scores.values()]).double()
    assert (look["low"], look["high"]) == (float(everything.min()), float(everything.max()))
    for kind, count in (("real", 500), ("fake", 400), ("held_out", 1)):
        edges = np.linspace(look["low"], look["high"], BINS + 1)
        values = scores[kind][scores[kind].isfinite()].double().numpy()
        wanted = [((values >= a) & ((values < b) | (b == edges[-1]))).sum() for a, b in itertools.pairwise(edges)]
        assert look["counts"][kind] == wanted
        assert sum(wanted) == count


def test_a_discriminator_without_an_opinion_or_a_number(tmp_path: Path) -> None:
    append(tmp_path, 1, {"real": torch.full((3,), float("nan")), "fake": torch.full((3,), float("inf"))})
    assert read(tmp_path) == []
    append(tmp_path, 2, {"real": torch.zeros(3), "fake": torch.zeros(2)})
    assert (read(tmp_path)[0]["low"], read(tmp_path)[0]["high"]) == (-0.5, 0.5)
    assert sum(read(tmp_path)[0]["counts"]["real"]) == 3


def test_of_a_training_that_went_back_the_later_looks_count(tmp_path: Path) -> None:
    for seen, score in ((2_000, 0.0), (7_000, 1.0), (12_000, 2.0), (7_000, 5.0)):
        append(tmp_path, seen, {"real": torch.tensor([score]), "fake": torch.tensor([score - 1])})
    assert [(look["samples_seen"], look["high"]) for look in read(tmp_path)] == [(2_000, 0.0), (7_000, 5.0)]


@pytest.mark.parametrize(
    "change",
    [
        {"samples_seen": -1},
        {"low": "NaN"},
        {"high": None},
        {"high": float("nan")},
        {"counts": [1]},
        {"counts": {"real": [1]}},
        {"counts": {"real": ["<script>"] * BINS}},
        {"counts": {"real": [-1] * BINS}},
    ],
    ids=str,
)
def test_other_lines_are_passed_over(change: dict[str, object], tmp_path: Path) -> None:
    append(tmp_path, 2_000, {"real": torch.zeros(3)})
    line = json.loads((tmp_path / NAME).read_text())
    with (tmp_path / NAME).open("a") as file:
        file.write(json.dumps(line | {"samples_seen": 9_000} | change) + '\n{"samples_se')
    assert [look["samples_seen"] for look in read(tmp_path)] == [2_000]


def test_of_a_file_larger_than_any_of_ours_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seen in range(1_000, 9_000, 1_000):
        append(tmp_path, seen, {"real": torch.zeros(3)})
    monkeypatch.setattr(metrics_log, "MOST", 2 * (tmp_path / NAME).stat().st_size // 8 + 10)
    assert [look["samples_seen"] for look in read(tmp_path)] == [7_000, 8_000]


def test_a_training_writes_them(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    small = ["architecture.width=4", "evaluate.times=0", "evaluate.features=random", "evaluate.final_samples=20"]
    gansmith.train("digits", run=tmp_path / "run", recipe="dcgan", samples=2_100, settings=small)
    look = read(tmp_path / "run")[0]
    assert look["samples_seen"] >= 2_000
    assert {kind: sum(counts) > 100 for kind, counts in look["counts"].items()} == dict.fromkeys(
        ("real", "fake", "held_out"), True
    )
