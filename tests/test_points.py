"""Points in the plane: clouds, tables, the codec and its plots, modes, and a training from name to samples."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

import gansmith
from gansmith import auto
from gansmith.contracts import GivenSpec, Spec
from gansmith.data.check import check
from gansmith.data.clouds import CLOUDS, draw_cloud
from gansmith.data.codec import ImageCodec
from gansmith.data.kind import CODECS, restore_codec, source_for
from gansmith.data.points import PointCodec, PointDataset, Points
from gansmith.data.scatter import MARGIN, RIM, SIDE, Window, scatter
from gansmith.errors import DataError, GansmithError, RecipeError
from gansmith.evaluation import Judge
from gansmith.features import find
from gansmith.features.coordinates import Coordinates
from gansmith.metrics.modes import modes
from gansmith.plan import Wish, plan
from gansmith.recipe import Recipe
from gansmith.scorers import find as find_scorers
from gansmith.scorers.modes import ModesScorer

SMALL = ("architecture.generator_widths=[16]", "architecture.discriminator_widths=[16]")
CODEC = PointCodec(Spec((2,)), (10.0, -3.0), (2.0, 0.5), (0.0, -5.0), (20.0, 0.0), ("left, right", "up"))


def rows(data: PointDataset) -> Tensor:
    return data.fetch(range(len(data))).real


# --- Clouds and the source


@pytest.mark.parametrize("name", CLOUDS)
def test_every_cloud_is_normalised_repeatable_and_held_out(name: str) -> None:
    data, codec = Points(name).open()
    test = Points(name).open_test()
    assert test is not None
    assert (len(data), len(test)) == (100_000, 10_000)
    x = rows(data)
    assert x.shape == (100_000, 2)
    assert x.dtype == torch.float32
    torch.testing.assert_close(x.mean(0), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(x.std(0), torch.ones(2), atol=1e-4, rtol=0)
    assert torch.equal(rows(Points(name).open()[0]), x)
    assert data.fingerprint != test.fingerprint
    assert not set(map(tuple, x[:10_000].tolist())) & set(map(tuple, rows(test).tolist()))
    np.testing.assert_allclose(codec.decode(x[:50]), draw_cloud(name, "train").values[:50], atol=1e-5)
    if data.labels is not None:
        assert torch.equal(torch.unique(data.labels), torch.arange(len(data.label_names)))
    assert data.fetch([1, 2]).given is None


def test_fingerprints_tell_clouds_apart() -> None:
    assert len({Points(name).open()[0].fingerprint for name in CLOUDS}) == len(CLOUDS)


@pytest.mark.parametrize(("name", "count", "std", "spacing"), [("ring", 8, 0.01, 0.765367), ("grid", 25, 0.05, 2.0)])
def test_mixtures_are_those_of_the_papers(name: str, count: int, std: float, spacing: float) -> None:
    cloud = draw_cloud(name, "train")
    assert cloud.centres is not None
    assert cloud.labels is not None
    assert len(cloud.centres) == count
    gaps = np.linalg.norm(cloud.centres[:, None] - cloud.centres[None], axis=2) + 99 * np.eye(count)
    np.testing.assert_allclose(gaps.min(1), spacing, atol=1e-6)
    inner = cloud.values - cloud.centres[cloud.labels]
    np.testing.assert_allclose(inner.std(0), std, rtol=0.01)
    assert np.bincount(cloud.labels).min() > 0.9 * len(inner) / count


def test_classes_are_components_and_only_where_asked_for() -> None:
    assert Points("ring").open()[0].spec.classes == 0
    data, codec = Points("ring", classes=True).open()
    assert data.spec.given == GivenSpec(tuple("01234567"))
    batch = data.fetch([0, 5, 9])
    assert data.mixture is not None
    assert batch.given is not None
    assert data.labels is not None
    assert torch.equal(batch.given, data.labels[[0, 5, 9]])
    away = (batch.real - data.mixture.centres[batch.given]) / data.mixture.std
    assert away.norm(dim=1).max() < 5
    with pytest.raises(DataError, match="no classes"):
        Points("swiss-roll", classes=True).open()
    assert codec.spec.classes == 8


def test_survey_needs_no_picture() -> None:
    survey = Points("two-moons").survey()
    assert (survey.count, survey.sizes, survey.channels, survey.test_count) == (100_000, (), 0, 10_000)
    assert sum(survey.label_counts.values()) == 100_000


def test_other_data_keeps_the_units_of_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "far.csv").write_text("x,y\n1000,1\n1002,3\n", encoding="utf-8")
    resolved = Points("grid").resolve(Points("grid").survey())
    assert resolved.mean is not None
    assert resolved.scale is not None
    other = Points(str(tmp_path / "far.csv"), resolved.mean, resolved.scale, False)
    expected = (np.array([[1000, 1], [1002, 3]]) - resolved.mean) / resolved.scale
    np.testing.assert_allclose(rows(other.open()[0]), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("path", "source"),
    [("ring", "points"), ("a/b.csv", "points"), ("B.TSV", "points"), ("digits", "images"), ("x/ring", "images")],
)
def test_which_source_a_path_is(path: str, source: str) -> None:
    assert source_for(path) == source


def test_what_exists_goes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid").mkdir()
    (tmp_path / "odd.csv").mkdir()
    assert source_for("grid") == "images"
    assert source_for("odd.csv") == "images"


# --- A user's own table

GOOD_TABLES = {
    "comma": "x,y\n1.5,2\n-3,4e1\n",
    "no header": "1.5,2\n-3,40\n",
    "semicolon": "x;y\n1.5;2\n-3;40\n",
    "decimal comma": "x;y\r\n1,5;2\r\n-3;40,0\r\n",
    "tab": "x\ty\n1.5\t2\n-3\t40\n",
    "mark and blank lines": "\ufeffx, y\n\n1.5, 2\n\n-3, 40\n\n",
    "quotes": '"x","y"\n"1.5","2"\n"-3","40"\n',
    "comment": "# x,y\n1.5,2\n-3,40",
}


@pytest.mark.parametrize("text", GOOD_TABLES.values(), ids=GOOD_TABLES.keys())
def test_tables_as_people_have_them(text: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    data, codec = Points(str(path)).open()
    np.testing.assert_allclose(codec.decode(rows(data)), [[1.5, 2], [-3, 40]], rtol=1e-6)
    assert codec.columns == ("x", "y")
    assert data.labels is None
    assert data.mixture is None
    assert Points(str(path)).open_test() is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,2\n3\n", "line 3: 1 value.s., wanted 2"),
        ("x,y\n1,2\n\n3,4,5\n", "line 4: 3 value.s., wanted 2"),
        ("a,b\n1,2\n3,four\n", "line 3: b is 'four', wanted a number"),
        ("a,b\n1,\n3,4\n", "line 2: b is '', wanted a number"),
        ("a,b\n1,nan\n3,4\n", "line 2: b is nan, wanted a finite number"),
        ("a,b\ninf,1\n3,4\n", "line 2: a is inf"),
        ("1,x\n3,4\n5,6\n", "line 1: y is 'x'"),
        ("x,y\n" + "?,?\n" * 9, "9 line.s. that are no points(.|\n)*and 6 more"),
        ("x,y,label\n1,2,3\n", "3 column.s.: x, y, label"),
        (",x,y\n0,1,2\n", "3 column.s.: column 1, x, y"),
        ("1\n2\n", "1 column.s.: column 1"),
        ("x,y\n1,2\n", "holds 1 point.s."),
        ("x,y\n", "holds 0 point.s."),
        ("\n\n", "is empty"),
    ],
)
def test_bad_tables_are_refused_with_the_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        Points(str(path)).open()


def test_what_is_no_table_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x01" * 50)
    for path, message in ((tmp_path / "b.csv", "text file"), (tmp_path / "no.csv", "no file"), ("rng", "mean 'ring'")):
        with pytest.raises(DataError, match=message):
            Points(str(path)).open()


def test_a_test_table_beside_a_train_table_is_held_out(tmp_path: Path) -> None:
    for name, shift in (("train", 0), ("test", 5)):
        lines = "".join(f"{k + shift},{2 * k}\n" for k in range(9))
        (tmp_path / f"{name}.csv").write_text(lines, encoding="utf-8")
    source = Points(str(tmp_path / "train.csv"))
    data, test = source.open()[0], source.open_test()
    assert test is not None
    moved = rows(test) - rows(data)
    np.testing.assert_allclose(moved, np.array([[5 / np.arange(9).std(), 0]] * 9), atol=1e-5)
    assert source.survey().test_count == 9


def test_a_column_of_one_value_is_not_divided_by_zero(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("1,7\n2,7\n3,7\n", encoding="utf-8")
    data, codec = Points(str(tmp_path / "t.csv")).open()
    assert torch.isfinite(rows(data)).all()
    assert codec.picture(rows(data)).size[0] > SIDE


# --- The codec and its plots


def test_codec_goes_there_and_back() -> None:
    pairs = [(12.0, -2.5), (10.0, -3.0)]
    x = CODEC.encode(pairs)
    torch.testing.assert_close(x, torch.tensor([[1.0, 1.0], [0.0, 0.0]]))
    assert CODEC.decode(x) == pairs


def test_every_codec_is_restored_by_its_kind() -> None:
    known = [CODEC, PointCodec(Spec((2,), GivenSpec(("a", "b")))), ImageCodec(Spec((3, 8, 9)))]
    assert {codec.describe()["kind"] for codec in known} == set(CODECS)
    for codec in known:
        assert restore_codec(json.loads(json.dumps(codec.describe()))) == codec
    old = {k: v for k, v in ImageCodec(Spec((1, 8, 8))).describe().items() if k != "kind"}
    assert restore_codec(old) == ImageCodec(Spec((1, 8, 8)))
    with pytest.raises(DataError, match=r"makes 'own\.Codec'"):
        restore_codec({"kind": "own.Codec"})


@pytest.mark.parametrize(
    "change", [{"mean": [0]}, {"scale": [1, float("nan")]}, {"columns": ["x"]}, {"classes": [1]}, {"low": "ab"}]
)
def test_broken_descriptions_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(DataError, match="no points"):
        PointCodec.restore({**CODEC.describe(), **change})


def test_saving_in_every_form(tmp_path: Path) -> None:
    codec = PointCodec(Spec((2,), GivenSpec(("one", "two"))), (10.0, -3.0), (2.0, 0.5), columns=("left, right", "up"))
    x, labels = torch.tensor([[1.0, 1.0], [0.0, 0.0]]), torch.tensor([1, 0])
    arrays = np.load(codec.save(x, tmp_path / "new" / "x.npz", labels))
    assert arrays["samples"].dtype == np.float32
    assert arrays["samples"].tolist() == [[12.0, -2.5], [10.0, -3.0]]
    assert arrays["labels"].tolist() == [1, 0]
    table = codec.save(x, tmp_path / "x.csv", labels).read_text(encoding="utf-8")
    assert table == '"left, right",up,class\n12,-2.5,two\n10,-3,one\n'
    assert CODEC.save(x, tmp_path / "x.tsv").read_text(encoding="utf-8") == "left, right\tup\n12\t-2.5\n10\t-3\n"
    np.testing.assert_allclose(rows(Points(str(tmp_path / "x.tsv")).open()[0]), [[1, 1], [-1, -1]])
    for ending in ("png", "webp", "jpg"):
        with Image.open(codec.save(x, tmp_path / f"x.{ending}")) as image:
            assert image.size == (MARGIN + SIDE + RIM, RIM + SIDE + MARGIN)
    for path, message in (("folder", "into a folder"), ("x.gif", "as '.gif'")):
        with pytest.raises(DataError, match=message):
            codec.save(x, tmp_path / path)
    with pytest.raises(DataError, match="no samples"):
        codec.save(x[:0], tmp_path / "x.npz")


def colours(image: Image.Image, x: int, y: int) -> tuple[int, int, int]:
    """At (x, y) from the plotted square's lower left corner."""
    pixel = image.getpixel((MARGIN + x, RIM + SIDE - 1 - y))
    assert isinstance(pixel, tuple)
    return pixel


