"""`gansmith --help` against `python -c "import torch"`: help must not wait for torch.

Whole processes in pairs, one after the other, so that both see the same machine. The bar: a ratio under 0.4.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks import finish, gansmith, measure


def run(small: bool = False, *, pairs: int = 5) -> dict[str, Any]:
    """`pairs` pairs after one that only warms the disk's cache."""
    pairs = 1 if small else pairs
    script = shutil.which("gansmith", path=str(Path(sys.executable).parent))
    ours, theirs = [script, "--help"] if script else gansmith("--help"), [sys.executable, "-c", "import torch"]
    if not small:
        finish(ours), finish(theirs)
    found = [(finish(ours), finish(theirs)) for _ in range(pairs)]
    return {
        "measures": [
            measure("ratio of wall-clock", [a.seconds / b.seconds for a, b in found], below=0.4),
            measure("gansmith --help", [a.seconds for a, _ in found], "s"),
            measure("python -c 'import torch'", [b.seconds for _, b in found], "s"),
        ],
        "settings": {"pairs": pairs, "command": "gansmith --help" if script else "python -m gansmith --help"},
    }
