"""A zip of pictures, read in place: never unpacked, so names that point elsewhere and bombs do no harm.

The archive's table of contents is kept as arrays; each thread has its own file handle, so that no thread waits.
"""

from __future__ import annotations

import struct
import threading
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gansmith.data.decode import Unreadable
from gansmith.data.files import (
    EncodedFiles,
    Names,
    NoPictures,
    class_folders,
    digest,
    is_hidden,
    is_picture,
    splits,
)
from gansmith.errors import DataError

LARGEST = 1 << 30  # bytes that one member may claim to hold
Contents = list[tuple[str, zipfile.ZipInfo]]
LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature ... length of name, length of extra


class Zipped(EncodedFiles):
    """The pictures among a zip's `members` whose names start with `inside`, sorted by name.

    Raises DataError where there is none.
    """

    def __init__(self, path: Path, members: Contents, inside: str, where: str) -> None:
        self.where = where
        self._path = path
        members = [(name, info) for name, info in members if name.startswith(inside)]
        pictures = sorted((name[len(inside) :], info.header_offset, info) for name, info in members if is_picture(name))
        self.ignored = len(members) - len(pictures)
        if not pictures:
            raise NoPictures(where, self.ignored)
        infos = [info for _, _, info in pictures]
        self._names = Names(name for name, _, _ in pictures)
        self._offsets = np.array([info.header_offset for info in infos], np.int64)
        self._packed = np.array([info.compress_size for info in infos], np.int64)
        self._sizes = np.array([info.file_size for info in infos], np.int64)
        self._checksums = np.array([info.CRC for info in infos], np.uint32)
        self._methods = np.array([-1 if info.flag_bits & 1 else info.compress_type for info in infos], np.int16)
        self._handles = threading.local()
        self.labels, self.label_names = class_folders(self._names)

    def _fingerprint(self) -> str:
        return digest(self._names, self._checksums.tolist(), self._sizes.tolist())

    def __len__(self) -> int:
        return len(self._names)

    def name(self, i: int) -> str:
        return self._names[i]

    def read(self, i: int) -> BytesIO:
        try:
            return BytesIO(self._member(i))
        except (OSError, zlib.error, struct.error) as error:
            raise Unreadable(f"damaged in the zip ({error})") from error

    def _member(self, i: int) -> bytes:
        size, method = int(self._sizes[i]), int(self._methods[i])
        if method == -1:
            raise Unreadable("encrypted in the zip")
        if method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unreadable("packed in the zip by another method than deflate")
        if size > LARGEST or self._packed[i] > LARGEST:
            raise Unreadable(f"claims to hold {max(size, int(self._packed[i])):,} bytes, which no picture should")
        packed = self._packed_member(i)
        data = packed if method == zipfile.ZIP_STORED else zlib.decompressobj(-15).decompress(packed, size + 1)
        if len(data) != size or zlib.crc32(data) != self._checksums[i]:
            raise Unreadable("damaged in the zip (its checksum differs)")
        return data

    def _packed_member(self, i: int) -> bytes:
        if not hasattr(self._handles, "file"):
            self._handles.file = self._path.open("rb")
        file: BinaryIO = self._handles.file
        file.seek(int(self._offsets[i]))
        signature, name, extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
        if signature != b"PK\3\4":
            raise Unreadable("damaged in the zip (not where its table of contents says)")
        file.seek(name + extra, 1)
        return file.read(int(self._packed[i]))


def contents(path: Path) -> Contents:
    """The visible files of a zip by their cleaned names; raises DataError."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except Exception as error:  # zipfile raises several kinds on broken archives
        raise DataError(f"'{path}' is not a zip that can be read: {error}.") from error
    cleaned = ((_clean(info.filename), info) for info in infos)
    return [(name, info) for name, info in cleaned if name and not any(map(is_hidden, name.split("/")))]


def _clean(name: str) -> str:
    return "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", ".", ".."))


def find_inside(names: list[str], inside: str, split: str) -> str | None:
    """The prefix of the members that are `split`, below the folder `inside`; None where there are none.

    A folder that holds one folder and nothing else is looked through.
    """
    start = f"{inside}/" if inside else ""
    if inside and not any(name.startswith(start) for name in names):
        top = _folders(names, "")
        if top is None or len(top) != 1 or not any(name.startswith(top[0] + "/" + start) for name in names):
            return None
        start = f"{top[0]}/{start}"
    while folders := _folders(names, start):
        if (parts := splits(folders)) is not None:
            return f"{start}{parts[split]}/" if split in parts else None
        if len(folders) != 1:
            break
        start += folders[0] + "/"
    return start if split == "train" else None


def _folders(names: list[str], start: str) -> list[str] | None:
    """The folders right in `start`, sorted; None where pictures lie there too and none of them is a split."""
    firsts = [name[len(start) :].partition("/") for name in names if name.startswith(start)]
    folders = sorted({first for first, slash, _ in firsts if slash})
    loose = any(not slash for _, slash, _ in firsts)
    return None if loose and splits(folders) is None else folders