def test_dots_are_where_they_belong() -> None:
    window = Window((0.0, -1.0), (10.0, 1.0))
    empty = np.zeros((0, 2))
    plain = scatter(empty, window)
    fake = scatter(np.array([[2.5, 0.75]]), window)
    place = round(0.25 * (SIDE - 1)), round(0.875 * (SIDE - 1))
    red, _, blue = colours(fake, *place)
    assert blue > red + 50
    assert np.abs(np.asarray(fake, int) - np.asarray(plain, int)).any(2).sum() == 5  # one dot and no more
    both = scatter(empty, window, np.array([[2.5, 0.75]]))
    red, _, blue = colours(both, *place)
    assert red < 240
    assert abs(blue - red) < 20
    outside = np.array([[11.0, 0.0], [math.nan, 0.0], [math.inf, -math.inf], [5.0, -1e300]])
    assert scatter(outside, window).tobytes() == plain.tobytes()


@given(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False, width=32)] * 4))
@settings(max_examples=25, deadline=None)
def test_any_window_can_be_drawn(numbers: tuple[float, float, float, float]) -> None:
    a, b, c, d = numbers
    scatter(np.array([[a, b]]), Window((min(a, c), min(b, d)), (max(a, c), max(b, d)), ("\n\0", "名" * 99)))


