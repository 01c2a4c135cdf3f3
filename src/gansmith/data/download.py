"""Fetch a file once: stream it from the first mirror that gives what its checksum promises, then rename it into place.

Whatever goes wrong, no half file is left under the final name, so that a file that is there is whole.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gansmith.errors import DataError

Progress = Callable[[str, int, int], None]  # file name, bytes so far, bytes in all (0 where the server does not say)
CHUNK = 1 << 18


@dataclass(frozen=True)
class RemoteFile:
    """A published file: where it may be had and how to know that it is the right one."""

    name: str  # what it is called on disk
    urls: tuple[str, ...]  # mirrors, tried in this order
    md5: str  # of the file as published
    max_bytes: int  # more than this is not the file
    content_md5: str | None = None  # of a .gz file's contents: accepted where a mirror compressed them anew


def md5_of(path: Path, unzip: bool = False) -> str:
    """MD5 of a file, or with `unzip` of what its gzip stream holds. Raises OSError, EOFError or zlib.error."""
    digest = hashlib.md5(usedforsecurity=False)
    with gzip.open(path, "rb") if unzip else path.open("rb") as stream:
        while block := stream.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def is_right(path: Path, file: RemoteFile) -> bool:
    """Whether `path` holds `file`, byte for byte or, where that is known, by its uncompressed contents."""
    if md5_of(path) == file.md5:
        return True
    try:
        return file.content_md5 is not None and md5_of(path, unzip=True) == file.content_md5
    except (OSError, EOFError, zlib.error):
        return False


def fetch(file: RemoteFile, folder: Path, progress: Progress | None = None, timeout: float = 20.0) -> Path:
    """Download `file` into `folder` unless it is there; returns its path.

    Mirrors are tried in turn. Raises DataError that names each mirror and why it failed, or that `folder` cannot be
    written. `timeout` is in seconds and for one wait on the network, not for the whole file.
    """
    target = folder / file.name
    if target.exists():
        return target
    failures = []
    for url in file.urls:
        part = _temporary(folder, file.name)
        try:
            reason = _try(url, file, part, progress, timeout)
            if reason is None:
                part.replace(target)
                return target
            failures.append(f"  {url}: {reason}")
        finally:
            part.unlink(missing_ok=True)
    raise DataError("\n".join([f"Could not download {file.name}. Tried:", *failures]))


def _temporary(folder: Path, name: str) -> Path:
    """An empty file of our own in `folder`: several processes may download the same file at once."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(prefix=name + ".", suffix=".tmp", dir=folder)
    except OSError as error:
        raise DataError(
            f"Cannot write the download {name} into {folder}: {error.strerror or error}. "
            "Set the environment variable GANSMITH_CACHE to a folder that can be written."
        ) from error
    os.close(handle)
    return Path(path)


def _try(url: str, file: RemoteFile, part: Path, progress: Progress | None, timeout: float) -> str | None:
    """Download one mirror's file into `part`; None, or in words why it is not the file."""
    request = urllib.request.Request(url, headers={"User-Agent": "gansmith"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response, part.open("wb") as sink:
            reason = _stream(response, sink, file, progress)
    except urllib.error.HTTPError as error:
        return f"the server answered {error.code} {error.reason}"
    except urllib.error.URLError as error:
        return f"cannot be reached ({error.reason})"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"the transfer broke off ({error or type(error).__name__})"
    if reason is None and not is_right(part, file):
        return f"wrong contents (md5 {md5_of(part)}, expected {file.md5})"
    return reason


def _stream(
    response: http.client.HTTPResponse, sink: IO[bytes], file: RemoteFile, progress: Progress | None
) -> str | None:
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdigit() else 0
    if total > file.max_bytes:
        return f"too large ({total} bytes, at most {file.max_bytes} expected)"
    done = 0
    while block := response.read(CHUNK):
        done += len(block)
        if done > file.max_bytes:
            return f"too large (over {file.max_bytes} bytes)"
        sink.write(block)
        if progress:
            progress(file.name, done, total)
    return f"cut off after {done} of {total} bytes" if done < total else None


def unpack(archive: Path, members: Sequence[str], folder: Path) -> None:
    """Write the named regular files of a .tar.gz into `folder`, each under the last part of its name.

    Only names that are asked for are looked at, so that no path inside the archive decides where anything is
    written. Raises DataError where one is missing, no regular file, or the archive is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = set(members)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                source = tar.extractfile(member) if member.name in wanted and member.isreg() else None
                if source is None:
                    continue
                with source, (folder / Path(member.name).name).open("wb") as sink:
                    while block := source.read(CHUNK):
                        sink.write(block)
                wanted.discard(member.name)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(f"{archive.name} is damaged ({error}). Delete it and try again.") from error
    if wanted:
        raise DataError(f"{archive.name} lacks {', '.join(sorted(wanted))}. Delete it and try again.")
