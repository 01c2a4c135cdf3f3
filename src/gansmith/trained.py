"""A trained generator in people's hands: samples by seed and class, as pictures, arrays and files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gansmith.contracts import Codec, Dataset, Generator
from gansmith.errors import DataError, RecipeError, RunFolderError, nearest
from gansmith.explore import sampling
from gansmith.explore.film import require_film, write_film
from gansmith.explore.walk import walk
from gansmith.export.explorable import Explorable, explorable
from gansmith.export.generator import read_generator
from gansmith.export.onnx_generator import OnnxGenerator, is_export, read_onnx
from gansmith.export.onnx_graphs import Graphs, write_onnx
from gansmith.export.page import Page, write_page
from gansmith.folder import atomic
from gansmith.layers.upsampling import compose_upsampling

WALK_FRAMES, WALK_RATE = 60, 30  # frames from one seed to the next, and frames a second


class Samples:
    """Samples as tensor [N, *shape] in the network's range with their labels; notebooks show one picture of them."""

    def __init__(self, x: Tensor, codec: Codec, labels: Tensor | None = None) -> None:
        self.x, self.codec, self.labels = x, codec, labels

    @property
    def items(self) -> list[Any]:
        """One PIL image a sample; for points a pair of numbers."""
        return self.codec.decode(self.x)

    def save(self, path: str | Path) -> Path:
        """.png or .webp: one picture of all; .npz: arrays `samples` (uint8 [N, H, W, C]; points float32 [N, 2]) and
        `labels`; pictures also a folder of single files, points also .csv."""
        try:
            return self.codec.save(self.x, Path(path), self.labels)
        except OSError as error:
            raise atomic.refusal(error, Path(path)) from error

    def __len__(self) -> int:
        return len(self.x)

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.codec.picture(self.x).save(file, "png")
        return file.getvalue()


