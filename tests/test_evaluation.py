"""The judge: real samples score as real, bad generators as bad ones, and every score carries its protocol."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from gansmith.contracts import Batch, Dataset, Extractor, Seen, Spec
from gansmith.errors import DataError, GansmithError
from gansmith.evaluation import Judge, Scores
from gansmith.features.random import RandomFeatures
from gansmith.metrics.frechet import frechet_distance

SHAPE = (1, 4, 4)
CLASSES = 3


def make(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Fresh samples of the true distribution: three brightnesses equally often, with noise; and their classes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES  # not by chance: that chance would outweigh all else in these distances
    noise = torch.randn(count, *SHAPE, generator=generator) * 0.05
    return (labels.view(-1, 1, 1, 1) - 1) * 0.6 + noise, labels


class Levels(Dataset):
    def __init__(self, count: int, seed: int, labelled: bool = True) -> None:
        self.x, labels = make(count, seed)
        self.spec = Spec(SHAPE)
        self.labels = labels if labelled else None
        self.label_names = ("dark", "grey", "light") if labelled else ()
        self.fingerprint = f"{seed:x}"

    def __len__(self) -> int:
        return len(self.x)

    def fetch(self, indices: Sequence[int]) -> Batch:
        assert len(indices) <= 500
        return Batch(self.x[list(indices)])


class Pixels(Extractor):
    """Pixels as features; brightness as class."""

    name = "pixels"
    hash = "0123456789abcdef"

    def __init__(self, labels: list[str] | None = None) -> None:
        self.details = {"labels": labels or ["dark", "grey", "light"], "resizer": "none: native resolution"}

    def __call__(self, x: Tensor) -> Seen:
        levels = torch.tensor([-0.6, 0.0, 0.6])
        return Seen(x.flatten(1), (-100 * (x.mean((1, 2, 3))[:, None] - levels).square()).softmax(1))


ALL = {
    "frechet", "frechet_ratio", "kernel", "precision", "recall", "density", "coverage", "sliced_wasserstein",
    "inception_score", "class_kl", "class_js", "classes_hit", "label_accuracy", "memorization/ratio_median",
    "memorization/ratio_lowest", "memorization/share_close", "diversity", "duplicates",
}  # fmt: skip


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(Pixels(), Levels(900, 1), Levels(900, 2), samples=600)


def test_fresh_real_samples_score_as_the_test_split_does(judge: Judge) -> None:
    scores = judge.score(lambda count, seed: make(count, seed + 100))
    assert scores.values.keys() == ALL
    assert scores.values["frechet_ratio"] == pytest.approx(1, abs=0.6)
    assert min(scores.values["precision"], scores.values["recall"]) > 0.75  # k = 3 balls do not hold all fresh reals
    for key in ("coverage", "density", "diversity", "memorization/ratio_median"):
        assert scores.values[key] == pytest.approx(1, abs=0.15), key
    assert abs(scores.values["kernel"]) < 0.01
    assert scores.values["classes_hit"] == CLASSES
    assert scores.values["label_accuracy"] == 1.0
    assert scores.values["class_kl"] < 0.02
    assert scores.values["inception_score"] == pytest.approx(3, abs=0.2)
    assert scores.values["duplicates"] < 0.06


def _collapsed(count: int, seed: int) -> tuple[Tensor, Tensor]:
    return make(1, 7)[0].expand(count, *SHAPE).clone(), torch.zeros(count, dtype=torch.int64)


def _blurred(count: int, seed: int) -> tuple[Tensor, Tensor]:
    x, labels = make(count, seed)
    return x.mean((2, 3), keepdim=True).expand(-1, *SHAPE).clone(), labels


def _shuffled_labels(count: int, seed: int) -> tuple[Tensor, Tensor]:
    x, labels = make(count, seed)
    return x, (labels + 1) % CLASSES


def test_a_collapsed_generator_is_seen_through(judge: Judge) -> None:
    values = judge.score(_collapsed).values
    assert values["frechet_ratio"] > 10
    assert values["recall"] < 0.05
    assert values["coverage"] < 0.05
    assert values["classes_hit"] == 1
    assert values["class_kl"] == pytest.approx(math.log(3), abs=0.1)
    assert values["inception_score"] == pytest.approx(1, abs=0.01)
    assert values["diversity"] < 0.01
    assert values["duplicates"] == 1.0


def test_a_blurring_generator_and_wrong_classes_are_seen_through(judge: Judge) -> None:
    assert judge.score(_blurred).values["frechet_ratio"] > 3
    assert judge.score(_shuffled_labels).values["label_accuracy"] == 0.0


def test_a_copying_generator_is_seen_through(judge: Judge) -> None:
    train = judge.train.fetch(judge.chosen[:500]).real
    values = judge.score(lambda count, seed: (train[:count], None)).values
    assert values["memorization/share_close"] > 0.99
    assert values["memorization/ratio_median"] < 0.01
    assert "label_accuracy" not in values


def test_samples_are_drawn_in_pieces_with_different_seeds() -> None:
    calls: list[tuple[int, int]] = []

    def draw(count: int, seed: int) -> tuple[Tensor, Tensor]:
        calls.append((count, seed))
        return make(count, seed)

    train = Levels(1300, 1)
    first = Judge(Pixels(), train, None, samples=1200).score(draw)
    assert [count for count, _ in calls] == [500, 500, 200]
    assert len({seed for _, seed in calls}) == 3
    again = Judge(Pixels(), train, None, samples=1200).score(draw)
    assert again == first
    Judge(Pixels(), train, None, samples=1200, seed=1).score(draw)
    assert not {seed for _, seed in calls[:3]} & {seed for _, seed in calls[6:]}


def test_the_ratio_is_formed_from_equal_counts_and_says_so() -> None:
    train, test = Levels(300, 1), Levels(80, 2)
    judge = Judge(Pixels(), train, test)
    scores = judge.score(make)
    fakes = make(300, 0)[0].flatten(1)
    reference = train.x[judge.chosen].flatten(1)
    chosen = torch.randperm(80, generator=torch.Generator().manual_seed(0))
    held_out = frechet_distance(test.x[chosen].flatten(1), reference[:80])
    expected = frechet_distance(fakes[:80], reference[:80]) / held_out
    assert scores.values["frechet"] == pytest.approx(frechet_distance(fakes, reference), rel=1e-6)
    assert scores.values["frechet_ratio"] == pytest.approx(expected, rel=1e-6)
    protocol = scores.protocol
    assert (protocol["generated"], protocol["reference"], protocol["test"]) == (300, 300, 80)
    assert any("80 samples on each side" in note for note in protocol["notes"])


def test_protocol_names_everything_and_is_json(judge: Judge) -> None:
    scores = judge.score(make)
    assert json.loads(scores.to_json()) == {"values": scores.values, "protocol": scores.protocol}
    assert scores.protocol["extractor"] == "pixels"
    assert scores.protocol["hash"] == "0123456789abcdef"
    assert scores.protocol["reference_split"] == "train"
    assert scores.protocol["resizer"] == "none: native resolution"
    assert "memorization looks at 600 of 900 training samples" in scores.protocol["notes"]
    assert not any("fid" in key.lower() for key in scores.values)
    with pytest.raises(ValueError, match="JSON"):
        Scores({"frechet": math.nan}).to_json()


def test_without_classes_or_test_split_those_scores_are_absent() -> None:
    judge = Judge(RandomFeatures(Spec(SHAPE)), Levels(60, 1, labelled=False), None)
    scores = judge.score(lambda count, seed: (make(count, seed)[0], None))
    assert scores.values.keys() == {
        k for k in ALL if not k.startswith(("class", "inception", "label")) and k != "frechet_ratio"
    }
    assert "frechet is biased: fewer samples than features" in scores.protocol["notes"]
    foreign = Judge(Pixels(["shoe", "hat", "bag"]), Levels(60, 1), None).score(make)
    assert "inception_score" in foreign.values
    assert not foreign.values.keys() & {"class_kl", "label_accuracy"}


def test_nearest_finds_training_samples_beyond_the_reference() -> None:
    train = Levels(400, 1)
    judge = Judge(Pixels(), train, None, samples=50)
    found, distances = judge.nearest(train.x[100:120] + 1e-4)
    assert torch.equal(found, train.x[100:120])
    assert distances.shape == (20,)
    assert bool((distances < 1e-2).all())


def _refused(call: Callable[[], object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_what_cannot_be_judged_is_refused_in_words(judge: Judge) -> None:
    _refused(
        lambda: judge.score(lambda count, seed: (torch.full((count, *SHAPE), math.nan), None)), GansmithError, "NaN"
    )
    _refused(lambda: Judge(Pixels(), Levels(1, 1), None), DataError, "2 samples or more")
    same = Levels(20, 1)
    same.x[:] = 0.5
    _refused(lambda: Judge(Pixels(), same, None), DataError, "look the same")
