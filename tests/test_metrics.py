"""Metrics against other libraries, closed forms, float64 loops, and what they must say of known generators."""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import gansmith.metrics
from gansmith.metrics import distances
from gansmith.metrics.diversity import diversity, least_diversity_within
from gansmith.metrics.frechet import Moments, frechet_distance, frechet_from_moments
from gansmith.metrics.histogram import class_histogram
from gansmith.metrics.inception_score import inception_score
from gansmith.metrics.kernel import kernel_distance
from gansmith.metrics.memorization import memorization
from gansmith.metrics.prdc import prdc
from gansmith.metrics.sliced import sliced_wasserstein
from gansmith.metrics.two_sample import told_apart


def _find(*arguments: str) -> dict[str, Callable[..., Any]]:
    """Every public metric whose arguments without defaults are called `arguments`."""
    found = {}
    for info in pkgutil.iter_modules(gansmith.metrics.__path__):
        if info.name == "checks":
            continue
        module = importlib.import_module(f"gansmith.metrics.{info.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            needed = [p.name for p in inspect.signature(function).parameters.values() if p.default is p.empty]
            if function.__module__ == module.__name__ and not name.startswith("_") and tuple(needed) == arguments:
                found[name] = function
    return found


TWO_SETS = _find("generated", "reference")
pairs = pytest.mark.parametrize("metric", TWO_SETS.values(), ids=TWO_SETS.keys())


def _numbers(result: Any) -> dict[str, float]:
    """The scalar parts of what a metric returns."""
    if isinstance(result, float):
        return {"value": result}
    return {k: v for k, v in result._asdict().items() if isinstance(v, float)}


def _gaussian(count: int, size: int = 6, seed: int = 0, shift: float = 0.0, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, size, generator=generator, dtype=torch.float64) * scale + shift


def test_all_metrics_are_found() -> None:
    names = {
        "frechet_distance",
        "kernel_distance",
        "prdc",
        "sliced_wasserstein",
        "memorization",
        "diversity",
        "told_apart",
    }
    assert names <= TWO_SETS.keys()


@pairs
def test_order_of_samples_does_not_matter(metric: Callable[..., Any]) -> None:
    a, b = _gaussian(40, seed=1), _gaussian(40, seed=2, shift=0.5)
    shuffled = a[torch.randperm(40)], b[torch.randperm(40)]
    assert _numbers(metric(*shuffled)) == pytest.approx(_numbers(metric(a, b)), rel=1e-9, abs=1e-9)


@pairs
def test_moving_both_sets_does_not_matter_unless_the_kernel_is_anchored(metric: Callable[..., Any]) -> None:
    if metric is kernel_distance:
        pytest.skip("the cubic kernel is not translation invariant, by definition")
    a, b = _gaussian(40, seed=1), _gaussian(50, seed=2, shift=0.5)
    moved = _numbers(metric(a + 1000, b + 1000))
    assert moved == pytest.approx(_numbers(metric(a, b)), rel=1e-6, abs=1e-6)


@pairs
def test_inputs_are_left_alone_and_half_precision_is_widened(metric: Callable[..., Any]) -> None:
    a, b = _gaussian(30, seed=1).half(), _gaussian(30, seed=2).half()
    kept = a.clone(), b.clone()
    assert _numbers(metric(a, b)) == _numbers(metric(a.double(), b.double()))
    assert torch.equal(a, kept[0])
    assert torch.equal(b, kept[1])


@pairs
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_refuses_what_is_not_finite(metric: Callable[..., Any], value: float, side: int) -> None:
    sets = [_gaussian(10, seed=1), _gaussian(10, seed=2)]
    sets[side][3, 2] = value
    with pytest.raises(ValueError, match=r"(generated|reference) features are not finite .* 1 of 10 rows"):
        metric(*sets)


@pairs
def test_refuses_wrong_shapes_in_words(metric: Callable[..., Any]) -> None:
    good = _gaussian(10)
    with pytest.raises(ValueError, match="2 rows"):
        metric(good[:1], good)
    with pytest.raises(ValueError, match="2 rows"):
        metric(good, good[:1])
    with pytest.raises(ValueError, match="matrix"):
        metric(good[0], good)
    with pytest.raises(ValueError, match="6 features and the reference has 5"):
        metric(good, good[:, :5])


@pairs
def test_blocks_give_what_one_piece_gives(metric: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = _gaussian(33, seed=1), _gaussian(47, seed=2)
    whole = _numbers(metric(a, b))
    monkeypatch.setattr(distances, "BLOCK_ELEMENTS", 100)
    monkeypatch.setattr("gansmith.metrics.kernel.BLOCK_ELEMENTS", 100)
    assert _numbers(metric(a, b)) == pytest.approx(whole, rel=1e-9, abs=1e-12)


# --- Frechet distance


def _scipy_frechet(a: np.ndarray, b: np.ndarray) -> float:
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(cov_a @ cov_b).real
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a + cov_b - 2 * root))


