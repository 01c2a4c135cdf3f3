"""What a user calls a data set -> the reader of one of its splits. The order in which things are tried is here.

A path may lead on into a zip: `photos.zip/train/cats`.
"""

from __future__ import annotations

import difflib
import zipfile
from pathlib import Path, PurePosixPath

from gansmith.data import hub, shards
from gansmith.data.announce import Announce
from gansmith.data.arrays import open_array
from gansmith.data.builtin import is_stacked, locate
from gansmith.data.cifar import batches, open_cifar
from gansmith.data.clouds import CLOUDS
from gansmith.data.digits import open_digits
from gansmith.data.files import HELD_OUT, Files, NoPictures, is_picture, splits
from gansmith.data.folder import Folder, any_picture, listing
from gansmith.data.idx import STEMS, idx_file, open_idx, open_idx_folder
from gansmith.data.packed import ENDING, open_packed
from gansmith.data.scenes import open_scenes
from gansmith.data.stacked import open_stacked
from gansmith.data.zipped import Zipped, contents, find_inside
from gansmith.errors import DataError

BUILT_IN = ("digits", "mnist", "fashion-mnist", "kmnist", "cifar10", "stacked-mnist", "scenes")
DEEPEST = 8  # folders that hold nothing but one folder are looked through so far


def open_files(path: str, split: str = "train") -> Files | None:
    """The pictures of a split ("train" or "test") of the data set that the user calls `path`.

    None where there is no held-out split. Raises DataError, in words for users.
    """
    if not path:
        raise DataError("No data given. Wanted: a folder, zip or array file of pictures, or a built-in name.")
    try:
        return _open(path, split)
    except OSError as error:  # no permission, a name that is too long, a share that is gone
        raise DataError(f"The data set '{path}' cannot be opened: {error}.") from error


def made_absolute(path: str) -> str:
    """`path` from the root on where it leads to something on the disk, into a zip and shards too; names stay names."""
    place = Path(path).expanduser()
    there = place.exists() or shards.is_pattern(path) or any(parent.is_file() for parent in place.parents)
    return str(place.resolve()) if there else path


def _open(path: str, split: str) -> Files | None:
    place = Path(path).expanduser()
    if place.is_dir() or place.is_file():
        return _open_existing(place, path, split)
    if path.startswith(hub.PREFIX):
        return hub.open_hub(path, split)
    if path == "digits":
        return open_digits(split)
    if path == "scenes":
        return open_scenes(split)
    if place.name == path and (found := locate(path, progress=Announce())) is not None:
        return open_stacked(found.parent, path, split) if is_stacked(path) else _open_existing(found, path, split)
    if shards.is_pattern(path):
        return shards.Shards(shards.shards_named(str(place)), path) if split == "train" else None
    if is_stacked(place.name) and place.parent.is_dir():
        return open_stacked(place.parent, path, split)
    for parent in place.parents:
        if parent.is_file() and zipfile.is_zipfile(parent):
            return _open_zip(parent, place.relative_to(parent).as_posix(), path, split)
    raise DataError(f"There is no data set '{path}'.{_near(place)}")


def _open_existing(place: Path, where: str, split: str) -> Files | None:
    return _open_folder(place, where, split) if place.is_dir() else _open_file(place, where, split)


def _near(place: Path) -> str:
    """What is there instead: near names in the same folder, or the first thing on the path that is missing."""
    missing = next((p for p in (place, *place.parents) if p.parent.is_dir()), place)
    folders, files = listing(missing.parent) if missing.parent.is_dir() else ([], [])
    known = (*BUILT_IN, *CLOUDS)
    names = [*known, *folders, *files] if missing == place else folders + files
    near = difflib.get_close_matches(missing.name, names, n=1, cutoff=0.5)
    if near:
        return f" Did you mean '{near[0] if near[0] in known else missing.parent / near[0]}'?"
    absent = f" The folder '{missing}' does not exist." if missing != place else ""
    return f"{absent} Wanted: a folder, zip or array file of pictures, a .csv of points, or one of {', '.join(known)}."


def _open_folder(root: Path, where: str, split: str) -> Files | None:
    files: list[str] = []
    for _ in range(DEEPEST):
        folders, files = listing(root)
        if hub.is_saved(root):
            return hub.open_saved(root, where, split)
        if idx_file(root, "train", "images") is not None:
            return open_idx_folder(root, where, split)
        if batches(root, "train"):
            return open_cifar(root, where, split)
        if (parts := splits(folders)) is not None:
            return Folder(root / parts[split], where) if split in parts else None
        tars = sorted(root / name for name in files if name.lower().endswith(shards.ENDING))
        if tars and not any_picture(files):
            chosen = shards.of_split(tars, split)
            return shards.Shards(chosen, where) if chosen else None
        if len(folders) != 1 or any_picture(files):
            break
        root = root / folders[0]
    if split == "train":
        return _open_pictures(root, where, files)
    return next((Folder(other, where) for other in _beside(Path(where)) if other.is_dir()), None)


def _open_pictures(root: Path, where: str, files: list[str]) -> Folder:
    try:
        return Folder(root, where)
    except NoPictures as error:
        packed = next((name for name in sorted(files) if name.lower().endswith((".zip", ".npz", ".npy", ".gz"))), None)
        hint = f" There is '{root / packed}': did you mean that?" if packed else ""
        raise DataError(f"{error}{hint}") from error


def _beside(place: Path | PurePosixPath) -> list[Path]:
    """Where the held-out pictures lie for a path with a part `train`: the same path with `test` and so on."""
    parts = list(place.parts)
    if "train" not in parts:
        return []
    last = len(parts) - 1 - parts[::-1].index("train")
    return [Path(*parts[:last], name, *parts[last + 1 :]) for name in HELD_OUT]


def _open_file(path: Path, where: str, split: str) -> Files | None:
    with path.open("rb") as file:
        start = file.read(8)
    if path.suffix.lower() in (".npy", ".npz"):
        return open_array(path, where, split)
    if path.suffix.lower() == ENDING:
        return open_packed(path, where, split)
    if path.suffix.lower() == shards.ENDING:
        return shards.Shards([path], where) if split == "train" else None
    if start.startswith(b"PK"):
        return _open_zip(path, "", where, split)
    if start.startswith((b"\x1f\x8b", b"\0\0\x08")):
        return _open_idx_file(path, where, split)
    if is_picture(path.name):
        raise DataError(f"'{where}' is one picture; training needs many. Give the folder that they are in.")
    raise DataError(f"'{where}' is no data set. Wanted: a folder, a zip, .npy, .npz, or IDX files of pictures.")


def _open_idx_file(path: Path, where: str, split: str) -> Files | None:
    if any(path.name.startswith(f"{stem}-") for stem in STEMS.values()):
        return open_idx_folder(path.parent, where, split)
    return open_idx(path, None, where) if split == "train" else None


def _open_zip(path: Path, inside: str, where: str, split: str) -> Files | None:
    members = contents(path)
    names = [name for name, _ in members if is_picture(name)]
    prefix = find_inside(names, inside, split)
    if split == "test" and prefix is None:
        others = (find_inside(names, other.as_posix(), "train") for other in _beside(PurePosixPath(inside)))
        prefix = next((other for other in others if other is not None), None)
        return None if prefix is None else Zipped(path, members, prefix, where)
    if prefix is None:
        raise DataError(f"There is no folder '{inside}' with pictures in '{path}'.")
    return Zipped(path, members, prefix, where)
