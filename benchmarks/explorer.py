"""How smoothly the one-file page moves through latent space: milliseconds a picture while a slider is dragged.

Generators as `auto` sizes them, with the weights of their start, written as pages and opened in Chromium without a
network. The slider gets a new value in every frame of the browser, at most 60 a second. The bar: 30 pictures a second
of the 32x32 dcgan.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from benchmarks import call, folder, measure, note

NETWORKS = ("dcgan", "r3gan")
SIDES = (32, 64)
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
COUNT = """
window.drawn = 0;
const put = CanvasRenderingContext2D.prototype.putImageData;
CanvasRenderingContext2D.prototype.putImageData = function (...told) {
  if (this.canvas.className === "large") window.drawn++;
  return put.apply(this, told);
};
"""
DRAG = """
(input, seconds) => new Promise((done) => {
  const begin = performance.now();
  const before = window.drawn;
  const move = (now) => {
    input.value = Math.sin((now - begin) / 700) / 2;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    if (now - begin < 1000 * seconds) requestAnimationFrame(move);
    else done((now - begin) / (window.drawn - before));
  };
  requestAnimationFrame(move);
})
"""


def run(small: bool = False, *, seconds: float = 5.0, times: int = 3) -> dict[str, Any]:
    """`times` times each. Needs Playwright and Chromium."""
    seconds, times, sides = (0.5, 1, SIDES[:1]) if small else (seconds, times, SIDES)
    networks = NETWORKS[:1] if small else NETWORKS
    measures = []
    with folder() as here:
        for name in networks:
            for side in sides:
                page = here / f"{name}-{side}.html"
                size = call(write, name, side, str(page))
                note(f"  {page.name}: {size / 1e6:.1f} MB")
                bar = 1000 / 30 if (name, side) == ("dcgan", 32) else None
                measures.append(measure(f"{name} {side}x{side}", frames(page, seconds, times), "ms", below=bar))
                measures.append(measure(f"page of {name} {side}x{side}", [size / 1e6], "MB"))
    return {"measures": measures, "settings": {"seconds": seconds}}


def write(network: str, side: int, path: str) -> int:
    """A page of such a generator; its bytes."""
    import torch

    from gansmith.auto import networks
    from gansmith.config import build
    from gansmith.contracts import Architecture, Spec
    from gansmith.data.codec import ImageCodec
    from gansmith.explore.sampling import mean_latent
    from gansmith.export.page import write_page

    torch.manual_seed(0)
    spec = Spec((3, side, side))
    architecture = build(Architecture, networks.sized(network, side, 3, 0.0), "[architecture]", trust=False)  # type: ignore[type-abstract]
    generator = architecture.build(spec)[0].eval().requires_grad_(False)
    return write_page(generator, ImageCodec(spec), mean_latent(generator, None), Path(path), {}, None).bytes


def frames(page: Path, seconds: float, times: int) -> list[float]:
    """Milliseconds a picture, each time."""
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium is None:
        raise RuntimeError(f"no browser here: wanted one of {', '.join(CHROMIUM)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        one = browser.new_context(offline=True).new_page()
        one.add_init_script(COUNT)
        one.goto(page.as_uri())
        one.locator(".explorer[aria-busy=false]").wait_for(timeout=120_000)
        slider = one.get_by_role("slider", name="Drag across")
        found = [float(slider.evaluate(f"input => ({DRAG})(input, {seconds})")) for _ in range(times)]
        browser.close()
    return found