# --- Modes


def by_hand(x: Tensor, centres: Tensor, std: Tensor) -> tuple[float, float, float]:
    counts = [0] * len(centres)
    for point in x.tolist():
        scaled = [[(p - q) / w for p, q, w in zip(point, c, std.tolist(), strict=True)] for c in centres.tolist()]
        away = [math.hypot(*difference) for difference in scaled]
        if min(away) < 3:
            counts[away.index(min(away))] += 1
    shares = [n / sum(counts) for n in counts if n]
    return len(shares), sum(counts) / len(x), sum(p * math.log(p * len(centres)) for p in shares)


def test_modes_equal_a_plain_loop() -> None:
    chance = torch.Generator().manual_seed(0)
    centres = torch.tensor([[0.0, 0.0], [4.0, 1.0], [-3.0, 2.0], [50.0, 50.0]], dtype=torch.float64)
    std = torch.tensor([0.5, 0.2], dtype=torch.float64)
    x = centres[torch.randint(3, (400,), generator=chance)] + 0.6 * torch.randn(400, 2, generator=chance)
    found = modes(x, centres, std)
    assert found == pytest.approx(by_hand(x, centres, std), rel=1e-9)
    assert found.hit == 3
    assert 0.1 < found.high_quality < 0.9


def test_modes_of_known_generators() -> None:
    centres = torch.arange(10.0).mul(10)[:, None].repeat(1, 2)
    std = torch.ones(2)
    assert modes(centres, centres, std) == (10, 1.0, 0.0)
    collapsed = modes(centres[:1].repeat(7, 1), centres, std)
    assert collapsed == (1, 1.0, pytest.approx(math.log(10)))
    assert modes(centres + 4, centres, std) == (0, 0.0, pytest.approx(math.log(10)))
    edge = modes(torch.tensor([[2.999, 0.0], [3.001, 0.0]]), centres, std)
    assert edge[:2] == (1, 0.5)
    with pytest.raises(ValueError, match="positive std"):
        modes(centres, centres, torch.zeros(2))
    with pytest.raises(ValueError, match="Modes need"):
        modes(torch.zeros(4, 3), centres, std)


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_real_points_are_perfect(name: str) -> None:
    test = Points(name).open_test()
    assert test is not None
    assert test.mixture is not None
    found = modes(rows(test)[:2500], *test.mixture)
    count = len(test.mixture.centres)
    assert found.hit == count
    assert found.high_quality == pytest.approx(1 - math.exp(-4.5), abs=0.006)  # 3 of its standard deviations
    assert found.kl < 3 * (count - 1) / (2 * 2500)


