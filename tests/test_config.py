"""Tables to dataclasses and back, parts by name, and --set."""

from __future__ import annotations

import contextlib
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gansmith.config import apply_set, apply_settings, build, dumps, find_part, parts, to_table
from gansmith.config.parts import PACKAGES, name_of
from gansmith.contracts import Loss, Penalty, Schedule
from gansmith.errors import GansmithError, RecipeError
from gansmith.losses.hinge import Hinge
from gansmith.losses.minimax import Minimax

ALL_PARTS = [(base, name, cls) for base, package in PACKAGES.items() for name, cls in parts(base, package).items()]


@dataclass(frozen=True)
class Inner:
    depth: int = 1


@dataclass(frozen=True)
class Everything:
    """One field of every type that a recipe can hold."""

    whole: int = 1
    number: float = 1.0
    flag: bool = False
    text: str = ""
    choice: Literal["a", "b", 3] = "a"
    maybe: int | None = None
    usually: float | None = 0.5
    either: int | tuple[int, int] = 1
    many: tuple[int, ...] = ()
    pair: tuple[int, int] = (1, 2)
    layers: tuple[tuple[int, ...], ...] = ()
    rate: Schedule = Schedule(1.0)
    inner: Inner = Inner()
    loss: Loss = Hinge()
    losses: tuple[Loss, ...] = ()

    def __post_init__(self) -> None:
        if self.whole > 1000:
            raise ValueError(f"whole must be at most 1000, not {self.whole}")


GOOD: list[tuple[dict[str, Any], Everything]] = [
    ({"whole": 5}, Everything(whole=5)),
    ({"number": 5}, Everything(number=5.0)),
    ({"flag": True, "text": "x"}, Everything(flag=True, text="x")),
    ({"choice": 3}, Everything(choice=3)),
    ({"maybe": 4}, Everything(maybe=4)),
    ({"maybe": "none", "usually": "none"}, Everything(usually=None)),
    ({"either": [3, 4]}, Everything(either=(3, 4))),
    ({"many": [1, 2, 3], "pair": [5, 6]}, Everything(many=(1, 2, 3), pair=(5, 6))),
    ({"layers": [[1, 2], [], [3]]}, Everything(layers=((1, 2), (), (3,)))),
    ({"rate": 2}, Everything(rate=Schedule(2.0))),
    ({"rate": {"start": 1, "end": 0.1}}, Everything(rate=Schedule(1.0, 0.1))),
    ({"rate": {"start": 1, "end": 0, "shape": "linear", "until": 0.5}}, Everything(rate=Schedule(1, 0, "linear", 0.5))),
    ({"inner": {"depth": 3}}, Everything(inner=Inner(3))),
    ({"loss": {"name": "minimax", "smoothing": 0.1}}, Everything(loss=Minimax(0.1))),
    ({"loss": "minimax"}, Everything(loss=Minimax())),
    ({"losses": [{"name": "hinge"}, "minimax"]}, Everything(losses=(Hinge(), Minimax()))),
]

BAD: list[tuple[dict[str, Any], str]] = [
    ({"wole": 5}, r"\[here\]: no key 'wole'\. Did you mean 'whole'\?"),
    ({"whole": "5"}, r"\[here\] whole: wanted a whole number, got '5' \(text\)"),
    ({"whole": True}, "wanted a whole number, got true"),
    ({"whole": 5.0}, r"Write 5\."),
    ({"whole": float("inf")}, "wanted a whole number, got inf"),
    ({"whole": 2000}, r"\[here\]: whole must be at most 1000, not 2000"),
    ({"number": float("nan")}, "wanted a number, got nan"),
    ({"number": float("inf")}, "wanted a number, got inf"),
    ({"number": 10**400}, "wanted a number"),
    ({"number": False}, "wanted a number, got false"),
    ({"flag": 1}, r"wanted true or false, got 1 \(a whole number\)"),
    ({"flag": "True"}, "wanted true or false"),
    ({"text": 3}, "wanted text in quotes"),
    ({"choice": "c"}, "wanted 'a' or 'b' or '3'"),
    ({"choice": 3.0}, "wanted 'a' or 'b' or '3'"),
    ({"maybe": 1.5}, 'wanted a whole number or "none", got 1.5'),
    ({"either": [1, 2, 3]}, "wanted a whole number or a list of 2"),
    ({"many": 3}, "wanted a list in which each item is a whole number, got 3"),
    ({"many": [1, "2"]}, "many, item 2: wanted a whole number"),
    ({"pair": [1, 2, 3]}, r"wanted a list of 2: a whole number, a whole number, got \[1, 2, 3\]"),
    ({"layers": [[1], [2.5]]}, "layers, item 2, item 1: wanted a whole number"),
    ({"rate": "fast"}, "wanted a number, or a schedule such as"),
    ({"rate": {"end": 1}}, r"\[here\.rate\]: 'start' is missing; wanted a number"),
    ({"rate": {"start": 1, "until": 0}}, "until is the share of the training"),
    ({"rate": {"start": 1, "shape": "cosin"}}, "Did you mean 'cosine'"),
    ({"rate": float("nan")}, "wanted a number"),
    ({"inner": 3}, "wanted a table, got 3"),
    ({"inner": {"deepth": 3}}, r"\[here\.inner\]: no key 'deepth'\. Did you mean 'depth'"),
    ({"loss": {"name": "hing"}}, r"\[here\.loss\]: There is no loss called 'hing'\. Did you mean 'hinge'"),
    ({"loss": {"smoothing": 1}}, "'name' is missing: which loss"),
    ({"loss": {"name": "minimax", "smooth": 1}}, "no key 'smooth'. Did you mean 'smoothing'"),
    ({"loss": {"name": "minimax", "smoothing": 3}}, r"\[here\.loss\]: smoothing must be in"),
    ({"loss": 3}, "wanted a table with a name"),
    ({"losses": [{"name": "minimax", "smoothing": 3}]}, "'minimax': smoothing must be in"),
]


