"""Feature extractors: every one keeps the contract; the classifier learns, is cached, and its files are only data."""

from __future__ import annotations

import json
import pickle
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from gansmith.cache import cache_folder
from gansmith.contracts import Batch, Dataset, Extractor, Spec
from gansmith.errors import DataError, GansmithError, RecipeError
from gansmith.features import find
from gansmith.features.classifier import Classifier, fit_classifier
from gansmith.features.inception import InceptionFeatures
from gansmith.features.network import inner_size
from gansmith.features.random import RandomFeatures, second_random
from gansmith.features.stored import FIRST, SECOND, Stored, new_network
from gansmith.features.weights import weights_hash


class Bars(Dataset):
    """Noisy pictures with a bright horizontal bar whose height is the class; class 2 has none."""

    def __init__(self, count: int = 120, shape: tuple[int, ...] = (1, 8, 8), seed: int = 0, labelled: bool = True):
        generator = torch.Generator().manual_seed(seed)
        labels = torch.arange(count) % 3
        self.x = torch.rand(count, *shape, generator=generator) * 0.5 - 1
        for i, label in enumerate(labels.tolist()):
            if label < 2:
                top = shape[1] // 2 * label
                self.x[i, :, top : top + shape[1] // 4] += 1.2
        self.spec = Spec(shape)
        self.labels = labels if labelled else None
        self.label_names = ("top", "middle", "none") if labelled else ()
        self.fingerprint = f"{seed:04x}{count:04x}"
        self.fetched = 0

    def __len__(self) -> int:
        return len(self.x)

    def fetch(self, indices: Sequence[int]) -> Batch:
        self.fetched += len(indices)
        return Batch(self.x[list(indices)])


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gansmith.features.fit.samples_to_show", lambda count: 10 * count)


def _stored(shape: tuple[int, ...], names: tuple[str, ...], details: dict[str, float], made: str = FIRST[0]) -> Stored:
    return Stored("classifier", made, new_network(made, shape, len(names), 0), shape, names, details)


def _untrained(spec: Spec) -> Extractor:
    return Classifier(_stored(spec.shape, ("a", "b", "c"), {"accuracy": 0.0}))


def _untrained_second(spec: Spec) -> Extractor:
    return Classifier(_stored(spec.shape, ("a", "b", "c"), {"accuracy": 0.0}, SECOND[0]))


EXTRACTORS: list[Callable[[Spec], Extractor]] = [RandomFeatures, second_random, _untrained, _untrained_second]
SHAPES = [(1, 8, 8), (3, 32, 32), (1, 28, 28), (4, 17, 40), (3, 96, 72), (2, 1, 5), (3, 200, 8)]


@pytest.mark.parametrize("make", EXTRACTORS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_extractor_keeps_the_contract(make: Callable[[Spec], Extractor], shape: tuple[int, ...]) -> None:
    extractor = make(Spec(shape))
    x = torch.rand(5, *shape) * 2 - 1
    seen = extractor(x)
    assert seen.vectors.shape == (5, extractor.details.get("features", 128))
    assert seen.vectors.dtype == torch.float32
    assert not seen.vectors.requires_grad
    assert torch.isfinite(seen.vectors).all()
    assert torch.equal(extractor(x).vectors, seen.vectors)
    assert len(extractor.hash) == 16
    json.dumps(extractor.details)
    if seen.probabilities is not None:
        torch.testing.assert_close(seen.probabilities.sum(1), torch.ones(5))


@pytest.mark.parametrize("make", EXTRACTORS)
def test_many_samples_are_seen_in_pieces(make: Callable[[Spec], Extractor]) -> None:
    extractor = make(Spec((1, 8, 8)))
    x = torch.rand(601, 1, 8, 8)
    torch.testing.assert_close(extractor(x).vectors[500:], extractor(x[500:]).vectors)
    with pytest.raises(ValueError, match=r"made for samples \[1, 8, 8\]"):
        extractor(torch.rand(5, 3, 8, 8))


@pytest.mark.parametrize("name", ["random", "classifier", "inception"])
def test_what_is_no_picture_is_refused_in_words(name: str) -> None:
    with pytest.raises(DataError, match=r"pictures \[C, H, W\]"):
        find(name, Bars(shape=(1, 8)))


# --- Random features


@pytest.mark.parametrize(("shape", "expected"), [((1, 8, 8), "bdf6488b7866ec7e"), ((3, 32, 32), "2f87bcba695805d0")])
def test_random_weights_are_the_same_everywhere(shape: tuple[int, ...], expected: str) -> None:
    assert RandomFeatures(Spec(shape)).hash == expected


def test_random_features_follow_the_seed_and_leave_the_random_state_alone() -> None:
    state = torch.get_rng_state()
    assert RandomFeatures(Spec((1, 8, 8)), seed=1).hash != RandomFeatures(Spec((1, 8, 8)), seed=2).hash
    assert torch.equal(torch.get_rng_state(), state)


def test_random_features_tell_textures_apart() -> None:
    extractor = RandomFeatures(Spec((1, 16, 16)))
    noise = extractor(torch.rand(50, 1, 16, 16) * 2 - 1).vectors
    smooth = extractor((torch.rand(50, 1, 1, 1) * 2 - 1).expand(-1, 1, 16, 16)).vectors
    assert torch.cdist(noise, smooth).min() > torch.cdist(noise, noise).max()


# --- Classifier


@pytest.mark.usefixtures("short")
def test_classifier_learns_is_measured_and_cached() -> None:
    data, heard = Bars(300), list[str]()
    first = fit_classifier(data, None, heard.append)
    assert first.details["accuracy"] > 0.9
    assert first.details["accuracy_on"] == "30 samples of the training split, left out"
    assert first.details["trained_on"] == 270
    assert "Training a classifier of 3 classes on 300 samples" in heard[0]
    assert (first(data.x).probabilities.argmax(1) == data.labels).double().mean() > 0.9  # type: ignore[union-attr]
    assert [p.suffix for p in (cache_folder() / "features").iterdir()] == [".safetensors"]
    fetched = data.fetched
    heard.clear()
    again = fit_classifier(data, None, heard.append)
    assert (data.fetched, heard) == (fetched, [])
    assert (again.hash, again.details, again.labels) == (first.hash, first.details, first.labels)
    assert torch.equal(again(data.x).vectors, first(data.x).vectors)


@pytest.mark.usefixtures("short")
def test_classifier_is_measured_on_a_test_split_with_the_same_classes() -> None:
    data, test = Bars(90), Bars(60, seed=1)
    assert fit_classifier(data, test).details["accuracy_on"] == "60 samples of the test split"
    test.label_names = ("other", "classes", "here")
    assert "left out" in fit_classifier(data, test).details["accuracy_on"]


@pytest.mark.usefixtures("short")
def test_classifier_follows_the_seed_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    state = torch.get_rng_state()
    hashes = []
    for seed, folder in ((0, "a"), (0, "b"), (1, "c")):
        monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path / folder))
        with torch.no_grad():
            hashes.append(fit_classifier(Bars(60), seed=seed).hash)
    assert hashes[0] == hashes[1] != hashes[2]
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.usefixtures("short")
def test_a_corrupt_cache_is_replaced_and_an_unwritable_one_is_said() -> None:
    data, heard = Bars(60), list[str]()
    first = fit_classifier(data)
    (path,) = (cache_folder() / "features").iterdir()
    path.write_bytes(b"not weights")
    again = fit_classifier(data, None, heard.append)
    assert again.hash == first.hash == Classifier.load(path).hash
    assert "Training it again" in heard[0]
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("a file where the folder should be")
    assert fit_classifier(data, None, heard.append).hash == first.hash
    assert "could not be kept" in heard[-1]


