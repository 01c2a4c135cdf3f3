"""`python -m gansmith` and the `gansmith` command."""

from __future__ import annotations

import os
import sys

from gansmith.cli.app import main


def run() -> int:
    """The exit code. One of several processes ends at once, without taking the interpreter apart: threads of the group,
    which the others may have left by now, can abort it there ("terminate called"), and its exit code would be lost."""
    try:
        code: object = main()
    except SystemExit as asked:
        code = asked.code
    code = code if isinstance(code, int) else int(bool(code))
    if os.environ.get("WORLD_SIZE", "1") != "1":
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(run())
