"""The explorer's wider means: names of directions kept with the run, snapshots, mixing of layers, films of paths."""

from __future__ import annotations

import base64
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gansmith.config import build
from gansmith.contracts import Architecture, Spec
from gansmith.data.codec import ImageCodec, to_bytes
from gansmith.data.images import Images
from gansmith.data.point_codec import PointCodec
from gansmith.errors import GansmithError, RunFolderError
from gansmith.folder import generator_file
from gansmith.folder.named_directions import MOST, NAME, forget, keep, read
from gansmith.folder.run_json import update_run
from gansmith.networks.stylegan2 import StyleGAN2
from gansmith.serve.generators import FILE, PROOF, Generators, name_direction, snapshots
from gansmith.serve.nearest import Pools, data_of
from gansmith.trained import Trained
from test_networks import awake
from test_serve import COOKIE, Served, a_generator, a_run, accessible, page, served, served_root  # noqa: F401

# ---- names


def test_names_are_kept_replaced_and_forgotten(tmp_path: Path) -> None:
    keep(tmp_path, "smile", [1.0, 2.0], "principal 3", 500)
    keep(tmp_path, "  微笑 (wide)  ", [3, 4.5], "closed_form 1", 500)
    assert read(tmp_path, 2) == [{"name": "smile", "vector": [1, 2]}, {"name": "微笑 (wide)", "vector": [3, 4.5]}]
    assert read(tmp_path, 3) == []
    keep(tmp_path, "smile", [5.0, 6.0], "principal 1", 900)
    assert [entry["vector"] for entry in read(tmp_path, 2)] == [[3, 4.5], [5, 6]]
    assert json.loads((tmp_path / NAME).read_text(encoding="utf-8"))[1]["samples_seen"] == 900
    forget(tmp_path, "frown")
    forget(tmp_path, "smile")
    assert [entry["name"] for entry in read(tmp_path, 2)] == ["微笑 (wide)"]
    for k in range(MOST - 1):
        keep(tmp_path, f"d{k}", [0, 0], "principal 1", 0)
    with pytest.raises(RunFolderError, match="Forget one"):
        keep(tmp_path, "one more", [0, 0], "principal 1", 0)


@pytest.mark.parametrize("name", ["", " ", "<b>", "__proto__", "x" * 41, "a\0", "../x", "-x"])
def test_no_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is no name"):
        keep(tmp_path, name, [1.0], "principal 1", 0)
    assert not (tmp_path / NAME).exists()


NOT_OURS: list[object] = [3, {}, {"name": "a"}, {"name": "<b>", "vector": [1]}, {"name": 3, "vector": [1]}]
NOT_OURS += [{"name": "a", "vector": vector} for vector in (["1"], [float("nan")], [1e9], {})]


