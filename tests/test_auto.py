"""What `auto` chooses, from surveys and from pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansmith import auto
from gansmith.auto import Budget, networks
from gansmith.auto.networks import Row
from gansmith.contracts import Survey
from gansmith.data.images import Images
from gansmith.recipe import Recipe

TABLES = ("auto", "auto-longer", "auto-shorter")


def survey(count: int = 60_000, flat: float = 0.0) -> Survey:
    return Survey(count, ((64, 64),), 3, flat=flat)


@pytest.mark.parametrize(("side", "batch"), [(8, 32), (28, 32), (32, 32), (48, 16), (64, 16)])
def test_small_pictures_keep_larger_batches(side: int, batch: int) -> None:
    assert auto.choose(survey(), (side, side), 3, Budget(minutes=1))[0]["train"]["batch"] == batch


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("side", [8, 28, 32, 64, 128, 256])
@pytest.mark.parametrize("flat", [0.0, 0.9])
def test_every_choice_is_a_recipe_with_reasons(channels: int, side: int, flat: float) -> None:
    table, reasons = auto.choose(survey(flat=flat), (side, side), channels)
    recipe = Recipe.from_table({**table, "data": {**table["data"], "path": "digits"}})
    assert recipe.name == "auto"
    assert len(reasons) >= 3


@pytest.mark.parametrize(("flat", "output"), [(0.02, "tanh"), (0.6, "linear")])
def test_plain_backgrounds_get_no_tanh(flat: float, output: str) -> None:
    assert auto.choose(survey(flat=flat), (28, 28), 1, network="dcgan")[0]["architecture"]["output"] == output


def test_photographs_are_trained_at_half_the_rate() -> None:
    rates = [auto.choose(survey(flat=f), (32, 32), c)[0]["optimizer"]["lr"]["start"] for f, c in ((0.9, 1), (0.0, 3))]
    assert rates == [2e-3, 1e-3]


@pytest.mark.parametrize(
    ("count", "side", "flat", "budget", "width", "rate"),
    [
        (364, 64, 0.0, Budget(minutes=15), 32, 5e-4),  # 770 passes
        (364, 64, 0.0, Budget(minutes=9), 16, 1e-3),  # 460
        (4_000, 64, 0.0, Budget(minutes=15), 16, 1e-3),
        (364, 32, 0.0, Budget(minutes=60), 32, 1e-3),  # small ones,
        (364, 64, 0.9, Budget(minutes=60), 16, 1e-3),  # and drawn ones: not measured
        (4_000, 64, 0.0, Budget("cuda", minutes=1), 32, 5e-4),
        (364, 64, 0.0, Budget("cuda", minutes=10), 64, 2.5e-4),
    ],
)
def test_wider_networks_learn_more_slowly(
    count: int, side: int, flat: float, budget: Budget, width: int, rate: float
) -> None:
    table, reasons = auto.choose(survey(count, flat), (side, side), 3, budget, network="r3gan")
    assert table["architecture"]["width"] == width
    assert table["optimizer"]["lr"]["start"] == rate
    assert any(reason.startswith(f"{width} channels") for reason in reasons)


@pytest.mark.parametrize(
    ("side", "channels", "budget", "width", "rate", "batch"),
    [
        (28, 1, Budget(minutes=0.5), 12, 4e-3, 16),
        (28, 1, Budget(samples=60_000), 12, 4e-3, 16),
        (28, 1, Budget(samples=60_001), 24, 2e-3, 32),
        (28, 1, Budget("cuda", samples=60_000), 48, 1e-3, 64),
        (64, 1, Budget(minutes=0.5), 8, 2e-3, 16),  # large ones,
        (28, 3, Budget(minutes=0.5), 32, 1e-3, 32),  # and coloured ones: not measured, or no better
    ],
)
def test_small_grey_pictures_in_a_hurry_get_narrow_networks(
    side: int, channels: int, budget: Budget, width: int, rate: float, batch: int
) -> None:
    table, reasons = auto.choose(survey(flat=0.9), (side, side), channels, budget, network="dcgan")
    found = table["architecture"]["width"], table["optimizer"]["lr"]["start"], table["train"]["batch"]
    assert found == (width, rate, batch)
    assert any(reason.startswith(f"{width} channels") for reason in reasons)


@pytest.mark.parametrize(
    ("budget", "batch"),
    [
        (Budget(minutes=3), 16),
        (Budget(minutes=16), 16),
        (Budget(minutes=17), 32),
        (Budget(samples=300_000), 16),
        (Budget(samples=300_001), 32),
        (Budget(), 32),
        (Budget("cuda", minutes=1), 64),
    ],
)
def test_short_trainings_take_small_batches(budget: Budget, batch: int) -> None:
    table, reasons = auto.choose(survey(), (64, 64), 3, budget)
    assert table["train"]["batch"] == batch
    assert any(reason.startswith(f"batches of {batch}") for reason in reasons)


def test_tiny_pictures_keep_their_batches() -> None:
    assert auto.choose(survey(), (8, 8), 1, Budget(minutes=1))[0]["train"]["batch"] == 32


def row(**changes: object) -> Row:
    about = {"data": "x", "count": 1000, "side": 32, "channels": 3, "classes": 0, "flat": 0.0}
    return Row(
        **{
            **about,
            "channel_correlation": 1.0,
            "minutes": 2.0,
            "frechet": {"dcgan": (2.0, 1.0), "r3gan": (1.0, 4.0)},
            **changes,
        }
    )  # type: ignore[arg-type]


def test_the_best_network_is_that_of_both_judges() -> None:
    assert row().order == ["dcgan", "r3gan"]  # 2 x 1 against 1 x 4
    assert row(frechet={"dcgan": (2.0,), "r3gan": (1.0,)}).order == ["r3gan", "dcgan"]


@pytest.mark.parametrize(
    ("change", "more"),
    [
        ({}, {"side": 64}),
        ({}, {"channels": 1}),
        ({}, {"flat": 0.9}),
        ({}, {"channel_correlation": 0.0}),
        ({}, {"count": 100_000}),
        ({}, {"classes": 10}),
        ({}, {"minutes": 60.0}),
    ],
)
def test_rows_are_compared_by_all_that_matters(change: dict[str, object], more: dict[str, object]) -> None:
    asked = (Survey(1000, (), 3), 32, 3, Budget(minutes=2), False)
    assert row(**change).unlike(*asked) == 0
    assert row(**more).unlike(*asked) > 0


def test_the_measured_rows_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (row(), row(side=64, frechet={"fastgan": (1.0,), "dcgan": (9.0,)}))
    monkeypatch.setattr(auto.networks, "measured", lambda: rows)
    small, large = (auto.choose(survey(), (side, side), 3) for side in (32, 64))
    assert [t["architecture"]["name"] for t, _ in (small, large)] == ["dcgan", "fastgan"]
    assert "fastgan 1, dcgan 9" in large[1][0]


def test_the_measured_rows_are_those_of_the_published_benchmarks() -> None:
    rows = json.loads(Path(networks.__file__).with_name("measured.json").read_text(encoding="utf-8"))["rows"]
    results = Path(__file__).parents[1] / "docs" / "bench"
    found = [json.loads((results / f"{name}.json").read_text(encoding="utf-8")) for name in TABLES]
    assert rows == [row for result in found for row in result["table"]["rows"]]
    assert all(result["protocol"]["as_stated"] for result in found)


def test_every_measured_network_can_be_sized() -> None:
    assert networks.measured()
    for found in networks.measured():
        assert set(found.frechet) <= set(networks.names())


@pytest.mark.parametrize("name", networks.names())
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("side", [8, 28, 64, 512])
def test_networks_are_as_wide_as_the_resolution_allows(name: str, channels: int, side: int) -> None:
    table = networks.sized(name, side, channels, 0.0)
    assert 4 <= table["width"] <= 64
    assert networks.sized(name, side, channels, 0.0, wider=2)["width"] == 2 * table["width"]


def test_an_asked_network_is_sized_for_the_data() -> None:
    table, reasons = auto.choose(survey(), (64, 64), 3, network="stylegan2")
    assert table["architecture"] == networks.sized("stylegan2", 64, 3, 0.0)
    assert "as asked" in reasons[0]


def test_few_photographs_are_mirrored() -> None:
    assert auto.choose(survey(count=300), (64, 64), 3)[0]["data"]["mirror"]
    assert not auto.choose(survey(count=300), (28, 28), 1)[0]["data"]["mirror"]


@pytest.mark.parametrize(("background", "flat"), [(255, 0.75), (0, 0.75), (120, 0.0)])
def test_a_survey_sees_plain_backgrounds(tmp_path: Path, background: int, flat: float) -> None:
    for k in range(4):
        pixels = np.full((16, 16, 3), background, np.uint8)
        pixels[:8, :8] = np.random.default_rng(k).integers(60, 200, (8, 8, 3))
        Image.fromarray(pixels).save(tmp_path / f"{k}.png")
    assert Images(str(tmp_path)).survey().flat == pytest.approx(flat)


@pytest.mark.parametrize(
    ("count", "budget", "clusters"),
    [
        (60_000, Budget(), 300),
        (60_000, Budget(minutes=2), 53),  # 37,500 pictures of 64 pixels, 700 of each
        (60_000, Budget(samples=7_000), 10),
        (60_000, Budget("cuda", minutes=2), 300),
        (364, Budget(), 12),
        (50, Budget(), 0),
    ],
)
def test_clusters_are_as_many_as_will_be_learnt(count: int, budget: Budget, clusters: int) -> None:
    assert auto.choose(survey(count=count), (64, 64), 3, budget)[0]["data"]["clusters"] == clusters
    assert auto.choose(survey(count=count), (64, 64), 3, budget, classes=True)[0]["data"]["clusters"] == 0
    assert auto.choose(survey(count=count), (64, 64), 3, budget, packs=True)[0]["data"]["clusters"] == 0


@pytest.mark.parametrize(
    ("correlation", "of"), [(0.9, "picture"), (0.21, "picture"), (0.19, "channel"), (0, "channel")]
)
def test_unrelated_channels_have_clusters_of_their_own(correlation: float, of: str) -> None:
    found = replace(survey(flat=0.8), channel_correlation=correlation)
    table, reasons = auto.choose(found, (28, 28), 3, Budget(minutes=4))
    assert table["data"]["clusters_of"] == of
    assert table["data"]["clusters"] == (85 if of == "channel" else 244)
    assert auto.choose(found, (28, 28), 3, Budget(minutes=15))[0]["data"]["clusters"] == 300
    assert any("of each channel" in reason for reason in reasons) == (of == "channel")
    assert auto.choose(found, (28, 28), 3, classes=True)[0]["data"]["clusters_of"] == "picture"
    assert auto.choose(found, (28, 28), 1)[0]["data"]["clusters_of"] == "picture"  # asked to be grey