def test_frechet_equals_scipy() -> None:
    mix = _gaussian(20, 20, seed=3)
    a, b = _gaussian(300, 20, seed=1) @ mix, _gaussian(250, 20, seed=2, shift=0.3)
    assert frechet_distance(a, b) == pytest.approx(_scipy_frechet(a.numpy(), b.numpy()), rel=1e-9)


def test_frechet_equals_the_closed_form_of_diagonal_gaussians() -> None:
    base = _gaussian(500, 4, seed=1)
    base = (base - base.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(base.T.cov())).T  # covariance exactly 1
    scales, shifts = torch.tensor([1.0, 2.0, 0.5, 3.0]).double(), torch.tensor([0.0, 1.0, -2.0, 0.5]).double()
    expected = float(shifts.square().sum() + (scales - 1).square().sum())
    assert frechet_distance(base * scales + shifts, base) == pytest.approx(expected, rel=1e-9)


def test_frechet_of_equal_sets_is_zero_and_it_is_symmetric() -> None:
    a, b = _gaussian(100, seed=1), _gaussian(90, seed=2, scale=2)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)


def test_frechet_works_with_fewer_samples_than_features() -> None:
    a, b = _gaussian(10, 50, seed=1), _gaussian(12, 50, seed=2)
    assert frechet_distance(a, b) == pytest.approx(_scipy_frechet(a.numpy(), b.numpy()), rel=1e-4)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 20), min_size=2, max_size=6), st.floats(-1e4, 1e4))
def test_moments_of_pieces_are_those_of_the_whole(sizes: list[int], shift: float) -> None:
    x = _gaussian(sum(sizes), 3, seed=5, shift=shift)
    moments = Moments()
    for part in x.split(sizes):
        moments.add(part)
    assert moments.count == len(x)
    torch.testing.assert_close(moments.mean, x.mean(0))
    torch.testing.assert_close(moments.covariance, x.T.cov(), rtol=1e-6, atol=1e-8)


def test_moments_refuse_in_words() -> None:
    moments = Moments()
    with pytest.raises(ValueError, match="add a batch"):
        _ = moments.mean
    moments.add(_gaussian(1, 3))
    with pytest.raises(ValueError, match="2 or more samples"):
        _ = moments.covariance
    with pytest.raises(ValueError, match="had 3 features, this one has 4"):
        moments.add(_gaussian(2, 4))
    with pytest.raises(ValueError, match="NaN"):
        moments.add(torch.full((2, 3), math.nan))
    moments.add(_gaussian(5, 3))
    other = Moments()
    other.add(_gaussian(5, 2))
    with pytest.raises(ValueError, match="same extractor"):
        frechet_from_moments(moments, other)


# --- Kernel distance


def _naive_kernel(x: Tensor, y: Tensor) -> float:
    def k(u: Tensor, v: Tensor) -> float:
        return (float(u @ v) / len(u) + 1) ** 3

    n, m = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return xx + yy - 2 * sum(k(u, v) for u in x for v in y) / (n * m)


def test_kernel_equals_the_loop_on_whole_sets() -> None:
    a, b = _gaussian(20, seed=1), _gaussian(20, seed=2, shift=0.4)
    assert kernel_distance(a, b) == pytest.approx(_naive_kernel(a, b), rel=1e-10)


