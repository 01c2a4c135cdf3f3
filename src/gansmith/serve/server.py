"""The process that serves: its address, its token, and what must be there before it starts."""

from __future__ import annotations

import contextlib
import importlib.util
import secrets
import socket
import webbrowser
from pathlib import Path

from gansmith.errors import GansmithError, RunFolderError

HOST, PORT = "127.0.0.1", 8470
NAMES = (HOST, "localhost")  # what a browser may call us
NEEDED = ("starlette", "uvicorn")
PAGES = Path(__file__).parent / "pages"  # what the front end's build makes


def run_server(root: Path, port: int | None, show: bool) -> None:
    """Serve the runs below `root` until Ctrl-C. Raises GansmithError where something is missing or `port` is taken."""
    require(root)
    import uvicorn

    from gansmith.serve.app import application

    with _listening(port) as listener:
        number = listener.getsockname()[1]
        token = secrets.token_urlsafe(24)
        address = f"http://{HOST}:{number}/?token={token}"
        print(f"Runs below {root.resolve()}:\n  {address}\nCtrl-C ends it. Trainings do not notice.", flush=True)
        if show:
            webbrowser.open(address)
        app = application(root, token, [f"{name}:{number}" for name in NAMES], PAGES)
        # a stream of news never ends by itself
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def require(root: Path) -> None:
    """Raises GansmithError where the folder, packages or pages are missing."""
    if not root.is_dir():
        raise RunFolderError(f"There is no folder {root}. Wanted: the folder that run folders lie in, or one of them.")
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise GansmithError(f"Pages need {' and '.join(missing)}, not installed here. Run: pip install 'gansmith[web]'")
    if not (PAGES / "index.html").is_file():
        raise GansmithError(
            "The pages are not built in this checkout. Run: make web (it wants Node 20 or newer), or install a wheel."
        )


def _listening(port: int | None) -> socket.socket:
    """A socket at `port`; where none is asked for at PORT, or, if that is taken, at a free one."""
    for number in (PORT, 0) if port is None else (port,):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, number))
        except OSError as error:
            listener.close()
            if number == (port or 0):
                raise GansmithError(
                    f"Port {number} cannot be used: {error.strerror}. Choose another --port."
                ) from error
        else:
            listener.listen()
            return listener
    raise AssertionError("a free port is always tried last")