@pytest.mark.parametrize(("table", "expected"), GOOD)
def test_build_reads_every_type(table: dict[str, Any], expected: Everything) -> None:
    assert build(Everything, table, "[here]") == expected


@pytest.mark.parametrize(("table", "message"), BAD)
def test_build_refuses_in_words(table: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build(Everything, table, "[here]")


@pytest.mark.parametrize(("table", "value"), GOOD)
def test_tables_round_trip_through_toml(table: dict[str, Any], value: Everything) -> None:
    text = dumps(to_table(value))
    assert build(Everything, tomllib.loads(text), "") == value


@pytest.mark.parametrize(("base", "name", "cls"), ALL_PARTS, ids=[f"{b.__name__}-{n}" for b, n, _ in ALL_PARTS])
def test_every_part_is_found_and_round_trips(base: type, name: str, cls: type) -> None:
    assert find_part(base, PACKAGES[base], name, trust=False) is cls
    assert find_part(base, PACKAGES[base], name.upper().replace("_", "-"), trust=False) is cls
    part = cls()
    assert name_of(part) == name
    table = tomllib.loads(dumps(to_table(part)))
    assert table.pop("name") == name
    assert build(cls, table, "") == part


def test_parts_exist() -> None:
    assert {"hinge", "minimax", "relativistic"} <= set(parts(Loss, "gansmith.losses"))
    assert {"r1", "r2", "weight_clip"} <= set(parts(Penalty, "gansmith.penalties"))


OWN = """
from dataclasses import dataclass
from gansmith.contracts import Loss
open("executed", "w").close()
@dataclass(frozen=True)
class MyLoss(Loss):
    margin: float = 1.0
    def discriminator(self, real, fake): return fake.mean() - real.mean()
    def generator(self, real, fake): return -fake.mean()
class Unfinished(Loss):
    pass
class NoLoss:
    pass
"""


def _own(name: str, trust: bool = True) -> type[Loss]:
    return find_part(Loss, "gansmith.losses", name, trust=trust)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "gs_own_part.py").write_text(OWN)
    (tmp_path / "gs_broken_part.py").write_text("1 / 0")
    (tmp_path / "gs_needy_part.py").write_text("import gs_absent_package")
    monkeypatch.chdir(tmp_path)
    for name in ("gs_own_part", "gs_broken_part", "gs_needy_part"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def test_own_class_by_dotted_path(own: Path) -> None:
    before = list(sys.path)
    part = build(_own("gs_own_part.MyLoss"), {"margin": 2}, "[loss]")
    assert to_table(part) == {"name": "gs_own_part.MyLoss", "margin": 2.0}
    assert sys.path == before


def test_untrusted_paths_never_run_code(own: Path) -> None:
    with pytest.raises(RecipeError, match="opening a model does not run code"):
        _own("gs_own_part.MyLoss", trust=False)
    assert not (own / "executed").exists()
    cls = _own("gs_own_part.MyLoss")  # the user imports it
    assert _own("gs_own_part.MyLoss", trust=False) is cls


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gs_own_part.MyLos", "no class 'MyLos'. Did you mean 'MyLoss'"),
        ("gs_own_part.NoLoss", "is not a loss: derive it"),
        ("gs_own_part.Unfinished", "unfinished: it does not define discriminator, generator"),
        ("gs_nowhere.MyLoss", "no module 'gs_nowhere', neither installed nor in"),
        ("gs_broken_part.MyLoss", "importing gs_broken_part failed: ZeroDivisionError"),
        ("gs_needy_part.MyLoss", "needs a package that is not installed"),
        ("../evil.MyLoss", "is neither a built-in loss nor"),
        ("os.system", "is not a loss"),
        (".", "is neither"),
        ("__init__", "There is no loss"),
        ("", "There is no loss"),
    ],
)
def test_wrong_paths_are_explained(own: Path, path: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        _own(path)


BASE: dict[str, Any] = {
    "loss": {"name": "minimax", "smoothing": 0.1},
    "penalty": [{"name": "r1", "weight": 1.0}, {"name": "weight_clip", "limit": 0.1}],
    "train": {"batch": 64},
}


@pytest.mark.parametrize(
    ("setting", "key", "expected"),
    [
        ("loss.name=hinge", "loss", {"name": "hinge"}),
        ("loss=hinge", "loss", {"name": "hinge"}),
        ("loss.name=minimax", "loss", {"name": "minimax", "smoothing": 0.1}),
        ("loss.smoothing = 0.2", "loss", {"name": "minimax", "smoothing": 0.2}),
        ("train.batch=32", "train", {"batch": 32}),
        ("train.seed=0x10", "train", {"batch": 64, "seed": 16}),
        ("data.resolution=[48, 64]", "data", {"resolution": [48, 64]}),
        ("data.mirror=true", "data", {"mirror": True}),
        ("data.path=a b=c", "data", {"path": "a b=c"}),
        ('data.path="1"', "data", {"path": "1"}),
        ("architecture=dcgan", "architecture", {"name": "dcgan"}),
        ("optimizer.generator.lr=1e-4", "optimizer", {"generator": {"lr": 1e-4}}),
        ("penalty=none", "penalty", []),
        ("penalty=r2", "penalty", [{"name": "r2"}]),
        ("penalty.r1=none", "penalty", [{"name": "weight_clip", "limit": 0.1}]),
        ("penalty.weight-clip=none", "penalty", [{"name": "r1", "weight": 1.0}]),
        ("penalty.r1.every=4", "penalty", [{"name": "r1", "weight": 1.0, "every": 4}, BASE["penalty"][1]]),
        ("penalty.r2.weight=3", "penalty", [*BASE["penalty"], {"name": "r2", "weight": 3}]),
        ("penalty.my.Own.weight=3", "penalty", [*BASE["penalty"], {"name": "my.Own", "weight": 3}]),
        (
            "penalty.r1.weight.end=0.1",
            "penalty",
            [{"name": "r1", "weight": {"start": 1.0, "end": 0.1}}, BASE["penalty"][1]],
        ),
    ],
)
def test_apply_set(setting: str, key: str, expected: Any) -> None:
    table = apply_set(BASE, setting)
    assert table[key] == expected
    assert {k: v for k, v in table.items() if k != key} == {k: v for k, v in BASE.items() if k != key}


@pytest.mark.parametrize("setting", ["loss", "", "=3", "loss.=3", ".loss=3", "loss..name=3", "a b"])
def test_malformed_settings_show_an_example(setting: str) -> None:
    with pytest.raises(RecipeError, match=r"loss\.name=hinge"):
        apply_set(BASE, setting)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("penalty.r7=none", "no penalty 'r7' to remove. Did you mean 'r1'"),
        ("penalty.r1=3", r"as in penalty\.r1\.weight=3"),
        ("loss.name.x=3", "has no keys"),
    ],
)
def test_impossible_settings(setting: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        apply_set(BASE, setting)


def test_a_player_inherits_the_shared_optimizer_key_before_it_is_changed() -> None:
    before = {"optimizer": {"lr": 1e-3}}
    table = apply_set(before, "optimizer.generator.lr.end=0")
    assert table == {"optimizer": {"lr": 1e-3, "generator": {"lr": {"start": 1e-3, "end": 0}}}}
    assert before == {"optimizer": {"lr": 1e-3}}


def test_settings_are_applied_names_first() -> None:
    before = {"loss": {"name": "hinge"}}
    table = apply_settings(before, ["loss.smoothing=0.3", "loss.name=minimax"])
    assert table["loss"] == {"name": "minimax", "smoothing": 0.3}
    assert before == {"loss": {"name": "hinge"}}


KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), KEYS)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))
TABLES = st.dictionaries(KEYS, VALUES, max_size=4)


@given(TABLES)
@settings(max_examples=300, deadline=None)
def test_dumps_is_read_back_by_tomllib(table: dict[str, Any]) -> None:
    assert tomllib.loads(dumps(table)) == table


def test_dumps_refuses_what_no_file_can_hold() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        dumps({"path": "\udc80"})
    with pytest.raises(TypeError, match="TOML cannot hold"):
        dumps({"x": None})


FIELDS = st.sampled_from(list(Everything.__dataclass_fields__))


@given(st.dictionaries(FIELDS | KEYS, VALUES, max_size=4))
@settings(max_examples=300, deadline=None)
def test_build_raises_nothing_but_its_own_errors(table: dict[str, Any]) -> None:
    try:
        value = build(Everything, table, "", trust=False)
    except RecipeError:
        return
    assert build(Everything, tomllib.loads(dumps(to_table(value))), "") == value


@given(st.lists(st.text(max_size=20) | st.builds("{}={}".format, KEYS, KEYS), max_size=3))
@settings(max_examples=300, deadline=None)
def test_settings_raise_nothing_but_their_own_errors(texts: list[str]) -> None:
    with contextlib.suppress(GansmithError):
        apply_settings(BASE, texts)
