"""The data check finds planted faults by name, and finds nothing in clean data."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from gansmith.data import duplicates
from gansmith.data.check import check
from gansmith.data.duplicates import MAX_BITS, exact_groups, look, near_pairs
from gansmith.data.findings import LISTED, Findings, Problem
from gansmith.errors import DataError


def scene(seed: int, size: tuple[int, int] = (64, 64)) -> Image.Image:
    """Smooth colourful noise: like a photograph in that copies survive compression, and no two are alike."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def write(root: Path, names: dict[str, Image.Image]) -> Path:
    for name, image in names.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    return root


def clean(count: int = 120, prefix: str = "", first: int = 0) -> dict[str, Image.Image]:
    return {f"{prefix}{'ab'[i % 2]}/{i:03}.png": scene(first + i) for i in range(count)}


def of(found: Findings, kind: str) -> Problem:
    return next(p for p in found.problems if p.kind == kind)


def kinds(found: Findings) -> set[str]:
    return {p.kind for p in found.problems}


def groups(found: Findings, kind: str) -> list[set[str]]:
    return [set(entry) for entry in of(found, kind).evidence]


def test_clean_data_is_clean(tmp_path: Path) -> None:
    write(tmp_path, clean(120, "train/"))
    write(tmp_path, clean(30, "test/", first=1000))
    calls: list[tuple[str, int, int]] = []
    found = check(str(tmp_path), lambda *call: calls.append(call))
    assert [p for p in found.problems if p.severity != "note"] == []
    assert kinds(found) == {"too-few"}  # 120 are few: a note
    train = found.splits["train"]
    assert (train.count, train.readable, found.splits["test"].readable) == (120, 120, 30)
    assert train.classes == {"a": 60, "b": 60}
    assert (train.formats, train.modes, train.sizes) == ({"PNG": 120}, {"RGB": 120}, {"64x64": 120})
    assert (train.width, train.different_sizes, train.square_share) == ((64, 64, 64), 1, 1.0)
    assert ("train", 120, 120) in calls
    assert ("test", 30, 30) in calls


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    root = tmp_path_factory.mktemp("faulty")
    write(root, clean(120, "train/"))
    write(root, clean(20, "test/", first=1000))
    write(
        root,
        {
            "train/b/copy_of_000.bmp": scene(0),  # exact, another class, another file format
            "train/a/copy_of_002.png": scene(2),
            "test/a/copy_of_004.png": scene(4),
            "train/a/small_006.png": scene(6).resize((40, 40), Image.Resampling.LANCZOS),
            "test/b/small_009.jpg": scene(9).resize((48, 48)),
            "train/a/blank.png": Image.new("RGB", (64, 64), (9, 90, 200)),
            "train/a/long.png": scene(5077, (400, 30)),
            "train/a/tiny.png": scene(5078, (5, 6)),
            "train/b/clear.png": scene(5079).convert("RGBA").rotate(30),
            "train/b/grey.png": scene(5080).convert("L"),
            "train/only/x.png": scene(5081),
        },
    )
    scene(11).save(root / "train/b/again_011.jpg", quality=60)
    whole = io.BytesIO()
    scene(5082).save(whole, "JPEG")
    (root / "train/a/cut.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    (root / "train/a/text.png").write_text("no picture")
    (root / "train/a/empty.gif").write_bytes(b"")
    (root / "train/a/notes.txt").write_text("ignored")
    return check(str(root))


def test_unreadable_files_are_named_with_reasons(faulty: Findings) -> None:
    problem = of(faulty, "unreadable")
    reasons = dict(entry for entry in problem.evidence if len(entry) == 2)
    assert set(reasons) == {"train/a/cut.jpg", "train/a/text.png", "train/a/empty.gif"}
    assert "truncated" in reasons["train/a/cut.jpg"]
    assert "not a picture" in reasons["train/a/text.png"]
    train = faulty.splits["train"]
    assert train.count - train.readable == problem.count == 3


def test_duplicates_are_named(faulty: Findings) -> None:
    assert groups(faulty, "exact-duplicates") == [
        {"train/a/000.png", "train/b/copy_of_000.bmp"},
        {"train/a/002.png", "train/a/copy_of_002.png"},
    ]
    assert groups(faulty, "exact-leakage") == [{"train/a/004.png", "test/a/copy_of_004.png"}]
    assert groups(faulty, "conflicting-labels") == [{"train/a/000.png (a)", "train/b/copy_of_000.bmp (b)"}]


def test_near_duplicates_are_named(faulty: Findings) -> None:
    assert {frozenset(g) for g in groups(faulty, "near-duplicates")} == {
        frozenset({"train/a/006.png", "train/a/small_006.png"}),
        frozenset({"train/b/011.png", "train/b/again_011.jpg"}),
    }
    assert groups(faulty, "near-leakage") == [{"train/b/009.png", "test/b/small_009.jpg"}]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("blank", "train/a/blank.png"),
        ("elongated", "train/a/long.png"),
        ("too-small", "train/a/tiny.png"),
        ("mixed-transparency", "train/b/clear.png"),
        ("imbalance", "only"),
        ("classes-differ", "only"),
    ],
)
def test_odd_ones_are_named(faulty: Findings, kind: str, name: str) -> None:
    assert [entry[0] for entry in of(faulty, kind).evidence] == [name]
    assert of(faulty, kind).severity == "warning"


