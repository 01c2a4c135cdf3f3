"""`python -m gansmith` and the `gansmith` command."""

from __future__ import annotations

import os
import sys

from gansmith.cli.app import main


def run() -> int:
    """The exit code. One of several processes that fails ends at once, without taking the interpreter apart: threads of
    the group that it has left without a word may then abort it, and its own exit code would be lost."""
    try:
        code: object = main()
    except SystemExit as asked:
        code = asked.code
    if code and os.environ.get("WORLD_SIZE", "1") != "1":
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)
    return code if isinstance(code, int) else bool(code)


if __name__ == "__main__":
    sys.exit(run())
