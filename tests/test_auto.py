"""What `auto` chooses, from surveys and from pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansmith import auto
from gansmith.contracts import Survey
from gansmith.data.images import Images
from gansmith.recipe import Recipe


def survey(count: int = 60_000, flat: float = 0.0) -> Survey:
    return Survey(count, ((64, 64),), 3, flat=flat)


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
    assert auto.choose(survey(flat=flat), (28, 28), 1)[0]["architecture"]["output"] == output


def test_photographs_are_trained_at_half_the_rate() -> None:
    rates = [auto.choose(survey(flat=f), (32, 32), c)[0]["optimizer"]["lr"]["start"] for f, c in ((0.9, 1), (0.0, 3))]
    assert rates == [2e-3, 1e-3]


@pytest.mark.parametrize(
    ("side", "channels", "flat", "network"),
    [
        (28, 1, 0.9, "dcgan"),
        (32, 3, 0.0, "r3gan"),
        (32, 3, 0.6, "dcgan"),
        (8, 3, 0.0, "dcgan"),
        (64, 3, 0.0, "fastgan"),
    ],
)
def test_networks_follow_the_data(side: int, channels: int, flat: float, network: str) -> None:
    assert auto.choose(survey(flat=flat), (side, side), channels)[0]["architecture"]["name"] == network


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