def test_the_judge_counts_modes_by_the_papers_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    data = Points("grid").open()[0]
    x = rows(data)
    monkeypatch.setattr(ModesScorer, "samples", 250)
    judge = Judge(find("auto", data), data, None, 600, scorers=find_scorers("auto", data))
    scores = judge.score(lambda count, seed: (x[500 * seed : 500 * seed + count] + (x[:1] * 9 if seed else 0), None))
    assert data.mixture is not None
    expected = modes(x[:250], *data.mixture)
    assert [scores.values[f"modes/{name}"] for name in ("hit", "high_quality", "kl")] == list(expected)
    assert scores.protocol["modes"]["generated"] == 250
    assert scores.protocol["extractor"] == "coordinates"


def test_only_mixtures_have_modes() -> None:
    data = Points("rings").open()[0]
    assert find_scorers("auto", data) == ()


# --- Features


def test_coordinates_are_the_samples() -> None:
    x = torch.randn(600, 2)
    extractor = Coordinates(Spec((2,)))
    assert torch.equal(extractor(x).vectors, x)
    assert extractor.hash != Coordinates(Spec((3,))).hash
    assert extractor.hash == Coordinates(Spec((2,))).hash
    json.dumps(extractor.details)
    with pytest.raises(DataError, match="pictures"):
        Coordinates(Spec((1, 8, 8)))
    with pytest.raises(DataError, match=r"see pictures \[C, H, W\]"):
        find("random", Points("ring").open()[0])