def test_kernel_equals_the_mean_of_loops_on_its_subsets() -> None:
    a, b = _gaussian(15, seed=1), _gaussian(18, seed=2, shift=0.4)
    generator = torch.Generator().manual_seed(7)
    in_a = [torch.randperm(15, generator=generator)[:8] for _ in range(5)]
    in_b = [torch.randperm(18, generator=generator)[:8] for _ in range(5)]
    expected = sum(_naive_kernel(a[i], b[j]) for i, j in zip(in_a, in_b, strict=True)) / 5
    assert kernel_distance(a, b, subset_size=8, subsets=5, seed=7) == pytest.approx(expected, rel=1e-10)


def test_kernel_is_unbiased_seeded_and_can_be_negative() -> None:
    values = [kernel_distance(_gaussian(60, seed=2 * i), _gaussian(60, seed=2 * i + 1)) for i in range(60)]
    assert min(values) < 0 < max(values)
    assert abs(float(np.mean(values))) < 3 * float(np.std(values)) / math.sqrt(len(values))
    a, b = _gaussian(30, seed=1), _gaussian(40, seed=2)
    assert kernel_distance(a, b, subset_size=10, seed=1) == kernel_distance(a, b, subset_size=10, seed=1)
    assert kernel_distance(a, b, subset_size=10, seed=1) != kernel_distance(a, b, subset_size=10, seed=2)


def test_against_torchmetrics_where_it_is_installed() -> None:
    image = pytest.importorskip("torchmetrics.image.kid")
    a, b = _gaussian(50, seed=1), _gaussian(50, seed=2, shift=0.2)
    assert kernel_distance(a, b) == pytest.approx(float(image.poly_mmd(b, a)), rel=1e-8)


# --- Precision, recall, density, coverage


def _naive_prdc(fake: Tensor, real: Tensor, k_precision: int, k_density: int) -> tuple[float, ...]:
    def distance(u: Tensor, v: Tensor) -> float:
        return float((u - v).square().sum().sqrt())

    def radius(x: Tensor, k: int) -> list[float]:
        return [sorted(distance(u, v) for v in x)[k] for u in x]

    def share_inside(points: Tensor, centers: Tensor, radii: list[float]) -> float:
        inside = [any(distance(p, c) <= r for c, r in zip(centers, radii, strict=True)) for p in points]
        return sum(inside) / len(inside)

    radii = radius(real, k_density)
    hits = [[distance(p, c) <= r for p in fake] for c, r in zip(real, radii, strict=True)]
    return (
        share_inside(fake, real, radius(real, k_precision)),
        share_inside(real, fake, radius(fake, k_precision)),
        sum(map(sum, hits)) / (k_density * len(fake)),
        sum(map(any, hits)) / len(real),
    )


@pytest.mark.parametrize(("k_precision", "k_density"), [(3, 5), (1, 2)])
def test_prdc_equals_the_loop(k_precision: int, k_density: int) -> None:
    fake, real = _gaussian(25, 3, seed=1, shift=0.5), _gaussian(30, 3, seed=2)
    found = prdc(fake, real, k_precision=k_precision, k_density=k_density)
    assert found == pytest.approx(_naive_prdc(fake, real, k_precision, k_density))


def test_a_collapsed_generator_is_precise_and_recalls_nothing() -> None:
    real = _gaussian(400, 4, seed=1)
    collapsed = real[:1] + 1e-3 * _gaussian(400, 4, seed=2)
    found = prdc(collapsed, real)
    assert found.precision > 0.95
    assert found.recall < 0.05
    assert found.coverage < 0.05


def test_a_scattered_generator_recalls_and_is_not_precise() -> None:
    real = _gaussian(400, 4, seed=1)
    found = prdc(_gaussian(400, 4, seed=2, scale=6), real)
    assert found.precision < 0.3
    assert found.recall > 0.9


def test_equal_and_fresh_real_sets_score_as_they_should() -> None:
    real, fresh = _gaussian(500, 4, seed=1), _gaussian(500, 4, seed=2)
    same = prdc(real, real)
    assert same[:2] == (1.0, 1.0)
    assert same.coverage == 1.0
    assert same.density == pytest.approx(1.2, abs=1e-9)  # each ball holds its centre and k = 5 others
    found = prdc(fresh, real)
    assert min(found.precision, found.recall, found.coverage) > 0.85
    assert found.density == pytest.approx(1, abs=0.1)
    assert frechet_distance(fresh, real) < 0.1
    assert abs(kernel_distance(fresh, real)) < 0.05


