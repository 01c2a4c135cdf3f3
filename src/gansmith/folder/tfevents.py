"""Scalars and pictures in the event files of TensorBoard, without TensorBoard.

A file is a sequence of TFRecords: length, masked CRC-32C of the length, payload, masked CRC-32C of the payload.
Each payload is an `Event` protocol buffer (event.proto, summary.proto), encoded by hand here: the few fields that
are used have not changed since 2016.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from pathlib import Path
from typing import IO

from gansmith.folder.atomic import refusal


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ 0x82F63B78 if byte & 1 else byte >> 1
        table.append(byte)
    return table


_TABLE = _table()
_LARGEST = 3.4e38  # about float32's largest


def crc32c(data: bytes) -> int:
    """The Castagnoli checksum (RFC 3720, B.4), which zlib's crc32 is not."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


class EventsWriter:
    """Writes one `events.out.tfevents.*` file into `folder`; nothing is made before the first value.

    The first event says that a session starts at its step: readers then drop what an earlier, killed session wrote
    from that step on. Raises RunFolderError where the disk refuses.
    """

    def __init__(self, folder: Path) -> None:
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{time.time_ns()}"
        self.path = folder / name
        self._file: IO[bytes] | None = None

    def scalar(self, tag: str, value: float, step: int, wall_time: float | None = None) -> None:
        """Add `value` (non-finite ones too) at `step` >= 0; `wall_time` in Unix seconds, now where None."""
        number = _varint(2 << 3 | 5) + struct.pack(
            "<f", max(min(value, 3.4e38), -3.4e38) if value - value == 0 else value
        )
        self._summary(_bytes(1, tag.encode()) + number, step, wall_time)

    def image(self, tag: str, png_bytes: bytes, height: int, width: int, channels: int, step: int) -> None:
        """Add a picture of `height` x `width` pixels, encoded as PNG."""
        picture = _number(1, height) + _number(2, width) + _number(3, channels) + _bytes(4, png_bytes)
        self._summary(_bytes(1, tag.encode()) + _bytes(4, picture), step, None)

    def close(self) -> None:
        """Close the file; a later value opens a new session in it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _summary(self, value: bytes, step: int, wall_time: float | None) -> None:
        when = time.time() if wall_time is None else wall_time
        record = self._record(when, step, _bytes(5, _bytes(1, value)))
        try:
            if self._file is None:
                self._file = self.path.open("ab", buffering=0)  # unbuffered: a kill loses nothing
                version = self._record(when, 0, _bytes(3, b"brain.Event:2"))
                record = version + self._record(when, step, _bytes(7, _number(1, 1))) + record
            self._file.write(record)
        except OSError as error:
            raise refusal(error, self.path, "The training's own files are intact.") from error

    @staticmethod
    def _record(when: float, step: int, content: bytes) -> bytes:
        event = _varint(1 << 3 | 1) + struct.pack("<d", when) + _number(2, step) + content
        length = struct.pack("<Q", len(event))
        return length + _masked(length) + event + _masked(event)