# --- Plans


def planned(data: str, *, before: Recipe | None = None, **more: object) -> Recipe:
    return plan(Wish(data, **more), before, lambda _: None)  # type: ignore[arg-type]


def test_auto_chooses_for_points() -> None:
    table, reasons = auto.choose_points(Points("ring").survey())
    assert len(reasons) >= 3
    recipe = planned("ring")
    assert isinstance(recipe.data, Points)
    assert recipe.train.precision == "float32"
    assert recipe.architecture == Recipe.from_table(table).architecture
    again = Recipe.from_table(recipe.to_table())
    assert again == recipe
    assert planned("ring", before=recipe) == recipe


def test_precision_is_float32_unless_asked_for() -> None:
    own = ("train.precision=auto",)
    assert planned("ring", settings=own).train.precision == "float32"
    assert planned("ring", settings=("train.precision=bfloat16",)).train.precision == "bfloat16"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"resolution": "32"}, "'ring' are points, which have none"),
        ({"recipe": "dcgan"}, "is for pictures, but 'ring' are points"),
        ({"settings": ("data.name=images",)}, "is for pictures"),
        ({"settings": ("data.resolution=[8,8]",)}, "no key 'resolution'"),
        ({"settings": ("data=5",)}, "wanted a table with a name"),
        ({"settings": ("data.scale=[0,1]",)}, "scale must be above 0"),
        ({"settings": ("architecture=dcgan",)}, "dcgan"),
    ],
)
def test_what_points_cannot_be_is_refused(more: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=message):
        gansmith.train("ring", run=tmp_path / "run", samples=64, **more)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_another_recipe_is_taken_over_by_settings() -> None:
    recipe = planned("grid", recipe="wgan-gp", settings=("data.name=points", "architecture.name=mlp"))
    assert isinstance(recipe.data, Points)
    assert recipe.data.path == "grid"
    assert recipe.name == "wgan-gp"


# --- From a name to samples


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("points") / "run"
    settings = (*SMALL, "evaluate.times=2", "evaluate.samples=200", "evaluate.final_samples=300")
    gansmith.train("grid", run=folder, samples=640, batch=64, settings=settings)
    return folder


def test_a_run_of_points_is_whole(run: Path) -> None:
    told = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert told["state"] == "finished"
    assert told["data"]["shape"] == [2]
    assert {"modes/hit", "modes/high_quality", "modes/kl", "frechet_ratio"} <= told["scores"]["values"].keys()
    assert "best" not in told  # two coordinates' moments do not rank generators: the last one is handed on
    names = {path.name for path in (run / "samples").iterdir()}
    assert {"000000000.png", "000000640.png", "uncurated.png"} <= names
    assert "nearest.png" not in names
    report = (run / "report.html").read_text(encoding="utf-8")
    assert "Uncurated" in report
    assert "nearest" not in report
    grey = np.asarray(Image.open(run / "samples" / "uncurated.png").convert("RGB"), int)
    spread = grey.max(2) - grey.min(2)
    assert ((spread < 20) & (grey.max(2) < 200)).sum() > 200  # training samples beneath


