"""The command line: every option's typos, types and ranges, help, errors without tracebacks, and that torch waits."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gansmith
from gansmith.cli.app import VERBS, command_line, main
from gansmith.errors import DataError
from gansmith.explore.compare import compare_runs
from gansmith.folder import atomic
from gansmith.folder.metrics_log import MetricsLog
from gansmith.folder.run_json import update_run
from gansmith.plan import Wish
from gansmith.recipe import names

NEEDED = {
    "train": ["photos", "--run", "r"],
    "sample": ["r", "--out", "o.png"],
    "interpolate": ["r", "--out", "o.gif"],
    "timelapse": ["r", "--out", "o.gif"],
    "evaluate": ["r"],
    "export": ["r", "--to", "onnx", "--out", "o"],
    "serve": ["r"],
    "pack": ["photos", "p.safetensors"],
    "check": ["photos"],
    "recipes": [],
    "compare": ["a", "b"],
    "zoo": [],
    "bench": [],
}


def options() -> list[tuple[str, str]]:
    """Every (verb, --option), found in the command line itself."""
    app = command_line()
    return [
        (verb, name)
        for verb in VERBS
        for argument in app[verb].assemble_argument_collection()
        for name in argument.names
        if name.startswith("--")
    ]


class Fake(types.ModuleType):
    """Stands for gansmith.api: remembers what the verbs ask for."""

    def __init__(self, folder: Path) -> None:
        super().__init__("gansmith.api")
        self.calls: list[tuple[Any, ...]] = []
        self.raises: BaseException | None = None
        self.complete = True

    def _note(self, *call: Any) -> None:
        self.calls.append(call)
        if self.raises:
            raise self.raises

    def train_in(self, folder: Path, wish: Wish) -> bool:
        self._note(folder, wish)
        return self.complete

    def load(self, run: Path, *, trust: bool) -> Any:
        def write(path: Path, count: int, **rest: Any) -> Path:
            self._note(run, count, {**rest, "trust": trust})
            return path

        return types.SimpleNamespace(write=write)

    def evaluate(self, run: Path, **rest: Any) -> Any:
        self._note(run, rest)
        return types.SimpleNamespace(values={"frechet": 1.5}, protocol={"hash": "abc", "details": {"accuracy": 0.9}})

    def check(self, data: str) -> Any:
        self._note(data)
        return types.SimpleNamespace(text=lambda: "all well", to_json=lambda: {"count": 3})


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake(tmp_path)
    monkeypatch.setitem(sys.modules, "gansmith.api", fake)
    monkeypatch.setattr(gansmith, "api", fake, raising=False)
    monkeypatch.chdir(tmp_path)
    return fake


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Runs a command that must be refused; its one message."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("gansmith: ")
    assert "Traceback" not in err
    return err


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f" {verb} " in text for verb in VERBS)
    assert main([]) == 0


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_explains_every_option(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for v, name in options() if v == verb)
    for argument in command_line()[verb].assemble_argument_collection(parse_docstring=True):
        if argument.show:
            assert argument.parameter.help, argument.name


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == gansmith.__version__


def test_help_and_typos_do_not_wait_for_torch() -> None:
    code = (
        "import sys; from gansmith.cli.app import main\n"
        "assert main(['--help']) == 0 and main(['train', '--help']) == 0 and main(['trian']) == 2\n"
        "assert main(['train', 'd', '--rum', 'x']) == 2 and main(['sample', 'r', '--out', 'o', '--count', '0']) == 2\n"
        "slow = {'torch', 'numpy', 'PIL'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_as_a_module_with_an_exit_code() -> None:
    done = subprocess.run([sys.executable, "-m", "gansmith", "trian"], capture_output=True, text=True)
    assert done.returncode == 2
    assert 'Did you mean "train"' in done.stderr


def _typos(word: str) -> list[str]:
    middle = len(word) // 2
    typos = (word[:middle] + word[middle + 1 :], word + "x", word[:-2] + word[-1] + word[-2])
    return [typo for typo in typos if typo != word]


@pytest.mark.parametrize("verb", VERBS)
def test_a_typo_in_a_verb_gets_the_right_one(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    for typo in _typos(verb):
        assert f'Did you mean "{verb}"' in refused(capsys, typo)


@pytest.mark.parametrize(("verb", "option"), options(), ids=" ".join)
def test_a_typo_in_an_option_gets_the_right_one(
    verb: str, option: str, api: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    known = [name for v, name in options() if v == verb]
    for typo in _typos(option):
        if typo not in known:
            needed = [typo if word == option else word for word in NEEDED[verb]]
            message = refused(capsys, verb, *needed, *([typo, "1"] if typo not in needed else []))
            assert option in message, typo
            assert f"gansmith {verb} --help" in message
    assert not api.calls


def test_an_unknown_option_lists_the_known_ones(api: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, "train", "photos", "--run", "r", "--epochs", "3")
    assert "--epochs" in message
    assert "--samples" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--run", "r"], "DATA"),
        (["train", "photos"], "--run"),
        (["train", "photos", "more", "--run", "r"], "more"),
        (["train", "photos", "--run", "r", "--run", "s"], "multiple times"),
        (["train", "photos", "--run", "r", "--samples", "lots"], "such as 5000 or 200k"),
        (["train", "photos", "--run", "r", "--samples", "0"], "at least 1"),
        (["train", "photos", "--run", "r", "--samples", "-5"], "at least 1"),
        (["train", "photos", "--run", "r", "--samples", "0.5"], "whole number"),
        (["train", "photos", "--run", "r", "--minutes", "soon"], "minutes above 0"),
        (["train", "photos", "--run", "r", "--minutes", "0"], "minutes above 0"),
        (["train", "photos", "--run", "r", "--minutes", "-1"], "minutes above 0"),
        (["train", "photos", "--run", "r", "--minutes", "nan"], "minutes above 0"),
        (["train", "photos", "--run", "r", "--minutes", "1", "--samples", "2k"], "Give one of them"),
        (["train", "photos", "--run", "r", "--batch", "many"], "--batch"),
        (["train", "photos", "--run", "r", "--seed", "dice"], "--seed"),
        (["train", "photos", "--run", "r", "--device", "gqu"], "gpu"),
        (["train", "photos", "--run", "r", "--device"], "--device"),
        (["sample", "r"], "--out"),
        (["sample", "r", "--out", "o", "--count", "0"], "at least 1"),
        (["sample", "r", "--out", "o", "--count", "few"], "at least 1"),
        (["sample", "r", "--out", "o", "--seed", "-1"], ">= 0"),
        (["sample", "r", "--out", "o", "--truncation", "2"], "<= 1"),
        (["sample", "r", "--out", "o", "--truncation", "-1"], ">= 0"),
        (["sample", "r", "--out", "o", "--truncation", "some"], "--truncation"),
        (["evaluate"], "RUN"),
        (["evaluate", "r", "--samples", "x"], "at least 1"),
        (["check"], "DATA"),
        (["check", "photos", "--json", "."], "--json"),
        (["check", "photos", "--json", ""], "--json"),
        (["recipes", "dcgn"], "Did you mean 'dcgan'"),
        (["recipes", "a", "b"], "b"),
        (["compare"], "two or more"),
        (["compare", "a"], "two or more"),
        (["compare", "a", "b"], "no run folder a"),
        (["--frob"], "--frob"),
    ],
)
def test_wrong_input_is_refused(
    arguments: list[str], message: str, api: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(capsys, *arguments)
    assert not api.calls


def test_train_passes_everything_on(api: Fake) -> None:
    line = "train photos --run r --recipe dcgan --samples 1.5k --resolution 64x48 --batch 8 --no-classes --seed 3"
    line += " --device cpu --tune full"
    assert main([*line.split(), "--set", "loss.name=hinge", "a=1", "--set", "b=2"]) == 0
    folder, wish = api.calls[0]
    assert folder == Path("r")
    assert wish == Wish(
        data="photos",
        recipe="dcgan",
        samples=1500,
        resolution="64x48",
        batch=8,
        classes=False,
        seed=3,
        device="cpu",
        settings=("loss.name=hinge", "a=1", "b=2"),
        tune="full",
    )


def test_train_leaves_open_what_is_not_said(api: Fake) -> None:
    assert main(["train", "photos", "--run", "r", "--minutes", "0.5", "--classes", "--data-root", "d"]) == 0
    assert api.calls[0][1] == Wish(data="photos", minutes=0.5, classes=True, data_root="d", tune="quick")


@pytest.mark.parametrize(
    ("text", "number"), [("5", 5), ("200_000", 200_000), ("200,000", 200_000), ("2k", 2000), ("1.5M", 1_500_000)]
)
def test_counts(text: str, number: int, api: Fake) -> None:
    assert main(["train", "photos", "--run", "r", "--samples", text]) == 0
    assert api.calls[0][1].samples == number


def test_interrupts_have_their_own_code(api: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    api.complete = False
    assert main(["train", "photos", "--run", "r"]) == 130
    api.raises = KeyboardInterrupt()
    assert main(["train", "photos", "--run", "r"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_own_errors_are_one_message(api: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    api.raises = DataError("There is no data at photos.")
    for verb in ("train", "sample", "evaluate", "check"):
        assert refused(capsys, verb, *NEEDED[verb]) == "gansmith: There is no data at photos.\n"


def test_a_bug_says_how_to_report_it(api: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    api.raises = ZeroDivisionError()
    assert main(["check", "photos"]) == 1
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err
    assert "Please report" in err
    assert gansmith.__version__ in err


def test_sample(api: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["sample", "r", "--count", "9", "--out", "g.png", "--seed", "2", "--class", "cat", "--truncation", "0.7"])
        == 0
    )
    assert api.calls == [
        (Path("r"), 9, {"seed": 2, "label": "cat", "truncation": 0.7, "precision": "float32", "trust": False})
    ]
    assert "g.png" in capsys.readouterr().out


def test_evaluate_and_check_write_json(api: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "r", "--data", "d", "--features", "random", "--samples", "2k", "--json", "s.json"]) == 0
    assert api.calls[-1] == (Path("r"), {"data": "d", "features": "random", "samples": 2000, "trust": False})
    assert json.loads(Path("s.json").read_text())["values"] == {"frechet": 1.5}
    out = capsys.readouterr().out
    assert "details.accuracy" in out
    assert main(["check", "photos", "--json", "c.json"]) == 0
    assert json.loads(Path("c.json").read_text()) == {"count": 3}
    assert capsys.readouterr().out == "all well\n"


def test_recipes_are_listed_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes"]) == 0
    text = capsys.readouterr().out
    assert all(f"{name} " in text for name in [*names(), "auto"])
    for name in names():
        assert main(["recipes", name]) == 0
        text = capsys.readouterr().out
        assert "Paper: " in text
        assert "[architecture]" in text
        assert "\n# " not in text
    assert main(["recipes", "auto"]) == 0
    assert "Paper: " in capsys.readouterr().out


def make_run(folder: Path, loss: str, scores: dict[str, float] | None, hash_: str = "aa") -> Path:
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text(f'name = "x"\n[loss]\nname = "{loss}"\n[train]\nbatch = 64\n')
    update_run(folder, state="finished", samples_seen=1000, seconds=90.0, data={"fingerprint": "f" * 40})
    if scores:
        update_run(folder, scores={"values": scores, "protocol": {"extractor": "classifier", "hash": hash_}})
    return folder


def test_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = make_run(tmp_path / "a", "hinge", {"frechet": 12.0, "recall": 0.5})
    b = make_run(tmp_path / "b", "wasserstein", {"frechet": 14.0})
    found = compare_runs([a, b])
    assert found.runs == ("a", "b")
    assert found.choices == {"loss.name": ("hinge", "wasserstein")}
    assert found.scores == {"frechet": (12.0, 14.0), "recall": (0.5, None)}
    assert found.facts["minutes"] == (1.5, 1.5)
    assert found.warnings == ()
    assert main(["compare", str(a), str(b), "--json", str(tmp_path / "c.json")]) == 0
    assert json.loads((tmp_path / "c.json").read_text())["choices"] == {"loss.name": ["hinge", "wasserstein"]}
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["loss.name", "hinge", "wasserstein"] for line in lines)
    assert any(line.split() == ["recall", "0.5", "-"] for line in lines)


def test_compare_warns_of_scores_that_do_not_compare(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", "hinge", {"frechet": 12.0}, "aa")
    b = make_run(tmp_path / "b", "hinge", {"frechet": 14.0}, "bb")
    c = make_run(tmp_path / "c" / "a", "hinge", None)
    found = compare_runs([a, b])
    assert "not comparable" in found.warnings[0]
    assert "not comparable" in found.text()
    assert "(nothing differs)" in found.text()
    found = compare_runs([a, c])
    assert found.runs == (str(a), str(c))  # both are called a
    assert found.warnings == (f"no scores yet: {c}. Measure them: gansmith evaluate RUN",)


def test_compare_takes_the_last_evaluation_of_a_running_one(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", "hinge", None)
    log = MetricsLog(a / "metrics.jsonl")
    log.append(100, 1.0, {"score/frechet": 9.0})
    log.append(200, 2.0, {"score/frechet": 8.0})
    log.append(300, 3.0, {"loss/generator": 1.0})
    found = compare_runs([a, make_run(tmp_path / "b", "hinge", {"frechet": 7.0})])
    assert found.scores == {"frechet": (8.0, 7.0)}
    assert found.protocol["measured"] == ("in training, at 200 samples", None)


def test_compare_refuses_a_damaged_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = (make_run(tmp_path / name, "hinge", None) for name in "ab")
    (b / "recipe.toml").write_text("[")
    assert "recipe.toml cannot be read" in refused(capsys, "compare", str(a), str(b))
    atomic.write_text(b / "run.json", "{}")
    refused(capsys, "compare", str(a), str(b))


WORDS = st.sampled_from(
    [*VERBS, *(name for _, name in options()), "photos", "r", "1", "-1", "2k", "0.5", "a=b", "", "--", "-h"]
)


@given(words=st.lists(WORDS | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6), max_size=7))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_words_end_in_an_exit_code(api: Fake, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) in (0, 2)
    assert "Traceback" not in capsys.readouterr().err