def test_prdc_takes_fewer_samples_than_neighbours() -> None:
    assert all(math.isfinite(v) for v in prdc(_gaussian(2, seed=1), _gaussian(3, seed=2)))


# --- Sliced Wasserstein distance


@pytest.mark.parametrize("counts", [(30, 30), (30, 20), (7, 11), (2, 50)])
def test_sliced_on_a_line_is_the_exact_transport(counts: tuple[int, int]) -> None:
    a, b = _gaussian(counts[0], 1, seed=1), _gaussian(counts[1], 1, seed=2, shift=1)
    repeated = (x.repeat_interleave(k, 0).sort(0).values for x, k in ((a, counts[1]), (b, counts[0])))
    left, right = repeated
    expected = float((left - right).square().mean().sqrt())
    assert sliced_wasserstein(a, b, projections=5) == pytest.approx(expected, rel=1e-9)


def test_sliced_of_a_shift_is_its_length_over_root_of_the_dimensions() -> None:
    a = _gaussian(50, 8, seed=1)
    shift = torch.zeros(8).double()
    shift[2] = 3.0
    found = sliced_wasserstein(a + shift, a, projections=4000)
    assert found == pytest.approx(3 / math.sqrt(8), rel=0.03)  # E[(u . e)^2] = 1 / D for random unit directions u
    assert sliced_wasserstein(a, a) == pytest.approx(0, abs=1e-9)


# --- Inception score and class histograms


def test_inception_score_of_known_distributions() -> None:
    certain = torch.eye(4).repeat(25, 1)
    assert inception_score(certain, splits=1).mean == pytest.approx(4)
    assert inception_score(torch.full((40, 4), 0.25)) == pytest.approx((1, 0))
    assert inception_score(torch.eye(4)[[0] * 40]).mean == pytest.approx(1)


def test_inception_score_equals_the_formula_by_splits() -> None:
    p = _gaussian(100, 5, seed=1).softmax(1).numpy()
    parts = np.split(p, 10)
    scores = [np.exp(np.mean([scipy.stats.entropy(row, part.mean(0)) for row in part])) for part in parts]
    assert inception_score(torch.from_numpy(p)) == pytest.approx((np.mean(scores), np.std(scores)), rel=1e-9)


def test_inception_score_refuses_logits_and_nan() -> None:
    with pytest.raises(ValueError, match="softmax"):
        inception_score(_gaussian(10, 4))
    with pytest.raises(ValueError, match="not finite"):
        inception_score(torch.full((10, 4), math.nan))


def test_histogram_equals_scipy() -> None:
    a, b = torch.tensor([0] * 10 + [1] * 30 + [2] * 60), torch.tensor([0] * 50 + [1] * 25 + [2] * 25)
    found = class_histogram(a, b, 3)
    p, q = [0.1, 0.3, 0.6], [0.5, 0.25, 0.25]
    assert found.kl == pytest.approx(scipy.stats.entropy(p, q))
    middle = np.add(p, q) / 2
    assert found.js == pytest.approx((scipy.stats.entropy(p, middle) + scipy.stats.entropy(q, middle)) / 2)
    assert found.classes_hit == 3


def test_histogram_is_finite_for_classes_that_one_side_lacks() -> None:
    some, others = torch.tensor([0, 0, 1]), torch.tensor([2, 2, 2])
    found = class_histogram(some, others, 4)
    assert math.isfinite(found.kl)
    assert found.kl > class_histogram(some, torch.tensor([0, 2, 2]), 4).kl
    assert found.js == pytest.approx(math.log(2))
    assert found.classes_hit == 2
    assert class_histogram(some, some, 2).kl == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("values", [[0, 4], [-1, 0], [0.5, 1], [1]])
