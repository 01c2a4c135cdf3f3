"""Recipes: the built-in ones build and are what their articles say, round trips, differences, ranges, any text."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from gansmith.config import apply_settings
from gansmith.contracts import GivenSpec, Schedule, Spec
from gansmith.errors import RecipeError
from gansmith.losses.hinge import Hinge
from gansmith.penalties.r1 import R1
from gansmith.penalties.r2 import R2
from gansmith.recipe import Recipe, differences, flat, header, load_recipe, names, recipe_text

SMALLER = {  # the full widths are slow on a test machine
    "sngan": ["architecture.width=8", "architecture.discriminator_width=8"],
    "r3gan": ["architecture.width=16", "architecture.max_width=16"],
    "biggan": ["architecture.width=8", "architecture.max_width=32"],
    "stylegan2": ["architecture.width=8", "architecture.max_width=32", "architecture.latent=16"],
}
ARTICLES = [name for name in names() if name.startswith("article-")]


def recipe_of(name: str, *changes: str) -> Recipe:
    return Recipe.from_table(apply_settings(load_recipe(name), changes))


def test_the_promised_recipes_exist() -> None:
    assert len(ARTICLES) == 5
    assert {"dcgan", "wgan-gp", "sngan", "r3gan", "fastgan", "diffaugment", "acgan"} <= set(names())
    assert {"biggan", "stylegan2"} <= set(names())


@pytest.mark.parametrize("name", names())
def test_every_recipe_builds_networks_and_round_trips(name: str) -> None:
    recipe = recipe_of(name)
    assert recipe.name == name
    assert Recipe.from_table(tomllib.loads(recipe.to_toml())) == recipe
    small = recipe_of(name, *SMALLER.get(name, []))
    height, width = getattr(recipe.data, "resolution", None) or (32, 32)
    classes = getattr(recipe.data, "classes", None)
    told = torch.tensor([0, 1]) if classes else None
    generator, discriminator = small.architecture.build(
        Spec((1, height, width), GivenSpec(("a", "b")) if classes else None)
    )
    fake = generator(torch.randn(2, generator.latent_size), told)
    assert fake.shape == (2, 1, height, width)
    assert discriminator(fake, told).scores[0].shape[0] == 2


@pytest.mark.parametrize("name", names())
def test_every_recipe_explains_itself(name: str) -> None:
    table, text = load_recipe(name), header(recipe_text(name))
    assert table["summary"]
    assert "\n" not in table["summary"]
    assert re.search(r"\d{4}\.\d{4,5}", table["paper"]), "an arXiv number"
    assert len(text) > 200
    assert "Meant for:" in text


@pytest.mark.parametrize("name", [name for name in names() if not name.startswith("article-")])
def test_general_recipes_take_classes(name: str) -> None:
    recipe = recipe_of(name, *SMALLER.get(name, ["architecture.width=8"]))
    generator, _ = recipe.architecture.build(Spec((3, 16, 24), GivenSpec(("a", "b"))))
    assert generator(torch.randn(2, generator.latent_size), torch.tensor([0, 1])).shape == (2, 3, 16, 24)


def layers(network: nn.Module, kind: type) -> list[Any]:
    return [module for module in network.modules() if isinstance(module, kind)]


def test_article_mlp_has_the_printed_sizes() -> None:
    recipe = recipe_of("article-mlp")
    generator, discriminator = recipe.architecture.build(Spec((1, 28, 28)))
    sizes = [(layer.in_features, layer.out_features) for layer in layers(generator, nn.Linear)]
    assert sizes == [(100, 256), (256, 512), (512, 1024), (1024, 784)]
    sizes = [(layer.in_features, layer.out_features) for layer in layers(discriminator, nn.Linear)]
    assert sizes == [(784, 1024), (1024, 512), (512, 256), (256, 1)]
    assert {layer.p for layer in layers(discriminator, nn.Dropout)} == {0.3}


def test_article_lsgan_has_the_printed_sizes() -> None:
    generator, discriminator = recipe_of("article-lsgan-mlp").architecture.build(Spec((1, 28, 28)))
    assert [layer.out_features for layer in layers(generator, nn.Linear)] == [128, 128, 784]
    assert [layer.out_features for layer in layers(discriminator, nn.Linear)] == [128, 128, 1]


def test_article_dcgan_mnist_has_the_printed_layers() -> None:
    generator, discriminator = recipe_of("article-dcgan-mnist").architecture.build(Spec((1, 28, 28)))
    up = [
        (layer.out_channels, layer.kernel_size[0], layer.stride[0]) for layer in layers(generator, nn.ConvTranspose2d)
    ]
    assert up == [(128, 5, 2), (64, 5, 2), (1, 7, 1)]
    dense = layers(generator, nn.Linear)[0]
    assert (dense.in_features, dense.out_features, dense.bias) == (100, 128 * 7 * 7, None)
    down = [(c.out_channels, c.kernel_size[0], c.stride[0]) for c in layers(discriminator, nn.Conv2d)]
    assert down == [(64, 5, 2), (128, 5, 2), (128, 5, 2)]


def test_article_dcgan_cifar10_is_corrected() -> None:
    generator, discriminator = recipe_of("article-dcgan-cifar10").architecture.build(Spec((3, 32, 32)))
    up = [(layer.out_channels, layer.stride[0]) for layer in layers(generator, nn.ConvTranspose2d)]
    assert up == [(128, 2), (128, 2), (3, 1)]
    assert layers(generator, nn.Linear)[0].out_features == 128 * 8 * 8
    assert [layer.stride[0] for layer in layers(discriminator, nn.Conv2d)] == [2, 2, 2]
    assert len(layers(discriminator, nn.BatchNorm2d)) == 2


@pytest.mark.parametrize("name", ARTICLES)
def test_articles_train_as_printed(name: str) -> None:
    recipe = recipe_of(name)
    for player in (recipe.generator, recipe.discriminator):
        assert (player.name, player.lr, player.betas) == ("adam", Schedule(2e-4), (0.5, Schedule(0.999)))
    assert recipe.average.half_life_samples == Schedule(0)
    assert recipe.train.discriminator_steps == 1
    assert recipe.penalty == ()


def test_optimizer_keys_are_shared_and_overridden() -> None:
    changes = ["optimizer.lr=1e-3", "optimizer.generator.lr.start=1e-4", "optimizer.generator.lr.end=0"]
    recipe = recipe_of("dcgan", *changes)
    assert recipe.generator.lr == Schedule(1e-4, 0.0)
    assert recipe.discriminator.lr == Schedule(1e-3)
    assert recipe.generator.betas == recipe.discriminator.betas == (0.5, Schedule(0.999))
    optimizer = recipe.to_table()["optimizer"]
    assert optimizer["betas"] == [0.5, 0.999]
    assert "lr" in optimizer["generator"]
    assert "lr" not in optimizer
    assert Recipe.from_table(tomllib.loads(recipe.to_toml())) == recipe


def test_settings_reach_the_recipe() -> None:
    recipe = recipe_of("dcgan", "loss.name=hinge", "penalty.r1.weight=2", "penalty=r2", "train.batch=8")
    assert recipe.loss == Hinge()
    assert recipe.penalty == (R2(), R1(Schedule(2.0)))
    assert recipe.train.batch == 8


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("los.name=hinge", "no key 'los'. Did you mean 'loss'"),
        ("loss.name=hing", "Did you mean 'hinge'"),
        ("architecture.name=dcgam", "Did you mean 'dcgan'"),
        ("architecture.widht=32", r"\[architecture\]: no key 'widht'\. Did you mean 'width'"),
        ("architecture.width=big", r"\[architecture\] width: wanted a whole number, got 'big'"),
        ("architecture.width=0", r"\[architecture\]: width must be at least 1"),
        ("penalty.r9.weight=1", "There is no penalty called 'r9'"),
        ("penalty.r1.wieght=1", r"\[\[penalty\]\] 'r1': no key 'wieght'\. Did you mean 'weight'"),
        ("penalty.r1.weight=heavy", "weight: wanted a number"),
        ("penalty=3", "penalty: wanted a list"),
        ("data.name=imges", "Did you mean 'images'"),
        ("data.fit=stretch", "wanted 'crop' or 'pad', got 'stretch'"),
        ("data.resolution=64", "resolution: wanted a list of 2"),
        ("optimizer.lr=0", r"\[optimizer\]: lr must be above 0"),
        ("optimizer.lr=-1", r"\[optimizer\]: lr must be above 0"),
        ("optimizer.betas=[0, 1]", r"\[optimizer\]: betas must be in"),
        ("optimizer.betas=[0.5]", "betas: wanted a list of 2"),
        ("optimizer.lt=1", r"\[optimizer\]: no key 'lt'\. Did you mean 'lr'"),
        ("optimizer.generatr.lr=1", r"\[optimizer\]: no key 'generatr'"),
        ("optimizer.generator.lt=1", r"\[optimizer\.generator\]: no key 'lt'"),
        ("optimizer.generator=1", r"\[optimizer\.generator\]: wanted a table"),
        ("optimizer=fast", r"\[optimizer\]: wanted a table"),
        ("generator.lr=1", r"no key 'generator'\. Write \[optimizer\.generator\]"),
        ("train=long", r"wanted a table, got 'long'"),
        ("train.batch=1", r"\[train\]: batch must be 2 or more, not 1"),
        ("train.batch=true", "batch: wanted a whole number, got true"),
        ("train.samples=0", "samples must be 1 or more"),
        ("train.samples=2e6", r"wanted a whole number or \"none\", got 2000000\.0 \(a number\)\. Write 2000000"),
        ("train.minutes=0", "minutes must be above 0"),
        ("train.minutes=inf", "minutes: wanted a number"),
        ("train.discriminator_steps=0", "discriminator_steps must be 1 or more"),
        ("train.seed=-1", "seed must be a whole number from 0"),
        ("train.device=gqu", "wanted 'auto' or 'cpu' or 'gpu' or 'cuda' or 'mps', got 'gqu'"),
        ("train.precision=half", "wanted 'auto' or 'float32' or 'tf32' or 'bfloat16'"),
        ("average.half_life_samples=-1", r"\[average\]: half_life_samples must be"),
        ("evaluate.times=-1", "times must be 0 or more"),
        ("evaluate.samples=1", "samples must be 10 or more"),
        ("evaluate.final_samples=1", "final_samples must be 10 or more"),
        ("name=3", "name: wanted text in quotes"),
    ],
)
def test_wrong_settings_are_refused_in_words(setting: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe_of("dcgan", setting)


def test_missing_sections_are_named() -> None:
    table = load_recipe("dcgan")
    del table["architecture"]
    with pytest.raises(RecipeError, match="'architecture' is missing"):
        Recipe.from_table(table)


def test_differences_in_words() -> None:
    run = recipe_of("dcgan")
    command = recipe_of("dcgan", "loss=wasserstein", "penalty.r1.weight=2", "optimizer.discriminator.lr=1e-3")
    assert differences(run, command) == [
        "loss.name: the run has 'non_saturating', the command asks for 'wasserstein'",
        "optimizer.discriminator.lr: the run has 0.0002, the command asks for 0.001",
        "penalty.r1.name: the run has nothing, the command asks for 'r1'",
    ]
    assert differences(run, run) == []


def test_what_may_change_is_no_difference() -> None:
    run = recipe_of("dcgan")
    longer = recipe_of("dcgan", "train.samples=9", "train.minutes=3", "train.device=cuda", "data.path=/elsewhere")
    longer = replace(longer, name="other", summary="s", paper="p")
    assert differences(run, longer) == []
    assert differences(run, recipe_of("dcgan", "evaluate.times=1", "evaluate.features=random")) == []
    assert differences(run, recipe_of("dcgan", "train.seed=1")) == ["train.seed: the run has 0, the command asks for 1"]


def test_flat_numbers_equal_penalties() -> None:
    table = {"penalty": [{"name": "r1", "weight": 1}, {"name": "r1", "weight": 2}], "empty": []}
    assert flat(table) == {
        "penalty.r1.name": "r1",
        "penalty.r1.weight": 1,
        "penalty.r1#2.name": "r1",
        "penalty.r1#2.weight": 2,
        "empty": [],
    }


def test_schedules_are_told_as_one() -> None:
    run = recipe_of("dcgan")
    command = recipe_of("dcgan", "optimizer.generator.lr.end=0.1", "optimizer.generator.lr.until=0.5")
    assert differences(run, command) == [
        "optimizer.generator.lr: the run has 0.0002, "
        "the command asks for '0.0002 to 0.1, cosine until 0.5 of the training'"
    ]


def test_own_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("\ufeff" + recipe_text("dcgan"), encoding="utf-8")  # as Notepad saves
    assert load_recipe(path)["name"] == "mine"
    path.write_text('data = "images"\narchitecture = "mlp"\nloss = "hinge"\npenalty = ["r1"]\n')
    recipe = Recipe.from_table(load_recipe(str(path)))
    assert (recipe.loss, recipe.penalty) == (Hinge(), (R1(),))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("dcgn", None, "There is no recipe 'dcgn'. Did you mean 'dcgan'"),
        ("article-dcgan-minst", None, "Did you mean 'article-dcgan-mnist'"),
        ("absent.toml", None, "There is no recipe file absent.toml; looked in"),
        ("folder.toml", "", "cannot be read"),
        ("bad.toml", b"[loss\n", "not valid TOML: .*line 1"),
        ("latin.toml", b"name = '\xe9'", "cannot be read"),
        ("deep.toml", b"x = " + b"[" * 100_000, "not valid TOML"),
        ("digits.toml", b"x = " + b"1" * 5000, "not valid TOML"),
        ("flat.toml", b"train = 3", r"\[train\] must be a table, not 3"),
        ("flat.toml", b"optimizer = 'adam'", r"\[optimizer\] must be a table"),
    ],
)
def test_unreadable_recipes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | str | None, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if isinstance(content, bytes):
        Path(name).write_bytes(content)
    elif content is not None:
        Path(name).mkdir()
    with pytest.raises(RecipeError, match=message):
        load_recipe(name)


SECTIONS = ["data", "architecture", "loss", "penalty", "optimizer", "average", "train", "evaluate", "name", "x"]
PARTS = ["hinge", "dcgan", "images", "r1", "none", "x"]
VALUES = st.one_of(
    st.sampled_from(["1", "-1", "0.5", "nan", "inf", "true", "[]", "[1, 2]", "[[1]]", "{}", "{start = 1}"]),
    st.sampled_from(PARTS).map('"{}"'.format),
    st.text(max_size=8),
)
FIELDS = st.sampled_from(["name", "width", "latent", "weight", "lr", "betas", "batch", "resolution", "generator", "y"])
LINES = st.one_of(
    st.builds("{} = {}".format, FIELDS, VALUES),
    st.builds("[{}]".format, st.sampled_from(SECTIONS)),
    st.builds("[[{}]]".format, st.sampled_from(SECTIONS)),
    st.text(max_size=12),
)


@given(st.lists(LINES, max_size=12).map("\n".join))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_recipe_or_a_recipe_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        recipe = Recipe.from_table(load_recipe(path), trust=False)
    except RecipeError:
        return
    assert Recipe.from_table(tomllib.loads(recipe.to_toml()), trust=False) == recipe


@given(st.lists(st.builds("{}.{}={}".format, st.sampled_from(SECTIONS), FIELDS, VALUES), max_size=4))
@settings(max_examples=200, deadline=None)
def test_any_settings_make_a_recipe_or_a_recipe_error(texts: list[str]) -> None:
    try:
        recipe = Recipe.from_table(apply_settings(load_recipe("dcgan"), texts), trust=False)
    except RecipeError:
        return
    assert Recipe.from_table(tomllib.loads(recipe.to_toml()), trust=False) == recipe
