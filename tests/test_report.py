"""The report: one well-formed file that asks for nothing, whatever is in the run folder or missing from it."""

from __future__ import annotations

import itertools
import json
import math
import random
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gansmith.callbacks import charts, report_pictures
from gansmith.callbacks.charts import decimate, line_chart, nice_step, running_median, value_text
from gansmith.callbacks.report import write_report
from gansmith.errors import RunFolderError
from gansmith.folder import alerts
from gansmith.folder.alerts import Alert
from gansmith.folder.metrics_log import MetricsLog
from gansmith.folder.run_json import update_run

HOSTILE = '</title></pre><script>alert(1)</script><img src=x onerror="a()">\' & \ud800 名'
VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """Checks that every tag is closed in its turn; collects tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.images: list[dict[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def checked(path: Path) -> Page:
    page = Page(path.read_text(encoding="utf-8"))
    assert not {"script", "iframe", "object", "link", "base", "form"} & set(page.tags)
    for name, value in page.attributes:
        assert not name.startswith("on"), name
        if name in ("src", "href", "srcset", "action", "data"):
            assert value is not None
            assert value.startswith("data:image/")
    styles = re.findall(r"url\(|@import", path.read_text(encoding="utf-8"))
    assert not styles
    for image in page.images:
        assert image["alt"]
    assert path.stat().st_size < 4_000_000
    return page


def picture(path: Path, size: int = 64, channels: int = 3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 255, (size, size, channels), dtype=np.uint8)
    Image.fromarray(noise.squeeze()).save(path)


def full_run(folder: Path, word: str, rows: int = 400) -> None:
    update_run(
        folder,
        state="finished",
        samples_seen=1_234_567,
        seconds=3700.0,
        device=word,
        data={"name": word, word: [1, None, True, 2.5]},
        versions={"torch": "2.13"},
        best={"value": float("nan")},
        scores={"values": {word: 12.251, "recall": 0.5}, "protocol": {"extractor": word, "samples": 10_000}},
        command=f"gansmith train {word}",
    )
    log = MetricsLog(folder / "metrics.jsonl")
    for k in range(rows):
        values = {"loss/generator": 1.0, f"penalty/{word}": 1 / (k + 1), "verdict/real": math.nan, "other/x": math.inf}
        log.append(k * 100, k, values | ({"score/frechet": 9.0} if k % 100 == 0 else {}))
    alerts.append(folder, Alert(500, word, f"{word} seen", f"do {word}", seconds=65.0, numbers={word: 0.125}))
    for seen in (0, 100, 1000):
        picture(folder / "samples" / f"{seen:012d}.png")
    picture(folder / "samples" / "uncurated.png", channels=1)
    picture(folder / "samples" / "nearest.png", channels=4)
    (folder / "recipe.toml").write_bytes(f'[loss]\nname = "{word}"\n'.encode("utf-8", "replace"))


def test_a_full_run_is_told_in_full(tmp_path: Path) -> None:
    folder = tmp_path / "my run"
    full_run(folder, "plain")
    path = write_report(folder)
    assert path == folder / "report.html"
    page = checked(path)
    for words in (
        "my run",
        "finished",
        "1.23M",
        "1:01:40",
        "12.25",
        "extractor",
        "plain seen",
        "do plain",
        "1:05",
        "plain: 0.125",
        "open",
        "[loss]",
    ):
        assert words in page.text, words
    for title in ("Losses", "Penalties", "What the discriminator says", "other", "Uncurated"):
        assert title in page.text, title
    assert "gansmith train plain" in page.text
    assert "gansmith sample 'my run'" in page.text.replace(str(tmp_path) + "/", "")
    assert len(page.images) == 1 + 3 + 2
    assert page.tags.count("svg") == 5


def test_hostile_words_stay_words(tmp_path: Path) -> None:
    folder = tmp_path / "a <b>&"
    full_run(folder, HOSTILE, rows=5)
    page = checked(write_report(folder))
    assert page.text.count("<script>alert(1)</script>") >= 6
    assert "<b>&" in page.text


def test_an_empty_folder_and_every_missing_file_are_survived(tmp_path: Path) -> None:
    assert "missing" in checked(write_report(tmp_path / "new")).text
    whole = tmp_path / "whole"
    full_run(whole, "x", rows=3)
    write_report(whole)
    for path in sorted(p for p in whole.rglob("*") if p.is_file() and p.name != "report.html"):
        data = path.read_bytes()
        for broken in (None, b"", data[: len(data) // 2], b"\xff\x00[[" * 9):
            path.unlink() if broken is None else path.write_bytes(broken)
            checked(write_report(whole))
        path.write_bytes(data)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
run_keys = ("state", "versions", "device", "data", "samples_seen", "seconds", "best", "scores", "command")


@settings(max_examples=50, deadline=None)
@given(run=st.dictionaries(st.sampled_from(run_keys), json_values))
def test_any_run_json_is_survived(run: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("run")
    (folder / "run.json").write_text(json.dumps({"format": "gansmith run", "version": 1, **run}))
    checked(write_report(folder))


def test_large_noisy_pictures_stay_within_the_size(tmp_path: Path) -> None:
    for seen in range(1, 13):
        picture(tmp_path / "samples" / f"{2**seen:012d}.png", 700)
    picture(tmp_path / "samples" / "000000009999.png", 1400)
    picture(tmp_path / "samples" / "uncurated.png", 1000)
    picture(tmp_path / "samples" / "nearest.png", 1000)
    assert len(checked(write_report(tmp_path)).images) == 1 + 8 + 2


def test_an_unwritable_report_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    (tmp_path / "report.html" / "x").touch()
    with pytest.raises(RunFolderError, match=r"report\.html"):
        write_report(tmp_path)


def test_grids_are_spread_over_the_whole_training() -> None:
    steps = [0, *(1000 * 2**k for k in range(11))]
    chosen = report_pictures.spread(steps, 8)
    assert len(chosen) == 8
    assert chosen == sorted(set(chosen))
    assert (chosen[0], chosen[-1]) == (0, 1_024_000)
    assert max(steps.index(b) - steps.index(a) for a, b in itertools.pairwise(chosen)) <= 2
    assert report_pictures.spread([5], 8) == [5]


# --- charts ---

values = st.lists(st.floats(), max_size=30)


@settings(max_examples=120, deadline=None)
@given(
    series=st.dictionaries(st.text(max_size=12), values, max_size=8),
    log_y=st.booleans(),
    scale=st.sampled_from([1.0, 1e-9, 1e6]),
)
def test_any_chart_is_drawn_inside_its_box(series: dict[str, list[float]], log_y: bool, scale: float) -> None:
    data = {name: ([k * scale for k in range(len(y))], y) for name, y in series.items()}
    tree = parsed(line_chart("t", data, log_y=log_y))
    for path in tree.iter("path"):
        for x, y in re.findall(r"[ML]?(-?[\d.]+) (-?[\d.]+)", path.get("d", "")):
            assert -1 <= float(x) <= charts.WIDTH + 1
            assert -1 <= float(y) <= charts.HEIGHT + 1
        assert "nan" not in path.get("d", "")


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]", "?", svg))


def lines(svg: str) -> list[str]:
    return [p.get("d", "") for p in parsed(svg).iter("path") if p.get("class") == "s" and "h16" not in p.get("d", "")]


def test_gaps_are_gaps_and_lone_points_show() -> None:
    (line,) = lines(line_chart("t", {"a": ([0, 1, 2, 3, 4], [1.0, 2.0, math.nan, 3.0, math.inf])}))
    assert line.count("M") == 2
    assert line.count("L") == 1
    assert line.endswith("h0")
    (line,) = lines(line_chart("t", {"a": ([0, 1, 2, 3], [1.0, 0.0, 10.0, 100.0])}, log_y=True))
    assert line.count("M") == 2


def test_decimation_keeps_peaks_gaps_and_order() -> None:
    dice = random.Random(0)
    y = [dice.random() for _ in range(50_001)]
    y[777], y[40_000], y[25_000] = 9.0, -9.0, math.nan
    points = decimate(range(len(y)), y)
    kept = [p for p in points if p]
    assert len(kept) <= 500
    assert {(777, 9.0), (40_000, -9.0)} <= set(kept)
    assert points.count(None) == 1
    assert kept == sorted(kept)
    assert decimate([1, 2], [3.0, 4.0]) == [(1, 3.0), (2, 4.0)]


def test_outliers_are_cut_off_and_counted() -> None:
    y = [1 + 0.1 * (k % 7) for k in range(300)]
    y[50] = 1e6
    svg = line_chart("t", {"a": (range(300), y)})
    assert "1 outliers cut off" in svg
    assert "1e+06" not in "".join(t.text or "" for t in parsed(svg).iter("text"))
    assert all(p and p[1] < 2 for p in running_median(range(300), y))


def test_the_description_names_first_last_and_range() -> None:
    svg = line_chart("Losses", {"G": ([0, 500, 2000], [3.0, 0.5, 1.25])})
    assert parsed(svg).findtext("title") == "Losses"
    assert parsed(svg).findtext("desc") == "G: from 3 to 1.25 at 2k samples seen, between 0.5 and 3"


def test_steps_and_values_read_well() -> None:
    assert [nice_step(v) for v in (0.9, 1.0, 1.1, 3, 7, 0.03)] == pytest.approx([1, 1, 2, 5, 10, 0.05])
    texts = {0.00018: "1.8e-4", 0.01234: "0.01234", 12.345: "12.35", 123_456.7: "123457", 0.0: "0", -0.00002: "-2e-5"}
    assert {v: value_text(v) for v in texts} == texts
