"""One process a run folder: a lock of the operating system's, so that it dies with its process, kill -9 included."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
import time
import warnings
from pathlib import Path
from types import TracebackType

from gansmith.errors import RunFolderError
from gansmith.folder import plain_json
from gansmith.folder.atomic import refusal

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_BUSY = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}
_UNSUPPORTED = {errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK}  # some cluster file systems
_FAR = 1 << 30  # Windows forbids reading locked bytes, so one byte far behind the content is locked


class RunLock:
    """`with RunLock(folder):` holds the run folder (made where missing) for this process.

    The file `run.lock` says who holds it, and stays when it is released: removing it would let two processes lock
    two different files of that name. Raises RunFolderError where another process holds it or it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "run.lock"
        self._descriptor: int | None = None

    def __enter__(self) -> RunLock:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise refusal(error, self.path) from error
        try:
            self._lock(descriptor)
            holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, plain_json.dumps(holder).encode())
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, OSError):
                raise refusal(error, self.path) from error
            raise
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        if sys.platform == "win32":
            with contextlib.suppress(OSError):
                os.lseek(self._descriptor, _FAR, os.SEEK_SET)
                msvcrt.locking(self._descriptor, msvcrt.LK_UNLCK, 1)
        os.close(self._descriptor)  # on POSIX this lets go of the lock
        self._descriptor = None

    def _lock(self, descriptor: int) -> None:
        try:
            if sys.platform == "win32":
                os.lseek(descriptor, _FAR, os.SEEK_SET)
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                # flock, not lockf: lockf's lock is lost as soon as anything in this process closes the file
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _BUSY:
                raise self._in_use(descriptor) from error
            if error.errno not in _UNSUPPORTED:
                raise
            warnings.warn(f"{self.path.parent} is on a file system without locks: train in it from one process only.")

    def _in_use(self, descriptor: int) -> RunFolderError:
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)
            holder = json.loads(os.read(descriptor, 4096))
            who = f"process {holder['pid']} on {holder['host']} since {holder['since']}"
            if holder["pid"] == os.getpid() and holder["host"] == socket.gethostname():
                who = f"this very process since {holder['since']}"
        except (OSError, ValueError, TypeError, KeyError):
            who = "another process"
        return RunFolderError(
            f"The run folder {self.path.parent} is in use by {who}. Nothing was changed. "
            "Wait until that training ends or stop it, or choose another folder with --run."
        )
