"""A generator as one HTML file: what is in it, what is refused, and what a real browser makes of it, offline."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from firefox import FIREFOX, Firefox
from gansmith.contracts import Codec, Generator, GivenSpec, Spec
from gansmith.data.codec import ImageCodec, to_bytes
from gansmith.data.given import clustered as told
from gansmith.data.point_codec import PointCodec
from gansmith.errors import GansmithError
from gansmith.explore.sampling import latents, mean_latent
from gansmith.export import explorable as explorable_module
from gansmith.export import page as page_module
from gansmith.export.directions import find_directions
from gansmith.export.explorable import halved
from gansmith.export.onnx_generator import SYNTHESIS
from gansmith.export.onnx_graphs import graphs_of
from gansmith.export.page import PARTS, Page, write_page
from gansmith.folder.run_json import update_run
from gansmith.networks.dcgan import DCGAN
from gansmith.networks.stylegan2 import StyleGAN2
from test_networks import awake
from test_serve import CHROMIUM, accessible

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
EVIL = "</script><script>document.title='broken'</script>"
SECRET = "/home/somebody/secret/photos"
BUILT = all((Path(page_module.__file__).parent / "page" / name).is_file() for name in PARTS)
needs_build = pytest.mark.skipif(not BUILT, reason="the page's parts are not built: make web")


def styled() -> tuple[Generator, ImageCodec]:
    codec = ImageCodec(Spec((3, 16, 16), GivenSpec(("cat", EVIL))))
    sizes = StyleGAN2(width=16, max_width=32, latent=16, mapping_layers=2)
    return awake(sizes, codec.spec)[0].eval().requires_grad_(False), codec


def clustered() -> tuple[Generator, ImageCodec]:
    given = told((0.2, 0.5, 0.3), (0.5, 0.5))  # of two facets, whose means of w are not listed
    codec = ImageCodec(Spec((1, 16, 12), given))
    return awake(DCGAN(width=8, latent=20, norm="none"), codec.spec)[0].eval().requires_grad_(False), codec


def write(generator: Generator, codec: Codec, path: Path, run: Path | None = None) -> Page:
    known = codec.spec.classes
    mean_w = mean_latent(generator, torch.arange(known) if known else None)
    if len(codec.spec.told) > 1:
        mean_w = mean_w[:0]
    return write_page(generator, codec, mean_w, path, {"data": {"path": SECRET}}, run)


@needs_build
def test_a_page_holds_the_report_and_no_place_on_the_makers_disk(tmp_path: Path) -> None:
    update_run(tmp_path / "a <run>", state="finished", recipe="auto", data={"path": SECRET}, command=["train", SECRET])
    (tmp_path / "a <run>" / "recipe.toml").write_text(f'[data]\npath = "{SECRET}"\n')
    told = write(*styled(), tmp_path / "x.html", tmp_path / "a <run>")
    text = told.path.read_text(encoding="utf-8")
    assert told.bytes == told.path.stat().st_size
    assert told.difference < 1 / 127.5
    assert "a &lt;run&gt;" in text
    assert "a <run>" not in text
    assert EVIL not in text
    assert "photos" in text
    assert SECRET not in text
    assert str(tmp_path) not in text
    assert "default-src 'none'" in text.replace("&#x27;", "'")
    assert "Permission is hereby granted" in text
    assert "Microsoft Corporation" in text


@needs_build
@pytest.mark.parametrize(
    ("name", "codec", "reason"),
    [
        ("x.htm", PointCodec(Spec((2,)), (0.0, 0.0), (1.0, 1.0)), "points"),
        ("x.png", None, "ends in .html"),
        ("taken.html", None, "there already"),
    ],
)
def test_refusals_say_why_and_change_nothing(name: str, codec: Codec | None, reason: str, tmp_path: Path) -> None:
    (tmp_path / "taken.html").write_text("mine")
    generator, ours = clustered()
    with pytest.raises(GansmithError, match=reason):
        write_page(generator, codec or ours, torch.zeros(3, 40), tmp_path / name, {}, None)
    assert [p.name for p in tmp_path.iterdir()] == ["taken.html"]
    assert (tmp_path / "taken.html").read_text() == "mine"


def test_without_its_parts_a_page_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "PARTS", ("missing.js",))
    with pytest.raises(GansmithError, match="make web"):
        write(*clustered(), tmp_path / "x.html")
    assert not list(tmp_path.iterdir())


@needs_build
def test_weights_that_halves_cannot_hold_stay_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = len(graphs_of(*clustered())[SYNTHESIS])
    assert len(halved(graphs_of(*clustered())[SYNTHESIS])) < 0.7 * whole
    monkeypatch.setattr(explorable_module, "GREY", 0.0)
    assert write(*clustered(), tmp_path / "x.html").difference <= 1e-4


@pytest.fixture
def browser() -> Iterator[Any]:
    """Chromium without a network."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found.new_context(
            offline=True, viewport={"width": 360, "height": 740}, locale="en-GB", color_scheme="dark"
        )
        found.close()


def opened(browser: Any, path: Path) -> tuple[Any, list[str]]:
    """The page, drawn, and what went wrong or was asked for so far."""
    one = browser.new_page()
    seen: list[str] = []
    one.on("console", lambda m: seen.append(m.text) if m.type in ("error", "warning") else None)
    one.on("pageerror", lambda error: seen.append(str(error)))
    one.on("request", lambda r: seen.append(r.url[:80]) if not r.url.startswith(("data:", "blob:", "file:")) else None)
    one.goto(path.as_uri())
    settled(one)
    return one, seen


