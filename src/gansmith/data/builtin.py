"""Data sets known by name: found where the user keeps them, else downloaded once into the user's cache.

MNIST: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998.
Fashion-MNIST: Xiao, Rasul, Vollgraf, arXiv:1708.07747. Kuzushiji-MNIST: Clanuwat et al., arXiv:1812.01718.
CIFAR-10: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
`digits` needs no file (scikit-learn bundles it) and `scenes` is drawn: they are therefore not here.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gansmith.cache import cache_folder
from gansmith.data.download import Progress, RemoteFile, fetch, is_right, unpack
from gansmith.errors import DataError

IDX_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
CIFAR_BIN = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
CIFAR_PY = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")


@dataclass(frozen=True)
class BuiltIn:
    """A data set's name, what it is downloaded from, and what must be unpacked of it (nothing for IDX files)."""

    name: str
    files: tuple[RemoteFile, ...]
    members: tuple[str, ...] = ()

    @property
    def is_idx(self) -> bool:
        """Whether it is MNIST's four files (else: CIFAR-10's batches)."""
        return not self.members


def _idx(name: str, mirrors: tuple[str, ...], md5s: tuple[str, ...], contents: tuple[str | None, ...]) -> BuiltIn:
    sizes = (1 << 25, 1 << 17, 1 << 23, 1 << 15)  # bytes; generous bounds, the checksums decide
    parts = zip(IDX_NAMES, md5s, contents, sizes, strict=True)
    return BuiltIn(
        name,
        tuple(RemoteFile(f"{n}.gz", tuple(f"{m}{n}.gz" for m in mirrors), md5, s, inner) for n, md5, inner, s in parts),
    )