def test_samples_are_in_the_users_units(run: Path, tmp_path: Path) -> None:
    trained = gansmith.load(run)
    samples = trained.sample(100_000, seed=3)
    arrays = np.load(samples.save(tmp_path / "x.npz"))
    assert arrays["samples"].shape == (100_000, 2)
    assert arrays["samples"].dtype == np.float32
    assert "labels" not in arrays
    mean, scale = trained.codec.mean, trained.codec.scale  # type: ignore[attr-defined]
    np.testing.assert_allclose(arrays["samples"], samples.x.numpy() * scale + mean, rtol=1e-5, atol=1e-5)
    # a processor may add in another order where a block is not full
    assert torch.allclose(trained.sample(70, seed=3).x, samples.x[:70], atol=1e-5)
    assert trained.sample(2).items == trained.codec.decode(trained.sample(2).x)
    with Image.open(io.BytesIO(samples._repr_png_())) as image:
        assert image.width == MARGIN + SIDE + RIM


def test_evaluating_against_other_points(run: Path, tmp_path: Path) -> None:
    own = gansmith.evaluate(run, samples=200).values
    x = np.load(gansmith.load(run).sample(500, seed=7).save(tmp_path / "x.npz"))["samples"]
    np.savetxt(tmp_path / "like.csv", x, delimiter=",")
    like = gansmith.evaluate(run, data=tmp_path / "like.csv", samples=200).values
    assert like["frechet"] < 0.1 * own["frechet"]  # only true in the same units
    assert "modes/hit" not in like


def test_stopped_and_continued_is_the_same(tmp_path: Path) -> None:
    settings = (*SMALL, "evaluate.times=0", "optimizer.lr=1e-3", "penalty.r1.weight=1", "penalty.r2.weight=1")
    for folder, lengths in (("whole", (512,)), ("parts", (256, 512))):
        for samples in lengths:
            gansmith.train("ring", run=tmp_path / folder, samples=samples, batch=64, settings=settings)
    files = [tmp_path / folder / "generator.safetensors" for folder in ("whole", "parts")]
    a, b = (gansmith.load(file).sample(10).x for file in files)
    assert torch.equal(a, b)


def test_training_with_classes(tmp_path: Path) -> None:
    settings = (*SMALL, "evaluate.times=0")
    gansmith.train("ring", run=tmp_path / "run", samples=64, batch=32, classes=True, settings=settings)
    samples = gansmith.load(tmp_path / "run").sample(5, label="3")
    assert np.load(samples.save(tmp_path / "x.npz"))["labels"].tolist() == [3] * 5
    assert samples.save(tmp_path / "x.csv").read_text(encoding="utf-8").splitlines()[1].endswith(",3")


# --- The data check


def test_a_clean_cloud_has_nothing_wrong() -> None:
    findings = check("ring")
    assert findings.problems == ()
    assert findings.splits["train"].count == 100_000
    assert findings.splits["train"].classes["3"] > 11_000
    assert "100,000 points" in findings.text()
    json.dumps(findings.to_json())


def test_what_is_wrong_with_a_table_is_found(tmp_path: Path) -> None:
    chance = np.random.default_rng(0).normal(size=(300, 2)).round(6)
    good = [f"{a},{b}" for a, b in chance.tolist()]
    lines = ["u,v", *good, "7,nan", "oops", *good[:20], "9e6,0", "1,2,3"]
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    findings = check(str(tmp_path / "t.csv"))
    found = {problem.kind: problem for problem in findings.problems}
    assert found["unreadable"].count == 3
    assert found["unreadable"].evidence[0] == ("line 302", "v is nan, wanted a finite number below 1e+30")
    assert found["exact-duplicates"].count == 20
    assert found["outliers"].evidence == (("9e+06, 0",),)
    assert found["too-few"].severity == "note"
    facts = findings.splits["train"]
    assert (facts.count, facts.readable, facts.columns) == (324, 321, ("u", "v"))  # type: ignore[union-attr]
    assert "321 points of 324 lines" in findings.text()
    json.dumps(findings.to_json())


def test_checks_of_hopeless_tables(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    assert [p.severity for p in check(str(tmp_path / "one.csv")).problems] == ["error"]
    (tmp_path / "flat.csv").write_text("1,2\n3,2\n", encoding="utf-8")
    assert "constant" in {p.kind for p in check(str(tmp_path / "flat.csv")).problems}
    with pytest.raises(GansmithError, match="no file"):
        check(str(tmp_path / "none.csv"))