@pytest.mark.parametrize("entry", NOT_OURS, ids=str)
def test_a_foreign_entry_is_passed_over(entry: object, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(json.dumps([entry, {"name": "good", "vector": [1]}]))
    assert [found["name"] for found in read(tmp_path, 1)] == ["good"]


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[" * 9999, b"\xff"], ids=range(5))
def test_a_broken_file_has_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert read(tmp_path, 1) == []
    keep(tmp_path, "new", [1.0], "principal 1", 0)
    assert len(read(tmp_path, 1)) == 1


# ---- what the server does with them


def test_directions_of_any_kept_generator_get_names(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    folder = a_generator(tmp_path / "a")
    (folder / "generators").mkdir()
    shutil.copy(folder / FILE, folder / "generators" / "000001000.safetensors")
    (folder / "generators" / "000002000.safetensors").symlink_to(folder / FILE)
    (folder / "generators" / "x.safetensors").write_bytes(b"")
    assert snapshots(folder) == ["generators/000001000.safetensors"]
    made = Generators()
    kept = made.of(folder, snapshots(folder)[0])
    name_direction(folder, kept, "closed_form 2", "age")
    assert read(folder, 12)[0]["vector"] == kept.explorable.about["directions"]["closed_form"][1]
    for direction in (
        "principal",
        "principal 0",
        "principal 11",
        "principal -1",
        "other 1",
        "",
        "principal " + "9" * 99,
    ):
        with pytest.raises(RunFolderError, match="no direction"):
            name_direction(folder, kept, direction, "x")
    for file in ("../a/generator.safetensors", "generators/000002000.safetensors", "generators/x.safetensors", "x"):
        with pytest.raises(RunFolderError, match="no snapshot"):
            made.of(folder, file)


def test_names_are_those_of_the_generator_that_is_looked_at(served: Served) -> None:  # noqa: F811
    """Also when the training has written another one since: its directions are others."""
    pytest.importorskip("onnxruntime")
    folder = a_generator(served_root(served) / "live")
    ours = COOKIE | {"Origin": f"http://127.0.0.1:{served.port}"}
    about = json.loads(served.get("/api/generator?id=live")[2])
    tensors, said = generator_file.read(folder / FILE)
    generator_file.write(folder / FILE, {name: x + torch.randn_like(x) for name, x in tensors.items()}, said)
    seen = f"id=live&version={about['version']}"
    assert served.get(f"/api/graph?{seen}&name=mapping.onnx")[0] == 200
    asked = f"/api/name?{seen}&direction=principal+1&name=smile"
    assert served.get(asked, COOKIE, "POST")[0] == 405  # no Origin: no page of ours
    assert read(folder, 12) == []
    status, _, body = served.get(asked, ours, "POST")
    assert (status, json.loads(body)) == (200, read(folder, 12))
    assert read(folder, 12)[0]["vector"] == about["directions"]["principal"][0]
    newest = json.loads(served.get("/api/generator?id=live")[2])
    assert newest["directions"]["principal"][0] != about["directions"]["principal"][0]
    assert newest["named"] == read(folder, 12)
    assert served.get(f"/api/forget?{seen}&name=smile", COOKIE, "POST")[0] == 405
    status, _, body = served.get(f"/api/forget?{seen}&name=smile", ours, "POST")
    assert (status, body) == (200, b"[]")
    status, _, body = served.get("/api/name?id=live&version=1&direction=principal+1&name=x", ours, "POST")
    assert (status, b"has changed since" in body) == (404, True)
    status, _, body = served.get("/api/name?id=a&direction=principal+1&name=x", ours, "POST")
    assert (status, b"no generator yet" in body) == (404, True)


# ---- nearest training pictures


def trained_on(folder: Path, data: Path, count: int = 24) -> Path:
    """A run folder whose generator says that it was trained on the pictures that are put into `data`."""
    data.mkdir()
    chance = np.random.default_rng(4)
    for k in range(count):
        Image.fromarray(chance.integers(0, 256, (8, 8)).astype(np.uint8)).save(data / f"{k:02d}.png")
    tensors, said = generator_file.read(a_generator(folder) / FILE)
    said["recipe"]["data"] = {
        "name": "images", "path": str(data), "resolution": [8, 8], "channels": 1, "classes": False
    }  # fmt: skip
    generator_file.write(folder / FILE, tensors, said)
    update_run(folder, data={"fingerprint": Images(str(data)).open()[0].fingerprint})
    return folder


def test_a_training_picture_is_nearest_to_itself(served: Served, tmp_path: Path) -> None:  # noqa: F811
    pytest.importorskip("onnxruntime")
    folder = trained_on(served_root(served) / "one", tmp_path / "photos")
    ours = COOKIE | {"Origin": f"http://127.0.0.1:{served.port}"}
    about = json.loads(served.get("/api/generator?id=one")[2])
    assert about["data"] == str(tmp_path / "photos")
    asked = f"/api/nearest?id=one&version={about['version']}"
    with Image.open(tmp_path / "photos" / "07.png") as image:
        pixels = image.convert("RGBA").tobytes()
    assert served.get(asked, COOKIE, "POST", pixels)[0] == 405  # no Origin: no page of ours
    status, _, body = served.get(asked, ours, "POST", pixels)
    assert status == 200
    found = json.loads(body)
    assert (found["looked_at"], found["of"], len(found["nearest"])) == (24, 24, 6)
    distances = [one["distance"] for one in found["nearest"]]
    assert distances == sorted(distances)
    assert distances[0] < 0.01
    assert 0.5 < distances[1] < 2  # noise: as far as any other
    with Image.open(io.BytesIO(base64.b64decode(found["nearest"][0]["png"]))) as shown:
        assert np.array_equal(
            np.asarray(shown.convert("RGBA"))[::4, ::4].tobytes(), pixels
        )  # shown four times as large
    for wrong in (b"", pixels[:-1], pixels + b"x", pixels * 99_999):
        status, _, body = served.get(asked, ours, "POST", wrong)
        assert (status, b"has 256 bytes" in body) == (404, True)
    assert sorted(path.name for path in folder.iterdir()) == sorted([FILE, "metrics.jsonl", "run.json", "samples"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: (data / "07.png").unlink(), "not what this run was trained on"),
        (lambda data: shutil.rmtree(data), "There is no data set"),
    ],
)
def test_other_data_says_nothing_of_a_run(change: Callable[[Path], object], reason: str, tmp_path: Path) -> None:
    folder = trained_on(tmp_path / "one", tmp_path / "photos")
    change(tmp_path / "photos")
    with pytest.raises(GansmithError, match=reason):
        Pools().of(folder, generator_file.read(folder / FILE)[1]["recipe"])
    with pytest.raises(GansmithError, match="not on this disk"):
        Pools().of(folder, {"data": {"name": "images", "path": "hub:somebody/cats"}})
    with pytest.raises(GansmithError):
        Pools().of(folder, {"data": {"name": "somebodys.module.Source", "path": "x"}})


@pytest.mark.parametrize("recipe", [{}, {"data": 3}, {"data": {}}, {"data": {"path": 3}}])
def test_a_recipe_may_not_say_what_the_data_was(recipe: dict[str, object]) -> None:
    assert data_of(recipe) == ""


# ---- card and exports


def test_exports_are_measured_and_handed_on(served: Served, tmp_path: Path) -> None:  # noqa: F811
    pytest.importorskip("onnxruntime")
    folder = a_generator(served_root(served) / "one")
    rows = {row["what"]: row for row in json.loads(served.get("/api/exports?id=one")[2])}
    assert list(rows) == ["page", "onnx", "weights"]
    assert rows["weights"] == {"what": "weights", "bytes": (folder / FILE).stat().st_size, "difference": None}
    status, headers, body = served.get("/api/onnx?id=one")
    assert (status, len(body)) == (200, rows["onnx"]["bytes"])
    assert "one-onnx.zip" in headers["Content-Disposition"]
    assert 0 <= rows["onnx"]["difference"] <= 1e-4
    with zipfile.ZipFile(io.BytesIO(body)) as file:
        file.extractall(tmp_path / "graphs")
    ours, theirs = Trained(folder / FILE), Trained(tmp_path / "graphs")
    assert torch.allclose(ours.sample(5, seed=3).x, theirs.sample(5, seed=3).x, atol=1e-4)
    if "problem" not in rows["page"]:  # its parts are built
        assert len(served.get("/api/page?id=one")[2]) == rows["page"]["bytes"]
    version = json.loads(served.get("/api/generator?id=one")[2])["version"]
    proof = np.frombuffer(served.get(f"/api/proof?id=one&version={version}")[2], np.uint8).reshape(PROOF, 8, 8, 4)
    for seed, shown in enumerate(proof):
        assert np.array_equal(shown[..., :3], to_bytes(ours.sample(1, seed=seed).x)[0].repeat(3, 2))
    assert (proof[..., 3] == 255).all()
    for path in ("/api/exports?id=a", "/api/onnx?id=a", "/api/proof?id=a&version=1"):
        status, _, body = served.get(path)
        assert (status, b"no generator yet" in body) == (404, True)


def test_what_cannot_be_exported_is_said(served: Served) -> None:  # noqa: F811
    """Points: no page shows them, and weights are there all the same."""
    pytest.importorskip("onnxruntime")
    folder = a_run(served_root(served) / "points")
    table = {"name": "mlp", "generator_widths": [16], "discriminator_widths": [16], "latent": 4}
    codec = PointCodec(Spec((2,)), (0.0, 0.0), (1.0, 1.0))
    network = build(Architecture, table, "x", trust=False).build(codec.spec)[0]  # type: ignore[type-abstract]
    tensors = {name: x.detach() for name, x in network.state_dict().items()}
    generator_file.write(folder / FILE, tensors, {"codec": codec.describe(), "recipe": {"architecture": table}})
    rows = {row["what"]: row for row in json.loads(served.get("/api/exports?id=points")[2])}
    assert "these are points" in rows["page"]["problem"]
    assert rows["onnx"]["bytes"] > 0
    assert rows["weights"]["bytes"] > 0
    (folder / FILE).write_bytes(b"no weights")
    rows = {row["what"]: row for row in json.loads(served.get("/api/exports?id=points")[2])}
    assert "problem" in rows["page"]
    assert "problem" in rows["onnx"]


# ---- in a browser


def drawn(page: Any) -> str:  # noqa: F811
    page.locator(".explorer[aria-busy=false]").wait_for(timeout=120_000)
    return str(page.locator(".large").evaluate("canvas => canvas.toDataURL()"))


def test_names_snapshots_and_films(tmp_path: Path, page: Any) -> None:  # noqa: F811
    pytest.importorskip("onnxruntime")
    folder = a_generator(tmp_path / "one")
    (folder / "generators").mkdir()
    tensors, said = generator_file.read(folder / FILE)
    other = {name: x + 0.1 * torch.randn_like(x) for name, x in tensors.items()}
    generator_file.write(folder / "generators" / "000001000.safetensors", other, said)
    page.get_by_role("link", name="one", exact=False).first.click()
    page.get_by_role("link", name="Explore its latent space").click()
    newest = drawn(page)

    page.get_by_text("Named directions").click()
    page.locator("form select").select_option("principal 2")
    page.get_by_label("called").fill("rounder")
    page.get_by_role("button", name="Keep this name").click()
    slider = page.get_by_role("slider", name="rounder")
    slider.wait_for()
    slider.fill("3")
    moved = drawn(page)
    assert moved != newest
    accessible(page)
    page.get_by_role("button", name="Undo").click()
    assert drawn(page) == newest
    page.get_by_role("slider", name="Direction 2", exact=True).first.fill("3")
    assert drawn(page) == moved  # the same direction

    page.get_by_text("Path and film").click()
    page.get_by_role("button", name="Add keyframe").click()
    page.get_by_text("1 keyframes").wait_for()
    page.get_by_role("button", name="Seed 3", exact=True).click()
    drawn(page)
    page.get_by_role("button", name="Add keyframe").click()
    page.get_by_text("2 keyframes").wait_for()
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name="Save as film").click()
    assert Path(download.value.path()).stat().st_size > 1_000
    assert download.value.suggested_filename in ("walk.mp4", "walk.webm")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.get_by_role("button", name="Forget: rounder").click()
    slider.wait_for(state="detached")
    page.get_by_label("Generator").select_option(label="1,000 samples seen")
    page.get_by_role("status").get_by_text("Loading").wait_for(state="detached", timeout=120_000)
    assert drawn(page) != newest


def test_a_generator_is_explored_and_taken_along(tmp_path: Path, page: Any) -> None:  # noqa: F811
    pytest.importorskip("onnxruntime")
    folder = trained_on(tmp_path / "one", tmp_path.parent / f"{tmp_path.name}-photos")
    update_run(folder, recipe="<script>alert(1)</script>", scores={"values": {"frechet_ratio": 1.5}})
    page.get_by_role("link", name="one", exact=False).first.click()
    page.get_by_role("link", name="Explore its latent space").click()
    before = drawn(page)
    page.get_by_label("Class").select_option("<b>dog</b>")
    page.get_by_role("slider", name="Direction 1", exact=True).first.fill("2.1")
    assert drawn(page) != before

    page.get_by_text("photos").wait_for()  # where it looks is said before
    page.get_by_role("button", name="Nearest training pictures").click()
    shown = page.get_by_role("img", name="Nearest training pictures")
    shown.nth(5).wait_for()
    assert shown.evaluate_all("all => all.every(one => one.complete && one.naturalWidth > 0)")
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Seed 3", exact=True).click()
    page.get_by_text("Of an earlier picture").wait_for()

    page.get_by_role("link", name="Back to the run").click()
    page.get_by_role("heading", name="Charts").wait_for()
    page.get_by_role("link", name="Card, one-file page").click()
    page.get_by_role("rowheader", name="frechet_ratio").wait_for()
    page.get_by_role("cell", name="<script>alert(1)</script>").wait_for()
    page.get_by_role("button", name="Test in this browser").click()
    page.get_by_text("ms a picture. Of 5 pictures no value is more than").wait_for(timeout=60_000)
    said = page.get_by_text("ms a picture").inner_text()
    assert any(f"more than {levels} of 255" in said for levels in (0, 1))
    for name, begin in (("One web page", b"<!doctype html>"), ("Two ONNX graphs", b"PK")):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click(timeout=60_000)
        assert Path(download.value.path()).read_bytes().startswith(begin)
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_layers_are_mixed_between_seeds(tmp_path: Path, page: Any) -> None:  # noqa: F811
    pytest.importorskip("onnxruntime")
    codec = ImageCodec(Spec((1, 16, 16)))
    network = awake(StyleGAN2(width=8, max_width=16, latent=16, mapping_layers=2), codec.spec)[0]
    table = {"name": "stylegan2", "width": 8, "max_width": 16, "latent": 16, "mapping_layers": 2}
    tensors = {name: x.detach() for name, x in network.state_dict().items()}
    said = {"codec": codec.describe(), "recipe": {"architecture": table, "data": {}}}
    generator_file.write(a_run(tmp_path / "styled") / FILE, tensors, said)
    page.get_by_role("link", name="styled", exact=False).first.click()
    page.get_by_role("link", name="Explore its latent space").click()
    plain = drawn(page)
    layers = int(page.get_by_label("to", exact=True).last.get_attribute("max"))
    assert layers > 2
    page.get_by_label("Mix in layers of seed").fill("7")
    page.get_by_label("Mix in layers of seed").press("Enter")
    mixed = drawn(page)
    assert mixed != plain
    page.get_by_label("from layer").fill("1")
    page.get_by_label("from layer").press("Enter")
    whole = drawn(page)
    assert whole != mixed
    page.get_by_label("Mix in layers of seed").fill("")
    page.get_by_label("Mix in layers of seed").press("Enter")
    assert drawn(page) == plain
    page.get_by_label("First seed").fill("7")
    page.get_by_label("First seed").press("Enter")
    assert drawn(page) == whole  # all layers of seed 7 are seed 7
