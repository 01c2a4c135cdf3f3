"""Firefox, driven by its own Marionette protocol: as little of it as the tests of the one-file page need."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

FIREFOX = shutil.which("firefox") or shutil.which("firefox-esr")
PREFERENCES = (
    'user_pref("marionette.port", {port});\n'
    'user_pref("network.proxy.type", 1);\nuser_pref("network.proxy.http", "127.0.0.1");\n'  # nobody listens there:
    'user_pref("network.proxy.http_port", 9);\nuser_pref("network.proxy.ssl", "127.0.0.1");\n'  # it has no network
    'user_pref("network.proxy.ssl_port", 9);\nuser_pref("app.update.enabled", false);\n'
    'user_pref("datareporting.policy.dataSubmissionEnabled", false);\nuser_pref("toolkit.telemetry.enabled", false);\n'
)


class Firefox:
    """A browser without a window, with a fresh profile in `folder`; a context."""

    def __init__(self, folder: Path) -> None:
        assert FIREFOX is not None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        folder.mkdir()
        (folder / "user.js").write_text(PREFERENCES.format(port=port))
        words = [FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", str(folder)]
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wire = self._connected(port)
        self._pending = b""
        self._count = 0
        self._receive()  # its greeting
        self._ask("WebDriver:NewSession", {})

    def __enter__(self) -> Firefox:
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()
        self._process.kill()
        self._process.wait()

    def open(self, address: str) -> None:
        self._ask("WebDriver:Navigate", {"url": address})

    def run(self, script: str) -> Any:
        """The value that the body of a function returns in the page."""
        return self._ask("WebDriver:ExecuteScript", {"script": script, "args": []})["value"]

    def wait_for(self, script: str, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < deadline, script
            time.sleep(0.1)

    def _connected(self, port: int) -> socket.socket:
        deadline = time.monotonic() + 60
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=180)
            except OSError:
                assert self._process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def _ask(self, command: str, parameters: dict[str, Any]) -> Any:
        self._count += 1
        message = json.dumps([0, self._count, command, parameters]).encode()
        self._wire.sendall(f"{len(message)}:".encode() + message)
        _, number, error, value = self._receive()
        assert number == self._count
        assert error is None, error
        return value

    def _receive(self) -> Any:
        """One message: its length, a colon, JSON."""
        while b":" not in self._pending:
            self._pending += self._wire.recv(65536)
        length, _, rest = self._pending.partition(b":")
        while len(rest) < int(length):
            rest += self._wire.recv(65536)
        self._pending = rest[int(length) :]
        return json.loads(rest[: int(length)])