@pytest.mark.usefixtures("short")
def test_classifier_takes_odd_shapes_and_large_pictures() -> None:
    data = Bars(40, (3, 90, 20))
    assert inner_size(data.spec.shape) == (64, 14)
    classifier = fit_classifier(data)
    assert classifier.details["resizer"] == "antialiased bilinear to 64x14"
    assert classifier(data.x).vectors.shape == (40, 128)


@pytest.mark.usefixtures("short")
def test_the_second_judge_is_another_network_that_sees_as_well() -> None:
    data, heard = Bars(300), list[str]()
    first, second = find("auto", data), find("second", data, None, heard.append)
    assert (first.name, second.name) == ("classifier", "second")
    assert (second.details["network"], second.details["seed"]) == SECOND != (first.details["network"], 0)
    assert second.details["accuracy"] > 0.9
    assert first.hash != second.hash
    assert second(data.x).vectors.shape == (300, 128)
    assert len(list((cache_folder() / "features").iterdir())) == 2
    heard.clear()
    assert find("second", data, None, heard.append).hash == second.hash
    assert heard == []
    for data in (Bars(20, labelled=False), Bars(20, (3, 17, 40), labelled=False)):
        plain, other = find("auto", data), find("second", data)
        assert (plain.name, other.name) == ("random", "second")
        assert plain.hash != other.hash


def test_classifier_refuses_data_without_classes() -> None:
    one = Bars(20)
    one.labels = torch.zeros(20, dtype=torch.int64)
    for data in (Bars(20, labelled=False), one):
        with pytest.raises(DataError, match=r"two classes or more.*--features random"):
            find("classifier", data)
        assert find("auto", data).name == "random"


def test_classifier_reads_digits() -> None:
    bundled = pytest.importorskip("sklearn.datasets").load_digits()
    data, test = Bars(1438), Bars(359)
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
    for part, chosen in ((data, order[:1438]), (test, order[1438:])):
        part.x = torch.from_numpy(bundled.images).float()[chosen, None] / 8 - 1
        part.labels = torch.from_numpy(bundled.target).long()[chosen]
        part.label_names = tuple("0123456789")
    assert fit_classifier(data, test).details["accuracy"] >= 0.95


