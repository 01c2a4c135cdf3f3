"""Where downloads and feature extractors are kept between runs. Imports no torch."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """`GANSMITH_CACHE`, or the platform's folder for things that can be made again. It need not exist yet."""
    if asked := os.environ.get("GANSMITH_CACHE"):
        return Path(asked).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "gansmith"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "gansmith"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gansmith"
