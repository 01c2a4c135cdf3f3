"""`gansmith compare RUN RUN ...`"""

from __future__ import annotations

from pathlib import Path

from gansmith.cli.values import JsonFile, write_json
from gansmith.errors import RunFolderError


def compare(*runs: Path, json: JsonFile = None) -> None:
    """Put runs' choices and scores side by side: the recipe's keys in which they differ, then every score.

    Parameters
    ----------
    runs:
        Two or more run folders.
    json:
        Write the comparison to this file too.
    """
    if len(runs) < 2:
        raise RunFolderError(
            f"compare wants two or more run folders, got {len(runs)}. Write: gansmith compare runs/a runs/b"
        )
    from gansmith.explore.compare import compare_runs

    comparison = compare_runs(runs)
    print(comparison.text())
    write_json(json, comparison.to_json())
