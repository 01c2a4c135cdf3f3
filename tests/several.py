"""Programs that are run by several processes at once, as torchrun starts them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys


def together(program: str, count: int, *words: str) -> list[str]:
    """What each of `count` processes says that run the text of a Python program; all must end well."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    world = {**os.environ, "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    command = [sys.executable, "-c", program, *words]
    started = [
        subprocess.Popen(command, env={**world, "RANK": str(k)}, stdout=subprocess.PIPE, text=True)
        for k in range(count)
    ]
    said = [process.communicate(timeout=240)[0].strip() for process in started]
    assert [process.returncode for process in started] == [0] * count
    return said
