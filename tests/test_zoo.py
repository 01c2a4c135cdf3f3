"""The zoo: its data is sound, everything that our parts are said to make is built and takes a step, the page is new."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gansmith.cli.app import main
from gansmith.config.parts import name_of
from gansmith.contracts import Batch, Clock, GivenSpec, Spec
from gansmith.data.given import clustered
from gansmith.errors import RecipeError
from gansmith.explore import zoo_page
from gansmith.games.duel import Duel
from gansmith.games.player import Player
from gansmith.recipe import Recipe, load_recipe, names, recipe_text
from gansmith.zoo import Entry, entries
from test_networks import SMALL

ZOO = entries()
HERE = [entry for entry in ZOO.values() if entry.recipe]
SIZES = {"width": 8, "discriminator_width": 8, "max_width": 16, "latent": 16, "hidden": 16, "discriminator_hidden": 16}
PAGE = Path(__file__).resolve().parents[1] / "docs" / "zoo.md"


def small(recipe: Recipe) -> Recipe:
    """The recipe with networks that a test has time for."""
    architecture: Any = recipe.architecture
    known = {field.name for field in fields(architecture)}
    sizes = SMALL.get(name_of(architecture), {}) or SIZES
    return replace(recipe, architecture=replace(architecture, **{k: v for k, v in sizes.items() if k in known}))


def test_as_many_as_promised() -> None:
    assert len(ZOO) >= 45
    assert len(HERE) >= 25
    text = (Path(zoo_page.__file__).parents[1] / "zoo.toml").read_text(encoding="utf-8")
    assert text.count("[[gan]]") == len(ZOO), "two of one name"


@pytest.mark.parametrize("entry", ZOO.values(), ids=list(ZOO))
def test_facts_hang_together(entry: Entry) -> None:
    assert re.fullmatch("[a-z0-9-]+", entry.name)
    assert bool(entry.recipe) != bool(entry.absent)
    assert entry.title
    assert entry.authors
    assert not (entry.settings or entry.departs) or entry.recipe
    assert entry.arxiv or entry.venue
    if entry.arxiv:
        assert re.fullmatch(r"\d{4}\.\d{4,5}", entry.arxiv)
        assert abs(2000 + int(entry.arxiv[:2]) - entry.year) <= 1
        assert 1 <= int(entry.arxiv[2:4]) <= 12
    if entry.name in names():  # --recipe NAME takes the built-in recipe first
        assert entry.recipe == entry.name
        assert not entry.settings


def test_papers_agree_with_the_built_in_recipes() -> None:
    for entry in HERE:
        if entry.name in names():
            assert entry.arxiv
            assert entry.arxiv in load_recipe(entry.name)["paper"], entry.name


@pytest.mark.parametrize("entry", HERE, ids=lambda entry: entry.name)
def test_everything_here_is_built_and_takes_a_step(entry: Entry) -> None:
    if lacking := zoo_page.missing(entry):
        pytest.skip(f"not in this version: {', '.join(lacking)}")
    recipe = small(Recipe.from_table(load_recipe(entry.name)))
    source: Any = recipe.data
    size = source.resolution or (16, 16)
    classes = clustered((0.5, 0.3, 0.2)) if source.clusters else GivenSpec(("a", "b", "c")) if source.classes else None
    spec = Spec((1 if source.resolution else 3, *size), classes)
    players = recipe.architecture.build(spec)
    game = Duel(
        Player(players[0], recipe.generator, recipe.average),
        Player(players[1], recipe.discriminator),
        recipe.loss,
        recipe.penalty,
        recipe.augment,
        discriminator_steps=recipe.train.discriminator_steps,
    )
    before = [[p.clone() for p in player.parameters()] for player in players]
    batch = Batch(torch.rand(8, *spec.shape) * 2 - 1, torch.arange(8) % 3 if classes else None)
    due = Clock(samples_seen=8, step=recipe.train.discriminator_steps - 1)  # both players move
    report = game.step(batch, due)
    assert report.finite, report.values
    assert {f"penalty/{name_of(penalty)}" for penalty in recipe.penalty} <= set(report.values)
    for player, old in zip(players, before, strict=True):
        assert any(not torch.equal(p, o) for p, o in zip(player.parameters(), old, strict=True))


def test_settings_make_the_parts() -> None:
    parts = zoo_page.parts_of(ZOO["san"])
    assert parts == {"architecture": ["dcgan"], "loss": ["hinge"], "critic": ["san"]}
    assert zoo_page.parts_of(ZOO["pacgan"])["critic"] == ["packing=2"]
    ttur = Recipe.from_table(load_recipe("ttur"))
    assert (ttur.generator.lr.start, ttur.discriminator.lr.start) == (1e-4, 3e-4)
    assert ttur.name == "ttur"
    assert ttur.paper.endswith("arXiv 1706.08500")
    assert "changed by optimizer.generator.lr=1e-4" in recipe_text("ttur")


def test_what_is_missing_is_told() -> None:
    lacking = replace(ZOO["lsgan"], recipe="nothing")
    assert zoo_page.missing(lacking) == ["recipe nothing"]
    assert zoo_page.missing(ZOO["lsgan"]) == []


def test_on_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["zoo"]) == 0
    text = capsys.readouterr().out
    assert all(re.search(rf"^{name} ", text, re.MULTILINE) for name in ZOO)
    assert main(["zoo", "lsgan"]) == 0
    text = capsys.readouterr().out
    assert "Least Squares Generative Adversarial Networks" in text
    assert "gansmith train DATA --recipe lsgan" in text
    assert 'name = "least_squares"' in text
    assert main(["zoo", "cyclegan"]) == 0
    assert "Not here, because" in capsys.readouterr().out
    assert main(["recipes", "lsgan"]) == 0
    assert "Mao et al." in capsys.readouterr().out
    assert main(["zoo", "lsgn"]) == 2
    assert "Did you mean 'lsgan'" in capsys.readouterr().err
    assert main(["train", "digits", "--run", str(tmp_path / "r"), "--recipe", "cyclegan"]) == 2
    assert "not here, because" in capsys.readouterr().err
    with pytest.raises(RecipeError, match="Did you mean 'pacgan'"):
        load_recipe("packgan")


def test_the_page_is_up_to_date(tmp_path: Path) -> None:
    assert main(["zoo", "--markdown", str(tmp_path / "zoo.md")]) == 0
    written = (tmp_path / "zoo.md").read_text(encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == written, "run: gansmith zoo --markdown docs/zoo.md"
    assert all(f"| `{entry.name}` |" in written for entry in HERE)
    assert all(f"{entry.absent} |" in written for entry in ZOO.values() if entry.absent)
