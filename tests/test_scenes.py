"""scenes: drawn as their factors say, by rules that hold; and a recogniser that reads composition back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from gansmith.contracts import Batch, Composition, Dataset, Spec
from gansmith.data.images import Images
from gansmith.data.scene_factors import COMPANIONS, COUNT_SHARES, FORBIDDEN, KINDS, MOST, draw_factors
from gansmith.data.scenes import PAINTS, SceneFiles, draw_scene, open_scenes
from gansmith.errors import DataError
from gansmith.features import find
from gansmith.features.recogniser import Recogniser, fit_recogniser
from gansmith.metrics.composition import (
    Compositions,
    composition,
    count_distance,
    couples_distance,
    share_with,
    together,
)
from gansmith.scorers import find as find_scorers

FACTORS = draw_factors(6000, (0, 0))

# --- The distribution


def test_a_scene_follows_from_seed_and_index_alone() -> None:
    few, other = draw_factors(10, (0, 0)), draw_factors(10, (1, 0))
    for name in ("count", "kind", "place", "radius", "turn", "shade", "ground"):
        assert np.array_equal(getattr(few, name), getattr(FACTORS, name)[:10]), name
        assert not np.array_equal(getattr(few, name), getattr(other, name)), name


def test_counts_and_rules_are_as_stated() -> None:
    f = FACTORS
    shares = np.bincount(f.count, minlength=MOST + 1)[1:] / len(f.count)
    assert shares == pytest.approx(COUNT_SHARES, abs=0.025)
    assert ((f.kind >= 0).sum(1) == f.count).all()
    assert (f.present.sum(1) == f.count).all()  # no kind twice
    assert len(FORBIDDEN) == 12
    assert not any((f.present[:, i] & f.present[:, j]).any() for i, j in FORBIDDEN)
    names = {frozenset((KINDS[i], KINDS[j])) for i, j in FORBIDDEN}
    assert {"green star", "yellow triangle"} in names
    assert (KINDS.index("red circle"), KINDS.index("cyan square")) in COMPANIONS
    follows = [f.kind[n, k] == dict(COMPANIONS)[f.kind[n, k - 1]] for n in range(6000) for k in range(1, f.count[n])]
    assert 0.45 < np.mean(follows) < 0.56
    assert f.present.mean(0) == pytest.approx(np.full(24, 2.5 / 24), abs=0.02)
    assert np.array_equal(f.kind[f.kind >= 0], (4 * f.colour + f.shape)[f.kind >= 0])


def test_without_rules_only_the_company_changes() -> None:
    free = draw_factors(6000, (0, 0), rules=False)
    for name in ("count", "place", "radius", "turn", "shade", "ground"):
        assert np.array_equal(getattr(free, name), getattr(FACTORS, name)), name
    assert np.array_equal(free.kind[:, 0], FACTORS.kind[:, 0])
    assert (free.present.sum(1) == free.count).all()
    rates = free.present.T.astype(float) @ free.present / 6000
    expected = sum(share * n * (n - 1) for n, share in enumerate(COUNT_SHARES, 1)) / (24 * 23)
    for couples in (COMPANIONS, FORBIDDEN):
        assert np.mean([rates[i, j] for i, j in couples]) == pytest.approx(expected, rel=0.12)
    data = Images("scenes", (16, 16), channels=3, classes=False).open()[0]
    chance = data.without_rules()
    assert chance is not None
    assert len(chance) == len(data)
    assert chance.spec == data.spec
    assert chance.fingerprint != data.fingerprint


def test_objects_lie_inside_and_do_not_hide_each_other() -> None:
    f, hidden = FACTORS, 0
    margin = 1.2 * f.radius[..., None]
    assert ((f.place >= margin - 1e-12) & (f.place <= 1 - margin + 1e-12)).all()
    for i, j in itertools.combinations(range(MOST), 2):
        both = f.count > j
        distance = np.linalg.norm(f.place[:, i] - f.place[:, j], axis=1)
        hidden += int((both & (distance < 0.6 * (f.radius[:, i] + f.radius[:, j]))).sum())
    assert hidden < 0.015 * len(f.count)


# --- The pictures


@pytest.mark.parametrize("side", [32, 64, 100])
def test_each_object_is_where_its_factors_say_in_its_colour(side: int) -> None:
    """At its centre (no shape has a hole), unless an object drawn later lies over it."""
    looked_at = 0
    for i in range(60):
        pixels = np.asarray(draw_scene(FACTORS, i, side)).astype(np.int64)
        assert pixels.shape == (side, side, 3)
        for k in range(int(FACTORS.count[i])):
            later = range(k + 1, int(FACTORS.count[i]))
            reach = [np.linalg.norm(FACTORS.place[i, k] - FACTORS.place[i, j]) / FACTORS.radius[i, j] for j in later]
            if min(reach, default=9) < 1.4:
                continue
            x, y = (FACTORS.place[i, k] * side).astype(int)
            paint = np.array(PAINTS[FACTORS.colour[i, k]]) * FACTORS.shade[i, k]
            assert np.abs(pixels[y, x] - paint).max() <= 1, (i, k)
            looked_at += 1
    assert looked_at > 80


def test_shapes_differ_and_edges_are_smooth() -> None:
    """Areas in squared radii: a circle .81 pi, a square 2.42, a triangle 1.87, a star some 1.76."""
    expected = {"circle": 2.545, "square": 2.42, "triangle": 1.871, "star": 1.763}
    single = np.flatnonzero(FACTORS.count == 1)
    seen = set()
    for i in single[:60]:
        shape = KINDS[FACTORS.kind[i, 0]].split()[1]
        side, paint = 64, np.array(PAINTS[FACTORS.colour[i, 0]]) * FACTORS.shade[i, 0]
        inside = np.abs(np.asarray(draw_scene(FACTORS, int(i), side)).astype(float) - paint).max(2) <= 1
        area = inside.sum() / (FACTORS.radius[i, 0] * side) ** 2
        assert 0.72 * expected[shape] < area < 1.0 * expected[shape]  # the edge's pixels are mixed
        seen.add(shape)
    assert len(seen) == 4


def test_other_sizes_show_the_same_scene() -> None:
    for i in range(10):
        large = np.asarray(draw_scene(FACTORS, i, 128).reduce(2)).astype(float)
        assert np.abs(large - np.asarray(draw_scene(FACTORS, i, 64))).mean() < 2


def test_the_built_in_name_gives_both_splits_unconditional() -> None:
    source = Images("scenes")
    survey = source.survey()
    assert (survey.count, survey.test_count, survey.channels) == (20_000, 2_000, 3)
    resolved = source.resolve(survey)
    assert (resolved.resolution, resolved.classes) == ((64, 64), False)
    small = Images("scenes", (16, 16), channels=3, classes=False)
    data, test = small.open()[0], small.open_test()
    assert test is not None
    assert data.fingerprint != test.fingerprint
    assert data.fingerprint == open_scenes("train").fingerprint
    assert data.label_names == ("1 object", "2 objects", "3 objects", "4 objects")
    assert data.labels is not None
    assert data.composition is not None
    assert torch.equal(data.labels + 1, data.composition.counts)
    assert torch.equal(data.composition.present.sum(1), data.composition.counts)
    assert torch.equal(data.fetch([7, 3]).real, data.fetch([3, 7]).real.flip(0))


def test_factors_are_the_same_on_every_machine() -> None:
    assert SceneFiles("x", 100, (0, 0)).fingerprint[:16] == "87a9efc6ef929232"


# --- What is measured


def _by_hand(present: Tensor, i: int, j: int) -> float:
    return sum(bool(row[i]) and bool(row[j]) for row in present) / len(present)


def test_composition_is_measured_as_by_hand() -> None:
    chance = torch.Generator().manual_seed(0)
    a, b = (torch.rand(n, 4, generator=chance) < 0.5 for n in (60, 90))
    expected = [_by_hand(a, i, j) for i, j in itertools.combinations(range(4), 2)]
    assert together(a).tolist() == pytest.approx(expected)
    other = [_by_hand(b, i, j) for i, j in itertools.combinations(range(4), 2)]
    assert couples_distance(a, b) == pytest.approx(np.abs(np.subtract(expected, other)).mean())
    either = sum(bool((row[0] and row[2]) or (row[3] and row[1])) for row in a) / 60
    assert share_with(a, ((0, 2), (3, 1))) == pytest.approx(either)
    assert share_with(a, ()) == 0
    counts = torch.tensor([1, 1, 2, 4]), torch.tensor([1, 2, 2, 3, 3])
    assert count_distance(*counts) == pytest.approx((0.3 + 0.15 + 0.4 + 0.25) / 2)
    assert count_distance(counts[0], counts[0]) == 0
    with pytest.raises(ValueError, match="4 kinds were generated, but the reference has 3"):
        composition(Compositions(a.sum(1), a), Compositions(b.sum(1), b[:, :3]), (), ())
    with pytest.raises(ValueError, match="Wanted counts"):
        composition(Compositions(a.sum(1)[:0], a[:0]), Compositions(b.sum(1), b), (), ())


def test_right_objects_in_wrong_company_are_far_above_the_floor() -> None:
    """As a generator would that has learnt kinds and counts, but not what goes together."""
    known = SceneFiles("x", 4000, (0, 0)).composition
    real = Compositions(known.counts, known.present)
    held_out = SceneFiles("x", 2000, (0, 1)).composition
    floor = composition(Compositions(held_out.counts, held_out.present), real, COMPANIONS, FORBIDDEN)
    mixed = torch.from_numpy(draw_factors(2000, (0, 1), rules=False).present)
    wrong = composition(Compositions(held_out.counts, mixed), real, COMPANIONS, FORBIDDEN)
    assert floor["counts"] == wrong["counts"] < 0.03
    assert wrong["couples"] > 2 * floor["couples"]
    assert floor["forbidden"] == 0
    assert wrong["forbidden"] > 0.08
    assert wrong["companions"] < 0.5 * floor["companions"]


class Bars(Dataset):
    """Noise with a bright bar above, a bright bar below, or both, and a spot where there are both."""

    def __init__(self, count: int, seed: int, known: bool = True, shape: tuple[int, ...] = (1, 8, 8)) -> None:
        chance = torch.Generator().manual_seed(seed)
        which = torch.randint(0, 3, (count,), generator=chance)
        present = torch.stack([which != 1, which != 0], dim=1)
        self.x = torch.rand(count, *shape, generator=chance) * 0.5 - 1
        self.x[present[:, 0], :, :2] += 1.2
        self.x[present[:, 1], :, -2:] += 1.2
        self.spec, self.fingerprint = Spec(shape), f"{seed:04x}{count:04x}"
        self.labels, self.label_names = None, ()
        if known:
            self.composition = Composition(present.sum(1), present, ("above", "below"), companions=((0, 1),))

    def __len__(self) -> int:
        return len(self.x)

    def fetch(self, indices: Sequence[int]) -> Batch:
        return Batch(self.x[list(indices)])


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gansmith.features.fit.samples_to_show", lambda count: 4 * count)


@pytest.mark.usefixtures("short")
def test_the_recogniser_reads_composition_and_is_cached() -> None:
    data, test, heard = Bars(400, 0), Bars(200, 1), list[str]()
    first = find("auto", data, test, heard.append)
    assert isinstance(first, Recogniser)
    assert first.name == "recogniser"
    assert min(first.details["count_accuracy"], first.details["kinds_accuracy"]) > 0.95
    assert first.details["accuracy_on"] == "200 samples of the test split"
    assert "a recogniser of 2 kinds on 400 samples" in heard[0]
    read = first.read(test.x)
    assert test.composition is not None
    assert (read[:, 0] == test.composition.counts).double().mean() > 0.95
    assert (read[:, 1:].bool() == test.composition.present).all(1).double().mean() > 0.95
    heard.clear()
    again = find("recogniser", data, test, heard.append)
    assert heard == []
    assert again.hash == first.hash
    assert torch.equal(again(test.x).vectors, first(test.x).vectors)
    second = find("second", data, test)
    assert (second.name, second.details["network"]) == ("second", "residual")
    assert second.hash != first.hash
    assert min(second.details["count_accuracy"], second.details["kinds_accuracy"]) > 0.95
    with pytest.raises(DataError, match="put together from"):
        fit_recogniser(Bars(20, 0, known=False))


@pytest.mark.usefixtures("short")
def test_the_recogniser_is_trained_where_no_rules_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    data, test, free = Bars(100, 0), Bars(50, 1), Bars(400, 2)
    assert fit_recogniser(free, test).details["company"] == "as in the data"
    monkeypatch.setattr(data, "without_rules", lambda: free)
    monkeypatch.setattr(test, "without_rules", lambda: Bars(200, 3))
    monkeypatch.setattr(data, "fetch", lambda indices: pytest.fail("the data with rules was trained on"))
    found = fit_recogniser(data, test)
    assert found.details["trained_on"] == 400
    assert found.details["accuracy_on"] == "200 samples of the test split"
    assert "by chance" in found.details["company"]


@pytest.mark.usefixtures("short")
def test_the_scorer_tells_reals_from_broken_composition() -> None:
    data, test = Bars(600, 0), Bars(300, 1)
    (scorer,) = find_scorers("auto", data, test)
    assert (scorer.name, scorer.samples) == ("composition", 300)
    assert scorer.protocol["details"]["count_accuracy"] > 0.95
    fresh = Bars(300, 2)
    reals = scorer.score(scorer.see(fresh.x))
    assert reals["companions"] == pytest.approx(reals["companions_real"], abs=0.08)
    for name in ("counts", "couples"):
        assert reals[name] < 0.12
        assert reals[f"{name}_real"] < 0.12
    assert fresh.composition is not None
    alone = fresh.x[fresh.composition.counts == 1]
    broken = scorer.score(scorer.see(alone))
    assert broken["counts"] > 0.25
    assert broken["couples"] > 0.25
    assert broken["companions"] < 0.05
    (without,) = find_scorers("auto", data)
    assert without.samples == 300  # half of the training split stands in for a held-out one
    assert "not in the reference" in without.protocol["real"]
