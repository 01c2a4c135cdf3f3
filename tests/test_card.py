"""The card: made of what a training leaves, of broken and hostile folders too, without a place on its maker's disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import gansmith
from gansmith.callbacks.card import card
from gansmith.data.licence import licence_of
from gansmith.folder import alerts
from gansmith.folder.alerts import Alert
from gansmith.folder.run_json import update_run


def test_a_training_leaves_one(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    small = ["architecture.width=4", "evaluate.times=1", "evaluate.samples=64", "evaluate.final_samples=64"]
    small += ["evaluate.features=random"]
    gansmith.train("digits", run=tmp_path / "run", recipe="dcgan", samples=64, settings=small)
    text = (tmp_path / "run" / "card.md").read_text(encoding="utf-8")
    assert text == card(tmp_path / "run")
    assert text.startswith("---\nlibrary_name: gansmith\n")
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    for fact in (
        "grey pictures of 8x8 pixels",
        run["data"]["fingerprint"],
        "| Samples | 1,438 |",
        "| Loss | non\\_saturating |",
        "| State | finished |",
        f"| extractor | {run['scores']['protocol']['extractor']} |",
        "](samples/uncurated.png)",
        "None was raised",
        "on 64 samples: small differences mean nothing",
        "terms of the data are not known",
    ):
        assert fact in text
    for name, value in run["scores"]["values"].items():
        assert f"| {name.replace('_', chr(92) + '_')} | " in text, value
    assert str(tmp_path) not in text


def test_the_terms_beside_the_data_come_with_the_card(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    for k in range(8):
        Image.new("L", (8, 8), 20 * k).save(tmp_path / "cats" / f"{k}.png")
    (tmp_path / "cats" / "LICENSE").write_text("CC0 1.0 Universal\n\nmore")
    small = ["architecture.width=4", "evaluate.times=0", "evaluate.features=random", "train.batch=4"]
    gansmith.train(tmp_path / "cats", run=tmp_path / "run", recipe="dcgan", samples=8, settings=small)
    assert "| Licence | LICENSE: CC0 1.0 Universal |" in (tmp_path / "run" / "card.md").read_text(encoding="utf-8")
    assert not (tmp_path / "run" / "unreadable.txt").exists()


def test_limits_follow_from_the_numbers(tmp_path: Path) -> None:
    values = {"coverage": 0.8, "memorization/share_close": 0.25, "mine": 1.0}
    scores = {"values": values, "protocol": {"generated": 10_000}}
    update_run(tmp_path, state="stopped", scores=scores, data={"path": "/home/me/cats", "licence": "LICENSE: CC0"})
    alerts.append(tmp_path, Alert(100, "collapse", "All | look alike.", "look"))
    alerts.append(tmp_path, Alert(100, "overfitting", "It knows them.", "look"))
    alerts.append(tmp_path, Alert(300, "overfitting", "", "", "cleared"))
    text = card(tmp_path)
    assert "20% of it has no sample near it" in text
    assert "25.0% of the samples lie suspiciously near" in text
    assert "ended with an open alarm: collapse." in text
    assert "All \\| look alike" in text
    assert "overfitting** at 100 samples seen, over at 300" in text
    assert "not complete" in text
    assert "| Licence | LICENSE: CC0 |" in text
    assert "terms of the data" not in text
    assert "small differences" not in text
    assert "| Name | cats |" in text
    assert "/home" not in text


@pytest.mark.parametrize("said", [{}, {"data": [], "scores": 3, "versions": "x"}, {"data": {"shape": [[], {}, None]}}])
@pytest.mark.parametrize("recipe", ["", "[[[", 'penalty = "r1"\nloss = 3', "penalty = [1]\narchitecture.name = [2]"])
def test_a_broken_folder_has_one_too(said: dict[str, Any], recipe: str, tmp_path: Path) -> None:
    assert "# " in card(tmp_path / "nowhere")
    update_run(tmp_path, **said)
    (tmp_path / "recipe.toml").write_text(recipe)
    assert "## Limits" in card(tmp_path)


def test_a_hostile_name_is_only_text(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>\n\n# x | ![y](http://evil.example)"
    update_run(tmp_path, recipe=bad, data={"path": f"/a/{bad}", "classes": [bad], "shape": [1, bad, bad]}, started=bad)
    lines = card(tmp_path).splitlines()
    assert not any(line.startswith("# x") for line in lines)
    assert "<script" not in card(tmp_path).replace("\\<script", "")
    assert "![y]" not in card(tmp_path)


def test_the_terms_beside_the_data(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    assert licence_of(str(tmp_path / "cats")) is None
    assert licence_of("digits") is None
    assert licence_of("") is None
    (tmp_path / "cats" / "Licence.txt").write_text("\n  CC BY 4.0  \nmore", encoding="utf-8")
    (tmp_path / "cats" / "cats.zip").write_bytes(b"")
    assert licence_of(str(tmp_path / "cats")) == "Licence.txt: CC BY 4.0"
    assert licence_of(str(tmp_path / "cats" / "cats.zip")) == "Licence.txt: CC BY 4.0"
    (tmp_path / "cats" / "Licence.txt").write_bytes(b"")
    assert licence_of(str(tmp_path / "cats")) == "Licence.txt"