MNIST = _idx(
    "mnist",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
    ),
    (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    (
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ),
)
FASHION = _idx(
    "fashion-mnist",
    (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    (None,) * 4,
)
KMNIST = _idx(
    "kmnist",
    ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/", "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"),
    (
        "bdb82020997e1d708af4cf47b453dcf7",
        "e144d726b3acfaa3e44228e80efcd344",
        "5c965bf0a639b31b8f53240b1b52f4d7",
        "7320c461ea6c1c855c0b718fb2a4b134",
    ),
    (None,) * 4,
)
CIFAR10 = BuiltIn(
    "cifar10",
    (
        RemoteFile(
            "cifar-10-binary.tar.gz",
            (
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                "https://cave.cs.toronto.edu/kriz/cifar-10-binary.tar.gz",
            ),
            "c32a1d4ab5d03f1284b67883e8d87530",
            1 << 28,
        ),
    ),
    tuple(f"cifar-10-batches-bin/{name}" for name in (*CIFAR_BIN, "batches.meta.txt")),
)
BUILT_IN = {b.name: b for b in (MNIST, FASHION, KMNIST, CIFAR10)}


STACKED = "stacked-mnist"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def is_stacked(name: str) -> bool:
    """Whether a user means `stacked-mnist`, which is made from mnist."""
    return _plain(name) == _plain(STACKED)


def built_in_name(name: str) -> str | None:
    """The proper name of a built-in data set that is downloaded ("Fashion_MNIST" -> "fashion-mnist"), or None."""
    return next((known for known in BUILT_IN if _plain(known) == _plain(name)), None)


def locate(name: str, data_root: str | Path | None = None, progress: Progress | None = None) -> Path | None:
    """The folder (or zip) that holds the built-in data set `name`; None where that is no built-in's name.

    Looked for under `data_root`, then under the environment variable GANSMITH_DATA, each either holding the files
    itself or in a sub-folder called like the data set; then in the user's cache, into which it is downloaded where
    it is nowhere. `stacked-mnist` is that name inside mnist's folder, though there is no such file. Raises DataError
    where a root is no folder or no mirror gives the files, with what to do by hand.
    """
    if is_stacked(name):
        return _find(MNIST, data_root, progress) / STACKED
    known = built_in_name(name)
    return None if known is None else _find(BUILT_IN[known], data_root, progress)


def _find(wanted: BuiltIn, data_root: str | Path | None, progress: Progress | None) -> Path:
    for root, what in ((data_root, "--data-root"), (os.environ.get("GANSMITH_DATA"), "GANSMITH_DATA")):
        if root and (found := _under(_folder(root, what), wanted)):
            return found
    cache = cache_folder() / "data" / wanted.name
    return _held(cache, wanted) or _download(wanted, cache, progress)


def _folder(root: str | Path, what: str) -> Path:
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise DataError(
            f"{what} names {root}, which is no folder. Give a folder that holds data sets, or leave it out."
        )
    return folder


def _under(root: Path, wanted: BuiltIn) -> Path | None:
    """Where `root`, or a folder in it called like the data set, holds the right files."""
    children = sorted(c for c in root.iterdir() if c.is_dir() and _plain(c.name) == _plain(wanted.name))
    for folder in (*children, *(c / "raw" for c in children), root):  # raw/: torchvision's layout
        if found := _held(folder, wanted):
            if folder == root and _belongs_to_another(root, wanted):
                continue
            return found
    return None


def _held(folder: Path, wanted: BuiltIn) -> Path | None:
    """`folder`, or what in it is to be read, if the files of `wanted` are there by name."""
    if wanted.is_idx:
        whole = all((folder / n).is_file() or (folder / f"{n}.gz").is_file() for n in IDX_NAMES)
        return folder if whole else None
    for place in (folder, folder / "cifar-10-batches-bin", folder / "cifar-10-batches-py"):
        if any(all((place / n).is_file() for n in names) for names in (CIFAR_BIN, CIFAR_PY)):
            return place
    if all((folder / split / "airplane").is_dir() for split in ("train", "test")):
        return folder
    named = "cifar10" in _plain(folder.name)  # elsewhere a zip must itself be called so
    zips = [z for z in sorted(folder.glob("*.zip")) if named or "cifar10" in _plain(z.name)]
    return zips[0] if len(zips) == 1 else None


def _belongs_to_another(folder: Path, wanted: BuiltIn) -> bool:
    """Whether the IDX files in a folder of any name are another's: all three data sets share their file names."""
    labels = folder / f"{IDX_NAMES[3]}.gz"
    others = [b for b in (MNIST, FASHION, KMNIST) if b.name != wanted.name]
    return wanted.is_idx and labels.is_file() and any(is_right(labels, other.files[3]) for other in others)


def _download(wanted: BuiltIn, cache: Path, progress: Progress | None) -> Path:
    try:
        if wanted.is_idx:
            for file in wanted.files:
                fetch(file, cache, progress)
            return cache
        return _download_archive(wanted, cache, progress)
    except (DataError, OSError) as error:
        raise DataError(f"The data set {wanted.name} is not on this machine.\n{error}\n{_by_hand(wanted)}") from error


def _download_archive(wanted: BuiltIn, cache: Path, progress: Progress | None) -> Path:
    """Unpack beside the final place and rename, so that another process never sees half of it."""
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / Path(wanted.members[0]).parent.name
    work = Path(tempfile.mkdtemp(prefix="unpack.", suffix=".tmp", dir=cache))
    try:
        archive = fetch(wanted.files[0], work, progress)
        unpack(archive, wanted.members, work / "files")
        try:
            (work / "files").rename(target)
        except OSError:  # another process was faster; any other reason is raised
            if not _held(target, wanted):
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _by_hand(wanted: BuiltIn) -> str:
    folder = f"FOLDER/{wanted.name}/"
    if wanted.is_idx:
        what = f"put {', '.join(f.name for f in wanted.files)} (or the same without .gz) into {folder}"
    else:
        what = f"unpack cifar-10-binary.tar.gz (or cifar-10-python.tar.gz) into {folder}"
    give = "give --data-root FOLDER or set the environment variable GANSMITH_DATA=FOLDER"
    return f"To supply it by hand: {what}, and {give}."
