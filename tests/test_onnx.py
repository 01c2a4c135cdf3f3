"""Every network family as ONNX graphs: the same samples as torch's, and refusals that leave nothing behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gansmith.config import parts
from gansmith.contracts import Architecture, Generator, GivenSpec, Spec
from gansmith.data.codec import ImageCodec
from gansmith.errors import CheckpointError, GansmithError, RunFolderError
from gansmith.explore.sampling import draw, mean_latent
from gansmith.export import onnx_graphs
from gansmith.export.onnx_generator import DESCRIPTION, MAPPING, SYNTHESIS, is_export, read_onnx
from gansmith.export.onnx_graphs import Graphs, write_onnx
from gansmith.trained import Trained
from test_networks import SMALL, awake

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
FAMILIES = parts(Architecture, "gansmith.networks")  # type: ignore[type-abstract]
RECIPE = {"data": {"name": "images", "path": "photos"}}
TOLD = {"dcgan", "sngan", "biggan", "stylegan2"}  # tested with classes; the others are told as dcgan is


def built(name: str) -> tuple[Generator, ImageCodec]:
    given = GivenSpec(("cat", "dog", "eel")) if name in TOLD else None
    codec = ImageCodec(Spec((3, 16, 16), given))
    generator = awake(FAMILIES[name](**SMALL.get(name, {})), codec.spec)[0]
    return generator.eval().requires_grad_(False), codec  # as those of runs are


def written(generator: Generator, codec: ImageCodec, folder: Path) -> Graphs:
    known = codec.spec.classes
    return write_onnx(generator, codec, mean_latent(generator, torch.arange(known) if known else None), folder, RECIPE)


def run(path: Path, **inputs: Tensor | None) -> Tensor:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    taken = {i.name for i in session.get_inputs()}
    return torch.from_numpy(
        session.run(None, {k: x.numpy() for k, x in inputs.items() if k in taken and x is not None})[0]
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_the_graphs_make_what_torch_makes(name: str, tmp_path: Path) -> None:
    generator, codec = built(name)
    told = written(generator, codec, tmp_path / "out")
    description: dict[str, Any] = json.loads((tmp_path / "out" / DESCRIPTION).read_text(encoding="utf-8"))
    assert description["largest_difference_from_torch"] == told.difference
    assert description["samples"] == codec.describe()
    for count in (1, 7):  # sizes of a batch that the export did not check
        z = torch.randn(count, *description["z"])
        given = torch.arange(count) % 3 if name in TOLD else None
        w = run(tmp_path / "out" / MAPPING, z=z, given=given)
        assert list(w.shape[1:]) == description["w"]
        samples = run(tmp_path / "out" / SYNTHESIS, w=w, given=given)
        with torch.inference_mode():
            torch.testing.assert_close(samples, generator(z, given), rtol=0, atol=1e-4)
            mean = torch.tensor(description["mean_w"])
            known = torch.arange(3) if name in TOLD else None
            torch.testing.assert_close(mean, mean_latent(generator, known))
            w = torch.lerp(mean[given] if given is not None else mean.expand(count, *mean.shape[1:]), w, 0.5)
            samples = run(tmp_path / "out" / SYNTHESIS, w=w, given=given)
            torch.testing.assert_close(samples, generator.synthesis(w, given), rtol=0, atol=1e-4)


def test_an_export_may_be_renewed_but_nothing_else_overwritten(tmp_path: Path) -> None:
    generator, codec = built("mlp")
    (tmp_path / MAPPING).write_bytes(b"an earlier one")
    written(generator, codec, tmp_path)
    assert (tmp_path / MAPPING).stat().st_size > 100
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunFolderError, match=r"other files \(thesis\.tex\)"):
        written(generator, codec, tmp_path)
    with pytest.raises(RunFolderError, match="is a file"):
        written(generator, codec, tmp_path / "thesis.tex")


def test_graphs_that_differ_are_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_graphs, "runner", lambda graph: lambda inputs: torch.full((1, 16), torch.nan))
    with pytest.raises(GansmithError, match="Nothing was written"):
        written(*built("mlp"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["mlp", "biggan"])
def test_an_export_is_opened_like_a_run(name: str, tmp_path: Path) -> None:
    generator, codec = built(name)
    assert not is_export(tmp_path)
    written(generator, codec, tmp_path)
    assert is_export(tmp_path)
    trained = Trained(tmp_path)
    assert trained.classes == codec.spec.class_names
    assert trained.metadata["recipe"] == RECIPE
    count = 70  # more than one block
    samples = trained.sample(count, seed=3, truncation=0.5)
    ours = torch.cat(list(draw(generator, count, 3, samples.labels, 0.5)))
    torch.testing.assert_close(samples.x, ours, rtol=0, atol=1e-4)
    with pytest.raises(GansmithError, match="run in float32"):
        trained.sample(1, precision="bfloat16")
    for export in (trained.export_onnx, trained.export_weights):
        with pytest.raises(RunFolderError, match="is an ONNX export"):
            export(tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_broken_export_is_refused(tmp_path: Path) -> None:
    generator, codec = built("mlp")
    written(generator, codec, tmp_path)
    whole = (tmp_path / DESCRIPTION).read_text(encoding="utf-8")
    for broken in (
        whole[:-9],
        whole.replace("gansmith onnx 1", "gansmith onnx 9"),
        whole.replace('"recipe"', '"r"'),
        "[]",
        "{}",
    ):
        (tmp_path / DESCRIPTION).write_text(broken)
        with pytest.raises(CheckpointError, match=r"cannot be used as an ONNX export.*Export it again"):
            read_onnx(tmp_path)
    (tmp_path / DESCRIPTION).write_text(whole)
    (tmp_path / SYNTHESIS).write_bytes(b"not a graph")
    with pytest.raises(CheckpointError, match="cannot be used as an ONNX export"):
        read_onnx(tmp_path)
    (tmp_path / MAPPING).unlink()
    with pytest.raises(CheckpointError, match="cannot be used as an ONNX export"):
        read_onnx(tmp_path)


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_graphs, "NEEDED", ("onnx", "no_such_package"))
    with pytest.raises(GansmithError, match=r"needs no_such_package.*pip install 'gansmith\[onnx\]'"):
        written(*built("mlp"), tmp_path / "out")
