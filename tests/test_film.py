"""Films: walks through latent space pass where they should, trainings in some seconds, and files that play."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from gansmith.callbacks.preview import FIRST, next_preview
from gansmith.config import parts
from gansmith.contracts import Architecture, Generator, GivenSpec, Spec
from gansmith.errors import GansmithError, RecipeError, RunFolderError
from gansmith.explore.film import require_film, write_film
from gansmith.explore.sampling import draw, latents, mean_latent
from gansmith.explore.timelapse import write_timelapse
from gansmith.explore.walk import slerp, walk
from test_networks import SMALL, awake

FAMILIES = parts(Architecture, "gansmith.networks")  # type: ignore[type-abstract]
SEEDS = (3, 1, 8)


def built(name: str, told: bool) -> Generator:
    spec = Spec((3, 16, 16), GivenSpec(("cat", "dog", "eel")) if told else None)
    return awake(FAMILIES[name](**SMALL.get(name, {})), spec)[0].eval()


@pytest.mark.parametrize(("name", "told"), [("mlp", False), ("dcgan", True), ("biggan", True), ("stylegan2", False)])
def test_a_walk_passes_the_seeds_first_samples_in_small_steps(name: str, told: bool) -> None:
    generator = built(name, told)
    given = torch.tensor([2, 0, 1]) if told else None
    frames = torch.cat(list(walk(generator, SEEDS, 90, given)))
    assert frames.shape == (90, 3, 16, 16)
    for k, seed in enumerate(SEEDS):
        first = next(draw(generator, 1, seed, None if given is None else given[k : k + 1]))
        torch.testing.assert_close(frames[30 * k], first[0])
    steps = (frames - frames.roll(-1, 0)).flatten(1).norm(dim=1)
    leap = (frames[0] - frames[30]).norm()
    if name == "biggan":  # its synthesis is told one class, which changes in the middle
        steps = steps[[k for k in range(90) if k % 30 != 14]]
    assert steps.max() < leap / 3
    assert steps.min() > 0


def test_a_truncated_walk_stays_at_the_mean_sample() -> None:
    generator = built("stylegan2", False)
    frames = torch.cat(list(walk(generator, SEEDS, 6, truncation=0.0)))
    with torch.inference_mode():
        mean = generator.synthesis(mean_latent(generator, None), None)
    torch.testing.assert_close(frames, mean.expand(6, -1, -1, -1))


def test_slerp_turns_at_constant_speed() -> None:
    a, b = (next(latents(1, 64, seed)).double() for seed in (0, 1))
    shares = torch.linspace(0, 1, 11, dtype=torch.float64)[:, None]
    way = slerp(a.expand(11, -1), b.expand(11, -1), shares)
    torch.testing.assert_close(way[[0, -1]], torch.cat([a, b]))
    lengths = way.norm(dim=1)
    torch.testing.assert_close(lengths, torch.linspace(float(a.norm()), float(b.norm()), 11, dtype=torch.float64))
    unit = way / lengths[:, None]
    angles = (unit[1:] * unit[:-1]).sum(1).acos()
    whole = math.acos(float((a * b).sum() / a.norm() / b.norm()))
    torch.testing.assert_close(angles, torch.full((10,), whole / 10, dtype=torch.float64))
    quarter = torch.tensor([[0.25]], dtype=torch.float64)
    same = slerp(a, 2 * a, quarter)
    torch.testing.assert_close(same, 1.25 * a)
    assert slerp(a, -a, quarter).isfinite().all()


def pictures(count: int, size: tuple[int, int] = (40, 30)) -> list[Image.Image]:
    """From black to red."""
    return [Image.new("RGB", size, (round(255 * k / max(count - 1, 1)), 0, 0)) for k in range(count)]


def played(path: Path) -> tuple[list[Image.Image], float]:
    """Every frame of a film, and its length in seconds."""
    if path.suffix == ".mp4":
        av = pytest.importorskip("av")
        with av.open(path) as container:
            assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
            frames = [frame.to_image() for frame in container.decode(video=0)]
            return frames, float(container.duration / av.time_base)
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        frames, milliseconds = [], 0
        for frame in ImageSequence.Iterator(image):
            frames.append(frame.convert("RGB"))
            milliseconds += frame.info["duration"]
        return frames, milliseconds / 1000


@pytest.mark.parametrize("ending", ["mp4", "gif", "webp"])
def test_a_film_plays(ending: str, tmp_path: Path) -> None:
    if ending == "mp4":
        pytest.importorskip("av")
    path = write_film(iter(pictures(20)), tmp_path / "new" / f"film.{ending}", 10)
    frames, seconds = played(path)
    assert len(frames) == 20
    assert seconds == pytest.approx(2, abs=0.05)
    assert frames[0].size == (280, 210)  # 7 times: at least 256 wide
    reds = [float(np.asarray(frame)[..., 0].mean()) for frame in frames]
    assert reds == pytest.approx([255 * k / 19 for k in range(20)], abs=6)
    assert list(path.parent.iterdir()) == [path]


def test_odd_sides_and_transparency(tmp_path: Path) -> None:
    pytest.importorskip("av")
    clear = Image.new("RGBA", (301, 257), (0, 0, 255, 0))
    frames, _ = played(write_film([clear, clear], tmp_path / "film.mp4", 5))
    assert frames[0].size == (302, 258)
    assert np.asarray(frames[0]).min() > 250


@pytest.mark.parametrize("ending", ["mp4", "gif", "webp"])
def test_a_film_that_fails_in_the_middle_leaves_the_old_one(ending: str, tmp_path: Path) -> None:
    if ending == "mp4":
        pytest.importorskip("av")
    path = tmp_path / f"film.{ending}"
    path.write_bytes(b"an earlier one")

    def broken() -> Iterator[Image.Image]:
        yield from pictures(3)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_film(broken(), path, 5)
    assert path.read_bytes() == b"an earlier one"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_refused_before_anything_is_computed(monkeypatch: Any) -> None:
    with pytest.raises(RecipeError, match=r"ends in \.mp4, \.gif, \.webp, not to 'film\.avi'"):
        write_film(iter(()), Path("film.avi"), 5)
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(GansmithError, match=r"pip install 'gansmith\[video\]', or write a \.webp"):
        require_film(Path("film.mp4"))


def run_with(folder: Path, seen: list[int]) -> Path:
    (folder / "samples").mkdir()
    for picture, samples in zip(pictures(len(seen), (300, 300)), seen, strict=True):
        picture.save(folder / "samples" / f"{samples:09d}.png")
    return folder


def test_a_timelapse_shows_the_training_in_order_and_rests_at_the_end(tmp_path: Path) -> None:
    run = run_with(tmp_path, [0, 1000, 2000, 4000, 10_000_000_000])  # the last name is longer: order is by number
    (run / "samples" / "000000500.png").write_bytes(b"broken")
    Image.new("RGB", (10, 10)).save(run / "samples" / "000000700.png")  # of another resolution
    Image.new("RGB", (300, 300)).save(run / "samples" / "uncurated.png")
    frames, seconds = played(write_timelapse(run, tmp_path / "film.webp"))
    assert frames[0].size == (300, 328)
    reds = [float(np.asarray(frame)[:290, :, 0].mean()) for frame in frames]
    assert reds == pytest.approx([0, 64, 128, 191, *[255] * (len(reds) - 4)], abs=6)
    assert seconds == pytest.approx(5 / 2 + 2)  # as slow as it gets, then the rest
    strip = np.asarray(frames[1])[300:, :, :]
    assert 50 < (strip.min(-1) < 100).sum() < 2000  # dark letters on white


def test_a_timelapse_of_no_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="has 0 pictures"):
        write_timelapse(tmp_path / "nowhere", tmp_path / "film.gif")
    with pytest.raises(RunFolderError, match=r"has 1 pictures.*wants two"):
        write_timelapse(run_with(tmp_path, [0]), tmp_path / "film.gif")
    assert not (tmp_path / "film.gif").exists()


def test_grids_are_due_at_powers_of_two_and_eight_times_as_often() -> None:
    def due(finer: int) -> list[int]:
        times = [0]
        while times[-1] < 200_000:
            times.append(next_preview(times[-1], finer))
        return times[1:]

    assert due(1) == [1000, 2000, 4000, 8000, 16000, 32000, 64000, 128_000, 192_000, 256_000]
    fine = due(8)
    assert set(due(1)[:-1]) <= set(fine)
    assert fine[:17] == [FIRST * k for k in [*range(1, 17), 18]]
    assert all(later - earlier <= 8000 for earlier, later in itertools.pairwise(fine))