def test_histogram_refuses_what_are_no_labels(values: list[float]) -> None:
    bad = torch.tensor(values)
    good = torch.tensor([0, 1, 2])
    with pytest.raises(ValueError, match="generated labels must"):
        class_histogram(bad, good, 4)
    with pytest.raises(ValueError, match="reference labels must"):
        class_histogram(good, bad, 4)


# --- Memorisation and diversity


def test_memorization_tells_copies_from_fresh_samples() -> None:
    train, fresh = _gaussian(600, 5, seed=1), _gaussian(600, 5, seed=2)
    honest = memorization(fresh, train)
    assert honest.ratio_median == pytest.approx(1, abs=0.15)
    assert honest.share_close < 0.05
    order = torch.randperm(600)[:200]
    copied = memorization(train[order] + 1e-4, train)
    assert torch.equal(copied.indices, order)
    assert copied.ratio_median < 0.01
    assert copied.ratio_lowest < 0.01
    assert copied.share_close == 1.0


def test_memorization_equals_the_loop() -> None:
    train, samples = _gaussian(20, 3, seed=1), _gaussian(15, 3, seed=2)
    every = (samples[:, None] - train[None]).square().sum(2).sqrt()
    own = (train[:, None] - train[None]).square().sum(2).sqrt().fill_diagonal_(math.inf).min(1).values
    found = memorization(samples, train)
    torch.testing.assert_close(found.distances, every.min(1).values)
    assert torch.equal(found.indices, every.argmin(1))
    assert found.ratio_median == pytest.approx(float(every.min(1).values.median() / own.median()))
    assert found.share_close == pytest.approx(float((every.min(1).values < own.quantile(0.01)).double().mean()))


def test_duplicates_in_the_training_set_do_not_hide_copies() -> None:
    train = _gaussian(100, 4, seed=1).repeat(2, 1)
    found = memorization(train[:50], train)
    assert found.share_close == 1.0
    assert math.isfinite(found.ratio_lowest)


def test_memorization_refuses_training_sets_without_distances() -> None:
    with pytest.raises(ValueError, match="same features"):
        memorization(_gaussian(5), torch.ones(10, 6))


def test_diversity_of_fresh_collapsed_and_repeated_samples() -> None:
    reals, fresh = _gaussian(500, 5, seed=1), _gaussian(500, 5, seed=2)
    assert diversity(fresh, reals).ratio == pytest.approx(1, abs=0.05)
    assert diversity(fresh, reals).duplicates < 0.05
    assert diversity(reals * 0.25, reals).ratio == pytest.approx(0.25)
    assert diversity(fresh[:50].repeat(10, 1), reals).duplicates == 1.0
    expected = (fresh[:, None] - fresh[None]).norm(dim=2).sum() / (reals[:, None] - reals[None]).norm(dim=2).sum()
    assert diversity(fresh, reals).ratio == pytest.approx(float(expected))


def test_least_diversity_within_finds_the_one_group_that_shrank() -> None:
    reals = [_gaussian(30, 5, seed=k, shift=10 * k) for k in range(3)]
    samples = [reals[0], (reals[1] - 10) * 0.2 + 10, reals[2]]
    assert least_diversity_within(zip(samples, reals, strict=True)) == pytest.approx(0.2)
    assert diversity(torch.cat(samples), torch.cat(reals)).ratio > 0.9  # which nobody sees from afar
    alike = torch.zeros(4, 5)
    assert math.isnan(least_diversity_within([(alike, alike)]))
    assert least_diversity_within([(alike, alike), (reals[0], reals[0])]) == pytest.approx(1)


def test_told_apart_equals_the_loop_and_knows_copies() -> None:
    a, b = _gaussian(40, seed=1), _gaussian(30, seed=2, shift=0.7)
    both, real = torch.cat([a, b]), [False] * 40 + [True] * 30
    alike = 0
    for i, point in enumerate(both):
        others = [(float((point - other).norm()), real[j]) for j, other in enumerate(both) if j != i]
        alike += min(others)[1] == real[i]
    assert told_apart(a, b) == pytest.approx(alike / 70)
    assert told_apart(_gaussian(300, seed=1), _gaussian(300, seed=2)) == pytest.approx(0.5, abs=0.07)
    assert told_apart(a, a + 100) == 1.0
    assert told_apart(b + 1e-6, b) == 0.0
