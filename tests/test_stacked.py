"""stacked-mnist: stacks are what their triples say, its score has the known floor, and the judge reports both."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import entropy
from torch import Tensor

import gansmith
from gansmith.contracts import Batch, Dataset, Scorer, Spec
from gansmith.data import stacked
from gansmith.data.check import check
from gansmith.data.idx import open_idx_folder
from gansmith.data.images import Images
from gansmith.data.stacked import StackedFiles, open_stacked
from gansmith.errors import DataError
from gansmith.evaluation import Judge
from gansmith.features import find
from gansmith.features.random import RandomFeatures
from gansmith.metrics.stacked import stacked_counts, stacked_modes
from gansmith.scorers import find as find_scorers
from gansmith.scorers.stacked import StackedScorer

DIGITS = 3  # classes of the little mnist here: a bar above, a bar on the left, none


def _idx(array: NDArray[np.uint8]) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def _digits(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, DIGITS, count).astype(np.uint8)
    pixels = chance.integers(0, 60, (count, 8, 8)).astype(np.uint8)
    pixels[labels == 0, :2] += 180
    pixels[labels == 1, :, :2] += 180
    return pixels, labels


@pytest.fixture
def mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root with a little mnist in it; stacks are 700 and 400 then, and classifiers are trained shortly."""
    folder = tmp_path / "root" / "mnist"
    folder.mkdir(parents=True)
    for seed, (stem, count) in enumerate((("train", 300), ("t10k", 200))):
        pixels, labels = _digits(count, seed)
        (folder / f"{stem}-images-idx3-ubyte").write_bytes(_idx(pixels))
        (folder / f"{stem}-labels-idx1-ubyte").write_bytes(_idx(labels))
    monkeypatch.setattr(stacked, "COUNTS", {"train": 700, "test": 400})
    monkeypatch.setattr("gansmith.features.fit.samples_to_show", lambda count: 10 * count)
    return folder


def _opened(mnist: Path) -> tuple[Dataset, Dataset]:
    source = Images(str(mnist / "stacked-mnist"))
    test = source.open_test()
    assert test is not None
    return source.open()[0], test


# --- The data


def test_each_channel_is_the_digit_that_the_label_says(mnist: Path) -> None:
    files = open_stacked(mnist, "stacked-mnist", "train")
    single = open_idx_folder(mnist, "mnist", "train")
    assert single is not None
    assert single.labels is not None
    data, _ = _opened(mnist)
    assert data.spec == Spec((3, 8, 8))
    assert data.label_names == tuple(f"{a}{b}{c}" for a in range(3) for b in range(3) for c in range(3))
    assert data.labels is not None
    wanted = [5, 699, 0, 5]
    x = data.fetch(wanted).real
    for row, i in enumerate(wanted):
        for channel, j in enumerate(files._chosen[i]):
            expected = torch.from_numpy(single.pixels[j, 0].astype(np.float32) / 127.5 - 1)
            torch.testing.assert_close(x[row, channel], expected)
            assert int(data.label_names[int(data.labels[i])][channel]) == single.labels[j]
    assert np.array_equal(np.asarray(files.open(5)).transpose(2, 0, 1), files.pixels[5])