def test_the_rest_is_noted(faulty: Findings) -> None:
    assert ("train/b/grey.png",) in of(faulty, "mixed-colour").evidence
    assert of(faulty, "ignored").count == 1
    assert faulty.splits["train"].ignored == 1


def test_report_is_json_and_text(faulty: Findings) -> None:
    again = json.loads(json.dumps(faulty.to_json()))
    assert again["splits"]["train"]["readable"] == faulty.splits["train"].readable
    assert [p["kind"] for p in again["problems"]] == [p.kind for p in faulty.problems]
    text = faulty.text()
    for problem in faulty.problems:
        assert problem.what in text
        assert problem.advice in text
    assert "train/a/cut.jpg" in text
    severities = [p.severity for p in faulty.problems]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)


def test_long_lists_are_bounded_but_counted(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for i in range(LISTED + 5):
        (tmp_path / "a" / f"{i}.png").write_bytes(b"")
    found = check(str(tmp_path))
    problem = of(found, "unreadable")
    assert (problem.count, len(problem.evidence)) == (LISTED + 5, LISTED)
    assert f"and {LISTED - 5:,} more" in found.text()
    assert of(found, "too-few").severity == "error"


@pytest.mark.parametrize(("count", "severity"), [(1, "error"), (2, "warning"), (99, "warning"), (100, "note")])
def test_too_few(tmp_path: Path, count: int, severity: str) -> None:
    write(tmp_path, {f"{i}.png": scene(i, (16, 16)) for i in range(count)})
    assert of(check(str(tmp_path)), "too-few").severity == severity


def test_no_data_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        check(str(tmp_path / "nothing"))


def test_an_empty_held_out_split_is_said(tmp_path: Path) -> None:
    write(tmp_path, {f"train/{i}.png": scene(i, (16, 16)) for i in range(3)})
    (tmp_path / "test").mkdir()
    found = check(str(tmp_path))
    assert of(found, "empty-test").severity == "warning"
    assert set(found.splits) == {"train"}


def test_other_forms_of_data(tmp_path: Path) -> None:
    pixels = np.stack([np.asarray(scene(i, (16, 16))) for i in range(20)])
    pixels[7] = pixels[3]
    np.savez(tmp_path / "x.npz", images=pixels, labels=np.arange(20) % 2)
    found = check(str(tmp_path / "x.npz"))
    assert [set(e) for e in of(found, "exact-duplicates").evidence] == [{"x.npz[3]", "x.npz[7]"}]
    assert found.splits["train"].formats == {"array": 20}
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for i in range(10):
            body = io.BytesIO()
            scene(i).save(body, "PNG")
            archive.writestr(f"{i}.png", body.getvalue()[: 200 if i == 4 else None])
    assert [e[0] for e in of(check(str(tmp_path / "x.zip")), "unreadable").evidence] == ["4.png"]


def test_digits_are_found_clean() -> None:
    pytest.importorskip("sklearn")
    found = check("digits")
    assert found.problems == ()
    assert "Nothing wrong" in found.text()


def test_equal_pixels_hash_equal_whatever_the_mode() -> None:
    grey = scene(0).convert("L")
    assert look(grey).exact == look(grey.convert("RGB")).exact
    assert look(scene(0)).exact != look(scene(1)).exact
    wide = Image.new("RGB", (8, 4), "red")
    assert look(wide).exact != look(wide.rotate(90, expand=True)).exact
    assert (look(grey).channels, look(grey.convert("RGB")).channels, look(scene(0)).channels) == (1, 1, 3)


def test_plain_pictures_of_different_colours_are_not_alike() -> None:
    colours = [(250, 250, 250), (240, 250, 250), (0, 0, 0), (200, 30, 30), (30, 200, 30)]
    looks = [look(Image.new("RGB", (32, 32), c)) for c in colours]
    assert all(seen.blank for seen in looks)
    assert len(_pairs_of(looks)) == 0


@pytest.mark.parametrize("seed", range(8))
def test_saving_anew_is_near_and_another_picture_is_not(seed: int) -> None:
    image = scene(seed, (96, 64))
    body = io.BytesIO()
    image.save(body, "JPEG", quality=50)
    variants = [image, Image.open(body), image.resize((48, 32)), image.resize((144, 96)), scene(seed + 100, (96, 64))]
    seen = [look(v.convert("RGB")) for v in variants]
    assert {(0, k) for k in (1, 2, 3)} <= {(a, b) for a, b in _pairs_of(seen)}
    assert all(4 not in pair for pair in _pairs_of(seen))


def _pairs_of(looks: list[duplicates.Look]) -> list[list[int]]:
    difference = np.array([seen.difference for seen in looks], np.uint64)
    pairs: list[list[int]] = near_pairs(difference, np.stack([seen.thumbnail for seen in looks])).tolist()
    return pairs


def _brute_force(difference: NDArray[np.uint64], thumbnails: NDArray[np.uint8]) -> list[list[int]]:
    spread = thumbnails.std(1, dtype=np.float32)
    share = duplicates.contrast_share(thumbnails, spread)
    limits = np.clip(share * spread, *duplicates.RMS)
    found = []
    for i in range(len(difference)):
        for j in range(i + 1, len(difference)):
            bits = (int(difference[i]) ^ int(difference[j])).bit_count()
            apart = thumbnails[i].astype(np.float64) - thumbnails[j]
            if bits <= MAX_BITS and np.sqrt((apart**2).mean()) <= min(limits[i], limits[j]):
                found.append([i, j])
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.integers(1, 8))
def test_near_pairs_equal_brute_force(seed: int, count: int, clusters: int) -> None:
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 2**63, clusters, dtype=np.uint64)
    which = rng.integers(0, clusters, count)
    difference = centres[which]
    for _ in range(5):  # flip up to five bits of each
        flip = np.uint64(1) << rng.integers(0, 64, count, dtype=np.uint64)
        difference = np.where(rng.random(count) < 0.6, difference ^ flip, difference)
    base = rng.integers(20, 230, (clusters, 192))
    thumbnails = np.clip(base[which] + rng.integers(-6, 7, (count, 192)), 0, 255).astype(np.uint8)
    assert near_pairs(difference, thumbnails).tolist() == _brute_force(difference, thumbnails)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=30))
def test_exact_groups_equal_a_dictionary(values: list[int]) -> None:
    hashes = np.array([[v % 2, v] for v in values], np.uint64).reshape(-1, 2)
    places: dict[int, list[int]] = {}
    for i, v in enumerate(values):
        places.setdefault(v, []).append(i)
    assert [g.tolist() for g in exact_groups(hashes)] == [p for p in places.values() if len(p) > 1]


def test_pairs_stop_at_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MAX_PAIRS", 50)
    count = 200
    pairs = near_pairs(np.zeros(count, np.uint64), np.full((count, 192), 100, np.uint8))
    assert 50 <= len(pairs) <= 50 + count


def test_real_photographs(shared_data: Path) -> None:
    found = check(str(shared_data / "clothing-128" / "clothing_128.zip"))
    assert found.splits["train"].readable == 3068
    assert "unreadable" not in kinds(found)
    assert ("train/shorts/6075b4a5.jpg", "train/skirt/637a56e4.jpg") in of(found, "near-duplicates").evidence