def settled(one: Any) -> None:
    """Two frames later, since a click is drawn after the next one, and when nothing is left to draw."""
    one.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    one.locator(".explorer[aria-busy=false]").wait_for(timeout=120_000)


def shown(one: Any) -> Any:
    """The large picture's values, uint8 [H, W, 4]."""
    settled(one)
    return pixels(one.locator(".large").evaluate("canvas => canvas.toDataURL()"))


def pixels(address: str) -> Any:
    """Of a picture in an address, uint8 [H, W, 4]."""
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGBA"))


def wanted(generator: Generator, seed: int, given: int, truncation: float = 1.0, step: Any = 0.0) -> Any:
    """What torch makes: uint8 [H, W, C]."""
    told = torch.tensor([given])
    with torch.inference_mode():
        w = generator.mapping(next(latents(1, generator.latent_size, seed)), told)
        mean = mean_latent(generator, told)
        w = mean + truncation * (w - mean) + step
        return to_bytes(generator.synthesis(w, told))[0]


def close(found: Any, expected: Any) -> bool:
    """Every value within a grey level."""
    colours = found[..., : expected.shape[2]] if expected.shape[2] > 1 else found[..., :1]
    return int(np.abs(colours.astype(int) - expected.astype(int)).max()) <= 1


@needs_build
def test_a_browser_draws_what_torch_draws(tmp_path: Path, browser: Any) -> None:
    generator, codec = styled()
    write(generator, codec, tmp_path / "x.html")
    one, seen = opened(browser, tmp_path / "x.html")
    assert close(shown(one), wanted(generator, 0, 0))
    for k, address in enumerate(one.locator(".seeds canvas").evaluate_all("all => all.map(c => c.toDataURL())")):
        assert close(pixels(address), wanted(generator, k, k % 2))
    one.get_by_role("button", name="Seed 3", exact=True).click()
    assert close(shown(one), wanted(generator, 3, 1))
    one.get_by_label("Class").select_option("cat")
    one.get_by_role("slider", name="Truncation").fill("0.5")
    one.get_by_role("slider", name="Direction 2", exact=True).first.fill("1.5")
    step = 1.5 * find_directions(generator, 2).principal[1]
    edited = wanted(generator, 3, 0, 0.5, step)
    assert close(shown(one), edited)
    with one.expect_download() as download:
        one.get_by_role("button", name="Save this picture").click()
    download.value.save_as(tmp_path / "kept.png")
    one.get_by_role("button", name="Reset").click()
    assert close(shown(one), wanted(generator, 3, 1))
    one.get_by_role("button", name="Undo").click()
    assert close(shown(one), edited)
    one.get_by_label("First seed").fill("40")
    one.get_by_label("First seed").press("Enter")
    assert close(shown(one), wanted(generator, 43, 0, 0.5, step))
    one.get_by_label("Open a saved picture").set_input_files(tmp_path / "kept.png")
    assert close(shown(one), edited)
    assert seen == []


@needs_build
@pytest.mark.skipif(FIREFOX is None, reason="no Firefox here")
def test_firefox_draws_it_too(tmp_path: Path) -> None:
    generator, codec = styled()
    write(generator, codec, tmp_path / "x.html")
    with Firefox(tmp_path / "profile") as one:
        one.open(f"file://{tmp_path / 'x.html'}")
        one.wait_for("return !!document.querySelector('.explorer[aria-busy=false]')")
        picture = one.run("return document.querySelector('.large').toDataURL()")
        assert close(pixels(picture), wanted(generator, 0, 0))
        one.run("document.querySelectorAll('.seeds button')[3].click()")
        one.wait_for("return document.querySelector('.large').getAttribute('aria-label') === 'Seed 3'")
        one.wait_for("return !!document.querySelector('.explorer[aria-busy=false]')")
        assert close(pixels(one.run("return document.querySelector('.large').toDataURL()")), wanted(generator, 3, 1))
        assert (
            one.run("return performance.getEntriesByType('resource').map(e => e.name).filter(n => /^http/.test(n))")
            == []
        )


@needs_build
def test_a_page_is_dragged_read_aloud_and_spoken_in_chinese(tmp_path: Path, browser: Any) -> None:
    generator, codec = clustered()
    write(generator, codec, tmp_path / "x.html")
    one, seen = opened(browser, tmp_path / "x.html")
    before = shown(one)
    cluster = int(codec.spec.given.draw(1, 0)[0]) if codec.spec.given else 0
    assert close(before, wanted(generator, 0, cluster))
    box = one.locator(".large").bounding_box()
    one.mouse.move(box["x"] + 50, box["y"] + 50)
    one.mouse.down()
    one.mouse.move(box["x"] + 150, box["y"] + 80)
    one.mouse.up()
    assert not np.array_equal(shown(one), before)
    one.get_by_role("slider", name="Drag across").fill("0")
    one.get_by_role("slider", name="Drag down").fill("0")
    assert np.array_equal(shown(one), before)
    one.get_by_role("slider", name="Truncation").fill("0.3")
    assert close(shown(one), wanted(generator, 0, cluster, 0.3))
    assert one.get_by_label("Cluster").count() == 0
    accessible(one)
    assert one.evaluate("document.documentElement.scrollWidth <= innerWidth")
    one.get_by_label("Open a saved picture").set_input_files(
        {"name": "other.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n" + bytes(40)}
    )
    one.get_by_role("alert").wait_for()
    one.get_by_role("button", name="中文").click()
    one.get_by_role("button", name="撤销").wait_for()
    assert one.evaluate("document.documentElement.lang") == "zh"
    assert seen == []
