"""`python -m gansmith` and the `gansmith` command."""

from __future__ import annotations

import sys

from gansmith.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
