"""Clusters: k-means against its definition, what both players are told, and sampling without anybody asking for one."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gansmith import api
from gansmith.auto.networks import UNLIKE
from gansmith.data import clusters
from gansmith.data.clusters import coarse
from gansmith.data.codec import ImageCodec
from gansmith.data.given import clustered
from gansmith.data.grouping import correlation_of_channels, find_groups
from gansmith.data.images import Images
from gansmith.errors import RecipeError
from gansmith.export.onnx_graphs import NEEDED
from gansmith.trained import Trained


def blobs(count: int = 60, shape: tuple[int, int, int] = (3, 16, 24)) -> np.ndarray:
    """Three kinds of pictures in turn: dark, middle and light, with noise."""
    chance = np.random.default_rng(0)
    levels = np.array([40, 120, 200])[np.arange(count) % 3]
    return (levels[:, None, None, None] + chance.integers(-20, 21, (count, *shape))).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for split, count in (("train", 24), ("test", 12)):
        (tmp_path / "data" / split).mkdir(parents=True)
        for k, pixels in enumerate(blobs(count, (3, 16, 16))):
            Image.fromarray(pixels.transpose(1, 2, 0)).save(tmp_path / "data" / split / f"{k:02d}.png")
    return tmp_path / "data"


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 16, 24), (4, 9, 65), (1, 4, 4), (3, 64, 8), (1, 40, 1)])
def test_groups_that_lie_apart_are_found(shape: tuple[int, int, int]) -> None:
    pixels = blobs(shape=shape)
    found = clusters.fit(coarse(pixels), 3)
    kinds = found.nearest(coarse(pixels))
    assert [len(set(kinds[k::3])) for k in range(3)] == [1, 1, 1]
    assert len(set(kinds)) == 3
    assert found.shares.tolist() == pytest.approx([1 / 3] * 3)


def test_centres_are_their_members_means_and_nearest_to_them() -> None:
    chance = np.random.default_rng(1)
    pixels = chance.integers(0, 256, (200, 1, 8, 8)).astype(np.uint8)
    found = clusters.fit(coarse(pixels), 5)
    x = pixels.reshape(200, -1) / 255  # 8 pixels a side are not coarsened
    distances = np.linalg.norm(x[:, None] - found.centres[None], axis=2)
    assert np.array_equal(distances.argmin(1), found.nearest(coarse(pixels)))
    for k in range(5):
        assert np.abs(x[found.nearest(coarse(pixels)) == k].mean(0) - found.centres[k]).max() < 0.05  # after ROUNDS
    assert np.array_equal(clusters.fit(coarse(pixels), 5).centres, found.centres)


def test_coarse_pixels_are_means_of_squares() -> None:
    pixels = blobs(4, (3, 32, 48))
    wanted = torch.nn.functional.avg_pool2d(torch.from_numpy(pixels).double() / 255, 6)
    assert np.allclose(coarse(pixels), wanted.flatten(1).numpy())


def test_equal_pictures_are_one_group() -> None:
    assert len(clusters.fit(np.full((50, 3), 7.0), 5).centres) == 1


def test_clusters_are_drawn_by_their_shares() -> None:
    given = clustered((0.5, 0.2, 0.3))
    drawn = given.draw(20_000, seed=3)
    assert (torch.bincount(drawn, minlength=3) / 20_000).tolist() == pytest.approx([0.5, 0.2, 0.3], abs=0.02)
    assert torch.equal(given.draw(50, seed=3), drawn[:50])


def test_each_facet_is_drawn_by_its_own_shares() -> None:
    shares = ((0.5, 0.2, 0.3), (0.9, 0.1), (0.25, 0.25, 0.25, 0.25))
    given = clustered(*shares)
    assert (given.sizes, given.count) == ((3, 2, 4), 24)
    drawn = given.draw(40_000, seed=5)
    assert torch.equal(given.draw(50, seed=5), drawn[:50])
    found = torch.bincount(drawn, minlength=24).reshape(3, 2, 4) / 40_000
    wanted = torch.einsum("a,b,c->abc", *map(torch.tensor, shares))
    assert torch.allclose(found, wanted, atol=0.01)


def stacks(count: int = 60) -> np.ndarray:
    """Three channels, each dark or light, each for itself."""
    chance = np.random.default_rng(2)
    levels = np.where(chance.random((count, 3)) < 0.5, 40, 200)
    return (levels[:, :, None, None] + chance.integers(-20, 21, (count, 3, 28, 28))).astype(np.uint8)


def test_every_channel_has_groups_of_its_own() -> None:
    pixels = stacks()
    found = find_groups(pixels, 2, "channel")
    assert found.given.sizes == (2, 2, 2)
    light = pixels.mean((2, 3)) > 120
    alone = [find_groups(pixels[:, c : c + 1], 2, "picture").nearest(pixels[:, c : c + 1]) for c in range(3)]
    for c in range(3):
        assert len({(a, b) for a, b in zip(alone[c].tolist(), light[:, c].tolist(), strict=True)}) == 2
    assert np.array_equal(found.nearest(pixels), 4 * alone[0] + 2 * alone[1] + alone[2])
    for facet, one in zip(found.given.shares, alone, strict=True):
        assert facet == pytest.approx(np.bincount(one) / len(pixels), abs=1e-6)


def test_channels_that_show_unrelated_things_are_told_from_a_photograph() -> None:
    apart = [picture.transpose(1, 2, 0) for picture in stacks()]
    assert correlation_of_channels(apart) < UNLIKE
    grey = np.random.default_rng(3).integers(0, 200, (60, 8, 8, 1))
    tinted = list(np.concatenate([grey, grey + 20, grey // 2], axis=3).astype(np.uint8))
    assert correlation_of_channels(tinted) > 0.99
    assert correlation_of_channels(apart[:15]) == 1.0
    assert correlation_of_channels([x[:, :, :1] for x in apart]) == 1.0
    assert correlation_of_channels([np.dstack([x, np.full((28, 28), 255, np.uint8)]) for x in apart]) == 1.0  # no alpha


def test_both_players_are_told_the_cluster(folder: Path) -> None:
    source = Images(str(folder), clusters=3, mirror=True)
    data, codec = source.open()
    assert data.spec == codec.spec
    assert data.spec.classes == 3
    assert data.spec.class_names == ()
    given = data.fetch(range(48)).given
    assert given is not None
    assert torch.equal(given[:24], given[24:])  # mirrored pictures look alike here
    assert len(set(given[:3].tolist())) == 3
    test = replace(source).open_test()
    assert test is not None
    told = test.fetch(range(12)).given
    assert told is not None
    assert torch.equal(told, given[:12])
    assert ImageCodec.restore(codec.describe()) == codec


def test_classes_and_clusters_exclude_each_other(folder: Path) -> None:
    with pytest.raises(ValueError, match="take the place"):
        Images(str(folder), classes=True, clusters=3)
    for wrong in (-1, 1):
        with pytest.raises(ValueError, match="clusters must be"):
            Images(str(folder), clusters=wrong)


@pytest.mark.quick
def test_a_training_with_clusters_needs_nobody_to_know(folder: Path, tmp_path: Path) -> None:
    small = ["data.clusters=3", "architecture.width=4", "train.batch=8", "evaluate.samples=12"]
    run = tmp_path / "run"
    settings = [*small, "evaluate.final_samples=12"]
    api.train(folder, run=run, recipe="dcgan", samples=16, settings=settings)
    trained = api.train(folder, run=run, samples=32)  # goes on
    assert trained.classes == ()
    shares = trained.codec.spec.given
    assert shares is not None
    assert shares == clustered(*shares.shares)
    assert len(shares.sizes) == 1
    assert torch.allclose(trained.sample(9, seed=2).x, trained.sample(12, seed=2).x[:9], atol=1e-5)
    assert trained.sample(9).labels is None
    with pytest.raises(RecipeError, match="no classes"):
        trained.sample(4, label="cluster 1")
    assert trained.sample(4, truncation=0.5).x.shape == (4, 3, 16, 16)
    scores = api.evaluate(run, samples=12)
    assert "frechet" in scores.values
    assert "label_accuracy" not in scores.values


@pytest.mark.quick
def test_a_training_with_clusters_of_each_channel(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for k, pixels in enumerate(stacks(60)):
        Image.fromarray(pixels.transpose(1, 2, 0)).save(tmp_path / "data" / f"{k:02d}.png")
    assert Images(str(tmp_path / "data")).survey().channel_correlation < UNLIKE
    small = ["data.clusters=2", "data.clusters_of=channel", "architecture.width=4", "train.batch=8"]
    run = tmp_path / "run"
    settings = [*small, "evaluate.samples=12", "evaluate.final_samples=12"]
    api.train(tmp_path / "data", run=run, recipe="dcgan", samples=16, settings=settings)
    trained = api.train(tmp_path / "data", run=run, samples=48)
    assert trained.codec.spec.told == (2, 2, 2)
    assert trained.classes == ()
    assert torch.allclose(trained.sample(9, seed=2).x, trained.sample(12, seed=2).x[:9], atol=1e-5)
    assert trained.sample(4, truncation=0.5).x.shape == (4, 3, 28, 28)
    if not all(importlib.util.find_spec(package) for package in NEEDED):
        pytest.skip("onnx is not installed")
    trained.export_onnx(tmp_path / "out")
    ours, theirs = (t.sample(5, seed=1, truncation=0.7).x for t in (trained, Trained(tmp_path / "out")))
    assert torch.allclose(ours, theirs, atol=1e-4)


ALONE = """
import time
import numpy as np
from gansmith.data.clusters import Clusters

chance = np.random.default_rng(0)
found = Clusters(chance.random((300, 196)), np.full(300, 1 / 300))
x = chance.random((32, 196))
begin = time.process_time(), time.thread_time()
while time.thread_time() - begin[1] < 0.3:
    found.nearest(x)  # x @ found.centres.T: 2.0
    time.sleep(0.001)
print((time.process_time() - begin[0]) / (time.thread_time() - begin[1]))
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core")
def test_telling_clusters_wakes_no_other_thread() -> None:
    """Processor time of the whole process over that of the thread that asks: 1, and not the spinning of others."""
    command = [sys.executable, "-c", ALONE]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.2