class Trained:
    """A trained generator, from a run folder, from a generator.safetensors alone, or from an ONNX export's folder."""

    def __init__(self, path: Path, *, trust: bool = False) -> None:
        self.path = path
        self.folder = path if path.is_dir() else None
        self.generator: Generator
        self.file: Path | None = None
        if is_export(path):
            self.generator, self.codec, self.metadata = read_onnx(path)
            return
        file = path / "generator.safetensors" if path.is_dir() else path
        if not file.exists():
            what = "has no generator.safetensors yet" if path.is_dir() else "does not exist"
            raise RunFolderError(
                f"{path} {what}. Wanted: a run folder of gansmith train, a generator.safetensors, or an "
                "ONNX export's folder."
            )
        self.file = file
        self.generator, self.codec, self.metadata = read_generator(file, trust=trust)
        compose_upsampling(self.generator, True)  # faster on the CPU, where this generator is

    @property
    def classes(self) -> tuple[str, ...]:
        """The names to choose from in `sample(label=...)`; empty where the generator is unconditional."""
        return self.codec.spec.class_names

    def sample(
        self,
        count: int = 16,
        seed: int = 0,
        label: str | int | None = None,
        truncation: float = 1.0,
        precision: sampling.Precision = "float32",
    ) -> Samples:
        """`count` samples; the k-th of a seed is always the same, to rounding. Without `label`, classes take turns.

        In bfloat16 they come faster where the processor multiplies it faster, and differ by about a grey level.
        """
        parts, labels = self._draw(count, seed, label, truncation, precision)
        return Samples(torch.cat(list(parts)), self.codec, labels)

    def write(
        self,
        path: str | Path,
        count: int = 16,
        seed: int = 0,
        label: str | int | None = None,
        truncation: float = 1.0,
        precision: sampling.Precision = "float32",
    ) -> Path:
        """The same samples into a file, as `Samples.save` does, without ever having all of them in memory."""
        parts, labels = self._draw(count, seed, label, truncation, precision)
        try:
            return self.codec.write(parts, count, Path(path), labels)
        except OSError as error:
            raise atomic.refusal(error, Path(path)) from error

    def write_walk(
        self,
        path: str | Path,
        seeds: Sequence[int] = (0, 1, 2, 3),
        frames: int | None = None,
        label: str | int | None = None,
        truncation: float = 1.0,
    ) -> Path:
        """A film (.mp4, .gif, .webp) of a way through latent space, from seed to seed and back to the first.

        A seed stands for its first sample; `frames` are WALK_FRAMES a seed unless given, WALK_RATE a second. Without
        `label`, classes take turns. Raises GansmithError for points, fewer than two seeds, and as `write_film` does.
        """
        require_film(path := Path(path))
        if not self.codec.single:
            raise RecipeError("A walk shows pictures one by one, and this generator makes points.")
        if len(seeds) < 2 or min(seeds) < 0:
            raise RecipeError(f"A walk wants two or more seeds of 0 or more, such as 1,2,3, not {list(seeds)}.")
        frames = WALK_FRAMES * len(seeds) if frames is None else frames
        if frames < len(seeds):
            raise RecipeError(f"A walk through {len(seeds)} seeds wants as many frames or more, not {frames}.")
        self._require_truncation(truncation)
        labels = self._labels(len(seeds), label)
        told = [self._given(None if labels is None else labels[k : k + 1], 1, seed) for k, seed in enumerate(seeds)]
        given = None if told[0] is None else torch.cat([x for x in told if x is not None])
        parts = walk(self.generator, seeds, frames, given, truncation)
        return write_film((picture for x in parts for picture in self.codec.decode(x)), path, WALK_RATE)

    def export_onnx(self, folder: str | Path) -> Graphs:
        """The generator as two ONNX graphs in a folder of their own, compared with torch; `export/onnx_graphs.py`.

        Raises GansmithError where packages are missing, the folder holds anything else, or the graphs differ.
        """
        if self.file is None:
            raise RunFolderError(f"{self.path} is an ONNX export already.")
        return write_onnx(self.generator, self.codec, self._mean_w(), Path(folder), self.metadata["recipe"])

    def export_page(self, path: str | Path) -> Page:
        """The generator as one HTML file that runs in a browser, offline, with the run's report; `export/page.py`.

        Raises GansmithError where packages or built pages are missing, `path` is taken or no .html, or samples are no
        pictures.
        """
        if self.file is None:
            raise RunFolderError(f"{self.path} is an ONNX export; a page is made from the run itself.")
        return write_page(self.generator, self.codec, self._mean_w(), Path(path), self.metadata["recipe"], self.folder)

    def explorable(self) -> Explorable:
        """What an explorer in a browser needs; `export/explorable.py`. Raises GansmithError."""
        return explorable(self.generator, self.codec, self._mean_w())

    def _mean_w(self) -> Tensor:
        """What truncation pulls towards: [1, ...], or [K, ...] for each class or cluster; [0, ...] where each facet has
        clusters of its own, since there are too many possibilities."""
        spec = self.codec.spec
        if len(spec.told) > 1:
            return sampling.mean_latent(self.generator, torch.zeros(1, dtype=torch.int64))[:0]
        return sampling.mean_latent(self.generator, torch.arange(spec.classes) if spec.classes else None)

    def export_weights(self, path: str | Path) -> Path:
        """generator.safetensors under another name: all that `load` needs, without the run.

        Raises GansmithError for another ending, and where there is such a file.
        """
        path = Path(path)
        if self.file is None:
            raise RunFolderError(f"{self.path} is an ONNX export; weights are exported from the run itself.")
        if path.suffix != ".safetensors":
            raise RecipeError(f"Weights are written to a file that ends in .safetensors, not to '{path}'.")
        if path.exists():
            raise RunFolderError(f"'{path}' is there already, and nothing was changed. Choose another name.")
        atomic.write_bytes(path, self.file.read_bytes())
        return path

    def _draw(
        self, count: int, seed: int, label: str | int | None, truncation: float, precision: sampling.Precision
    ) -> tuple[Iterator[Tensor], Tensor | None]:
        """Samples in parts, and their labels. Raises RecipeError."""
        if count < 1:
            raise RecipeError(f"--count must be 1 or more, not {count}.")
        self._require_truncation(truncation)
        labels = self._labels(count, label)
        if precision == "bfloat16" and isinstance(self.generator, OnnxGenerator):
            raise RecipeError("An ONNX export is run in float32. Leave --precision out, or sample the run itself.")
        given = self._given(labels, count, seed)
        return sampling.draw(self.generator, count, seed, given, truncation, precision), labels

    @staticmethod
    def _require_truncation(truncation: float) -> None:
        if not 0 <= truncation <= 1:
            raise RecipeError(f"--truncation must be in [0, 1] (1: none, 0.7: safer samples), not {truncation}.")

    def _given(self, labels: Tensor | None, count: int, seed: int) -> Tensor | None:
        """What the generator is told: the labels, or clusters as frequent as in the training data, or nothing."""
        given = self.codec.spec.given
        return given.draw(count, seed) if given is not None and given.kind == "cluster" else labels

    def _labels(self, count: int, label: str | int | None) -> Tensor | None:
        if not self.classes:
            if label is not None:
                raise RecipeError(f"This generator has no classes, but '{label}' was asked for. Leave --class out.")
            return None
        if label is None:
            return torch.arange(count) % len(self.classes)
        name = str(label)
        if name not in self.classes:
            raise RecipeError(f"There is no class '{name}'.{nearest(name, self.classes)}")
        return torch.full((count,), self.classes.index(name))

    def draw_like(self, dataset: Dataset) -> Callable[[int, int], tuple[Tensor, Tensor | None]]:
        """For judges: (count, seed) -> samples and labels, with classes as frequent as in `dataset`."""
        if self.classes and (dataset.labels is None or dataset.label_names != self.classes):
            raise DataError(f"The data has other classes than the generator, which knows: {', '.join(self.classes)}.")

        def draw(count: int, seed: int) -> tuple[Tensor, Tensor | None]:
            labels = None
            if self.classes and dataset.labels is not None:
                chance = torch.Generator().manual_seed(seed)
                labels = dataset.labels[torch.randint(len(dataset.labels), (count,), generator=chance)]
            given = self._given(labels, count, seed)
            return torch.cat(list(sampling.draw(self.generator, count, seed, given))), labels

        return draw