def test_the_triples_follow_from_the_seed(mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, again = (open_stacked(mnist, "x", "train") for _ in range(2))
    assert np.array_equal(first._chosen, again._chosen)
    assert first.fingerprint == again.fingerprint
    assert not np.array_equal(first._chosen[:400], open_stacked(mnist, "x", "test")._chosen)
    monkeypatch.setattr(stacked, "SEED", 1)
    assert open_stacked(mnist, "x", "train").fingerprint != first.fingerprint


def test_it_is_found_wherever_mnist_is(mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprint = _opened(mnist)[0].fingerprint
    monkeypatch.setenv("GANSMITH_DATA", str(mnist.parent))
    for name in ("stacked-mnist", "Stacked_MNIST"):
        assert Images(name).open()[0].fingerprint == fingerprint
    (mnist / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"made from mnist, whose train images and labels"):
        Images(str(mnist / "stacked-mnist")).open()


def test_training_is_told_the_classes_only_when_asked(mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacked, "COUNTS", {"train": 128_000, "test": 400})
    source = Images(str(mnist / "stacked-mnist"))
    survey = source.survey()
    assert (survey.count, survey.channels, len(survey.label_counts)) == (128_000, 3, 27)
    assert source.resolve(survey).classes is False
    asked = Images(source.path, classes=True)
    given = asked.resolve(asked.survey()).open()[0].fetch([0, 1]).given
    assert given is not None


def test_its_channels_are_mnist_itself_at_any_size(mnist: Path) -> None:
    plain = Images(str(mnist)).open()[0]
    data, _ = _opened(mnist)
    single = data.channels()
    assert single is not None
    assert (single.fingerprint, single.spec.shape) == (plain.fingerprint, (1, 8, 8))
    assert plain.channels() is None
    other = Images(str(mnist / "stacked-mnist"), resolution=(16, 12), classes=False).open()[0]
    assert other.fetch([3]).real.shape == (1, 3, 16, 12)
    assert other.channels().spec.shape == (1, 16, 12)  # type: ignore[union-attr]
    grey = Images(str(mnist / "stacked-mnist"), channels=1, classes=False).open()[0]
    assert grey.channels() is None


def test_check_finds_nothing_wrong_with_its_shape(mnist: Path) -> None:
    found = check(str(mnist / "stacked-mnist"))
    assert (found.splits["train"].count, found.splits["test"].count) == (700, 400)
    assert len(found.splits["train"].classes) == 27


# --- Its score


def test_modes_are_counted_and_measured_as_by_hand() -> None:
    answers = torch.randint(0, 4, (500, 3), generator=torch.Generator().manual_seed(0))
    by_hand = np.zeros(64, np.int64)
    for a, b, c in answers.tolist():
        by_hand[16 * a + 4 * b + c] += 1
    assert stacked_counts(answers, 4).tolist() == by_hand.tolist()
    found = stacked_modes(answers, 4)
    assert found.modes == int((by_hand > 0).sum())
    assert found.kl == pytest.approx(entropy(by_hand, np.ones(64)), abs=1e-12)


def test_the_extremes_are_exact_and_nonsense_is_refused() -> None:
    each = torch.cartesian_prod(*(torch.arange(10),) * 3)
    assert stacked_modes(each) == (1000, pytest.approx(0, abs=1e-12))
    assert stacked_modes(each[:1].expand(50, 3)) == (1, pytest.approx(math.log(1000)))
    for wrong in (torch.full((5, 3), 10), torch.rand(5, 3), torch.zeros(5, dtype=torch.int64)):
        with pytest.raises(ValueError, match=r"labels must|\[samples, channels\]"):
            stacked_modes(wrong)


def test_real_stacks_reach_the_known_floor(shared_data: Path) -> None:
    files = open_stacked(shared_data / "mnist", "stacked-mnist", "test")
    assert files.labels is not None
    bins = torch.from_numpy(files.labels.astype(np.int64))
    assert len(bins) == 26_000
    digits = torch.stack([bins // 100, bins // 10 % 10, bins % 10], dim=1)
    modes, kl = stacked_modes(digits)
    assert modes == 1000
    assert kl == pytest.approx(0.0237, abs=0.002)


def test_features_look_at_every_channel_by_itself(mnist: Path) -> None:
    data, test = _opened(mnist)
    extractor = find("auto", data, test)
    single = find("classifier", data.channels(), test.channels())  # type: ignore[arg-type, union-attr]
    assert (extractor.name, extractor.hash) == ("classifier", single.hash)
    assert extractor.details["accuracy"] > 0.95
    x = data.fetch(range(20)).real
    seen = extractor(x)
    assert seen.probabilities is None
    assert seen.vectors.shape == (20, extractor.details["features"]) == (20, 384)
    for k in range(3):
        torch.testing.assert_close(seen.vectors[:, 128 * k : 128 * (k + 1)], single(x[:, k : k + 1]).vectors)
    second = find("second", data, test)
    assert second.name == "second"
    assert second.hash != extractor.hash
    assert second.details["accuracy"] > 0.95
    with pytest.raises(ValueError, match="3 channels"):
        extractor(x[:, :1])


def test_the_scorer_sees_lost_modes_and_none_in_reals(mnist: Path) -> None:
    data, test = _opened(mnist)
    (scorer,) = find_scorers("auto", data, test)
    assert isinstance(scorer, StackedScorer)
    assert scorer.samples == 26_000
    assert data.labels is not None
    names = [data.label_names[k] for k in data.labels.tolist()]
    read = scorer.see(data.fetch(range(700)).real)
    assert sum("".join(map(str, r)) == name for r, name in zip(read.tolist(), names, strict=True)) > 0.95 * 700
    reals = scorer.score(read[:400])
    assert (reals["modes"], reals["modes_real"]) == (27, 27)
    assert reals["kl"] == pytest.approx(reals["kl_real"], abs=0.06)
    lost = scorer.score(read[read[:, 0] != 2])
    assert lost["modes"] == 18
    assert lost["kl"] > reals["kl"] + 0.3
    (second,) = find_scorers("second", data, test)
    assert second.protocol["hash"] != scorer.protocol["hash"]
    assert second.protocol["details"]["accuracy"] > 0.95
    assert find_scorers("auto", data.channels() or data) == ()


# --- The judge's scorers, of whatever kind


class Noise(Dataset):
    spec = Spec((1, 4, 4))
    fingerprint, labels, label_names = "00", None, ()

    def __len__(self) -> int:
        return 1200

    def fetch(self, indices: Sequence[int]) -> Batch:
        return Batch(torch.stack([_noise(1, i)[0] for i in indices]))


def _noise(count: int, seed: int) -> Tensor:
    return torch.rand(count, 1, 4, 4, generator=torch.Generator().manual_seed(seed)) * 2 - 1


class Mean(Scorer):
    """The mean of all samples."""

    def __init__(self, samples: int) -> None:
        self.name, self.samples = f"mean{samples}", samples
        self.protocol: dict[str, Any] = {"of": "pixels"}

    def see(self, x: Tensor) -> Tensor:
        return x.mean((1, 2, 3))

    def score(self, seen: Tensor) -> dict[str, float]:
        return {"value": float(seen.double().mean()), "count": float(len(seen))}


def test_the_judge_draws_as_many_as_scorers_want_and_feature_scores_stay() -> None:
    drawn: list[tuple[Tensor, int]] = []

    def draw(count: int, seed: int) -> tuple[Tensor, None]:
        drawn.append((_noise(count, seed), seed))
        return drawn[-1][0], None

    train = Noise()
    plain = Judge(RandomFeatures(train.spec), train, None, 700).score(draw)
    drawn.clear()
    scorers = (Mean(300), Mean(2100))
    judge = Judge(RandomFeatures(train.spec), train, None, 700, scorers=scorers)
    scores = judge.score(draw)
    assert [len(x) for x, _ in drawn] == [500, 200, 500, 500, 400]
    assert len({seed for _, seed in drawn}) == 5
    samples = torch.cat([x for x, _ in drawn]).double()
    for n in (300, 2100):
        assert scores.values.pop(f"mean{n}/count") == n
        assert scores.values.pop(f"mean{n}/value") == pytest.approx(float(samples[:n].mean()), abs=1e-7)
        assert scores.protocol[f"mean{n}"] == {"generated": n, "of": "pixels"}
    assert scores.values == plain.values
    drawn.clear()
    short = judge.score(draw, whole=False)
    assert [len(x) for x, _ in drawn] == [500, 200]
    assert (short.values["mean300/count"], short.values["mean2100/count"]) == (300, 700)


def test_a_training_by_name_is_scored_by_both_judges(
    mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StackedScorer, "samples", 380)
    trained = gansmith.train(
        "stacked-mnist",
        run=tmp_path / "run",
        recipe="article-mlp",
        samples=200,
        batch=50,
        data_root=mnist.parent,
        settings=["evaluate.times=1", "evaluate.samples=100", "evaluate.final_samples=100"],
    )
    assert trained.classes == ()
    told = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["scores"]
    assert 0 <= told["values"]["stacked/modes"] <= 27
    assert told["values"]["stacked/kl_real"] < 0.2
    assert told["protocol"]["stacked"]["generated"] == 380
    second = gansmith.evaluate(tmp_path / "run", features="second", samples=100)
    assert second.protocol["extractor"] == "second"
    assert second.protocol["hash"] == second.protocol["stacked"]["hash"] != told["protocol"]["stacked"]["hash"]


def test_a_file_in_the_place_of_the_name_wins(mnist: Path) -> None:
    (mnist / "stacked-mnist").mkdir()
    with pytest.raises(DataError, match="No pictures"):
        Images(str(mnist / "stacked-mnist")).open()
    assert isinstance(open_stacked(mnist, "x", "test"), StackedFiles)
