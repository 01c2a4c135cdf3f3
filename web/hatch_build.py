"""Builds the pages into the wheel, where Node is there; without it the wheel has none, and the commands say so."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Pages(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling for every wheel; not for editable installs, whose pages `make web` builds."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        built = ("src/gansmith/serve/pages/index.html", "src/gansmith/export/page/runtime.wasm.gz")
        if version == "editable" or all((root / file).is_file() for file in built):
            return
        npm = shutil.which("npm")
        if npm is None:
            self.app.display_warning(
                "No Node here: this wheel will have no pages for gansmith serve and gansmith export --to page."
            )
            return
        for words in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
            subprocess.run([npm, *words], cwd=root / "web", check=True)
