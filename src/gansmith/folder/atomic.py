"""A file is either the old one or the new one, whenever the power goes or the disk fills.

Write under a temporary name in the same folder, flush, fsync, rename over the old name, fsync the folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from gansmith.errors import RunFolderError
from gansmith.folder import plain_json

_REASONS = {
    errno.ENOSPC: ("the disk is full", "Free some space"),
    errno.EDQUOT: ("your disk quota is used up", "Free some space"),
    errno.EFBIG: ("the file would be larger than is allowed here", "Raise the limit, or use another folder"),
    errno.EROFS: ("the disk is read-only", "Use a folder that can be written"),
    errno.EACCES: ("permission denied, or the folder is read-only", "Make it writable, or use another folder"),
    errno.EPERM: ("permission denied, or the folder is read-only", "Make it writable, or use another folder"),
    errno.ENOTDIR: ("a file is in the way where a folder is needed", "Use another folder"),
    errno.EEXIST: ("a file is in the way where a folder is needed", "Use another folder"),
    errno.EISDIR: ("a folder is in the way where a file is needed", "Move that folder away"),
    errno.ENAMETOOLONG: ("the name is too long", "Use a folder with a shorter name"),
    errno.EIO: ("the disk reports an input/output error", "Check the disk, or use another one"),
}
_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}  # some network and FUSE file systems


def refusal(error: OSError, path: Path, intact: str = "What was there before is intact.") -> RunFolderError:
    """The error in words for users: what was wanted, what came, what is still intact, what to do."""
    reason, remedy = _REASONS.get(error.errno or 0, (error.strerror or str(error), "Mend that, or use another folder"))
    return RunFolderError(f"Cannot write {path}: {reason}. {intact} {remedy}, then start the same command again.")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A file that becomes `path` at the end of the block, making the folder where needed.

    Raises RunFolderError where that fails; the old file is untouched then and no temporary file is left.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                _sync(file)
            _replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise refusal(error, path) from error


def write_bytes(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Put `data` (or its chunks, one after the other) at `path`. Raises RunFolderError as `writing` does."""
    with writing(path) as file:
        for chunk in (data,) if isinstance(data, bytes) else data:
            file.write(chunk)


def write_text(path: Path, text: str) -> None:
    """Put `text` at `path` as UTF-8 with plain newlines. Raises RunFolderError as `write_bytes` does."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Put `value` at `path` as indented strict JSON. Raises RunFolderError as `write_bytes` does."""
    write_text(path, plain_json.dumps(value, indent=2) + "\n")


def remove_temporaries(folder: Path) -> None:
    """Remove what killed writers left in `folder`. Only for whoever holds the run's lock."""
    for stray in folder.glob(".*.tmp*"):
        with contextlib.suppress(OSError):
            stray.unlink()


def _sync(file: IO[bytes]) -> None:
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


def _replace(source: Path, target: Path) -> None:
    """Rename over `target`. On Windows that fails while a virus scanner or a reader holds the file for a moment."""
    for wait_seconds in (0.01, 0.05, 0.2, 0.5, 1.0):
        try:
            source.replace(target)
            return
        except PermissionError:
            if sys.platform != "win32":
                raise
            time.sleep(wait_seconds)
    source.replace(target)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable; Windows cannot open folders and does not need it."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
