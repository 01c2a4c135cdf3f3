"""`gansmith serve [RUNS] [--port P] [--open]`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators


def serve(
    runs: Path = Path("runs"),
    /,
    *,
    port: Annotated[int | None, Parameter(validator=validators.Number(gte=1, lte=65535))] = None,
    open: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Show the runs below a folder in the browser, live while they train. Nothing in them is changed.

    Only this machine can ask, and only with the address that is printed. Wants pip install 'gansmith[web]'.

    Parameters
    ----------
    runs:
        A folder of run folders, or one run folder.
    port:
        Where to listen. [default: 8470, or a free one]
    open:
        Open the address in the browser.
    """
    from gansmith.serve.server import run_server

    run_server(runs, port, open)