# --- Files


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    Classifier(_stored((1, 8, 8), ("top", "middle", "none"), {"accuracy": 0.5})).save(path)
    return path


def test_a_saved_classifier_is_found_by_its_path(saved: Path) -> None:
    extractor = find(str(saved), Bars(10))
    assert extractor.name == "mine.safetensors"
    assert extractor.details == {"accuracy": 0.5}
    assert extractor.hash == Classifier.load(saved).hash
    assert [p.name for p in saved.parent.iterdir()] == ["mine.safetensors"]


def test_files_that_are_no_classifiers_are_refused(saved: Path, tmp_path: Path) -> None:
    data = Bars(10)
    with pytest.raises(DataError, match="no feature extractor at"):
        find("absent.safetensors", data)
    with pytest.raises(DataError, match=r"shape \[1, 8, 8\], but these have \[3, 8, 8\]"):
        find(str(saved), Bars(10, (3, 8, 8)))
    other = tmp_path / "other.safetensors"
    save_file({"w": torch.ones(3)}, other)
    with pytest.raises(DataError, match="its format is"):
        find(str(other), data)
    save_file({"w": torch.ones(3)}, other, {"format": "gansmith classifier 1", "known": "{}"})
    with pytest.raises(DataError, match="no classifier that gansmith can read"):
        find(str(other), data)
    other.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(DataError, match="no classifier that gansmith can read"):
        find(str(other), data)


class _Bomb:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return pytest.fail, ("code in a file was run",)


@pytest.mark.parametrize("ending", [".pt", ".pkl", ".safetensors"])
def test_a_malicious_file_is_not_run(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"evil{ending}"
    path.write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(DataError):
        find(str(path), Bars(10))


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'inception'"):
        find("inceptoin", Bars(10))


def test_hash_sees_names_shapes_and_every_weight() -> None:
    w = torch.arange(6.0)
    hashes = [{"a": w}, {"b": w}, {"a": w.view(2, 3)}, {"a": w.double()}, {"a": w + 1e-6}, {"a": w, "b": w}]
    assert len({weights_hash(h) for h in hashes}) == len(hashes)
    assert weights_hash({"b": w, "a": w}) == weights_hash({"a": w, "b": w})
    assert weights_hash({"a": torch.ones(3, 2).T.contiguous()}) == weights_hash({"a": torch.ones(3, 2).T})


def test_cache_folder_follows_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() != tmp_path
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("GANSMITH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    parts = {"linux": tmp_path / "xdg", "win32": tmp_path / "local", "darwin": Path.home() / "Library" / "Caches"}
    for platform, expected in parts.items():
        monkeypatch.setattr(sys, "platform", platform)
        assert cache_folder() == expected / "gansmith"


# --- Inception, never with its real weights


class _FakeNetwork(nn.Module):
    def __init__(self, name: str, features: list[str], weights: str) -> None:
        super().__init__()
        self.load_state_dict(torch.load(weights, weights_only=True))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        assert x.dtype == torch.uint8
        assert x.shape[1] == 3
        return torch.zeros(len(x), 2048), torch.zeros(len(x), 1008)


@pytest.fixture
def fidelity(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    module.URL_INCEPTION_V3 = "https://example.invalid/weights-0123abcd.pth"  # type: ignore[attr-defined]
    module.FeatureExtractorInceptionV3 = _FakeNetwork  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_fidelity", types.ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, module.__name__, module)


def test_inception_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", None)
    with pytest.raises(GansmithError, match=r"pip install 'gansmith\[metrics\]'.*--features classifier"):
        find("inception", Bars(10))


@pytest.mark.usefixtures("fidelity")
def test_inception_offline_says_where_to_put_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(GansmithError, match=r"no network.*put that file at .*weights-0123abcd\.pth"):
        InceptionFeatures(Spec((3, 32, 32)))


@pytest.mark.usefixtures("fidelity")
def test_inception_weights_that_are_programs_are_not_run() -> None:
    path = cache_folder() / "features" / "weights-0123abcd.pth"
    path.parent.mkdir(parents=True)
    torch.save(_Bomb(), path)
    with pytest.raises(GansmithError, match="does not hold Inception's weights"):
        InceptionFeatures(Spec((3, 32, 32)))


@pytest.mark.usefixtures("fidelity")
def test_inception_widens_grey_and_refuses_transparency() -> None:
    path = cache_folder() / "features" / "weights-0123abcd.pth"
    path.parent.mkdir(parents=True)
    torch.save({}, path)
    seen = InceptionFeatures(Spec((1, 8, 8)))(torch.zeros(3, 1, 8, 8))
    assert seen.vectors.shape == (3, 2048)
    assert seen.probabilities is not None
    with pytest.raises(DataError, match="4 channels"):
        InceptionFeatures(Spec((4, 8, 8)))
