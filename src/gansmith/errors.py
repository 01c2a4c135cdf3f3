"""What can go wrong for a user. Imports nothing, so that the command line starts fast."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GansmithError(Exception):
    """Something the user can mend. The message says what was wanted, what came, where, what to do.

    The command line prints it as one message without a traceback and exits with code 2.
    """


class DataError(GansmithError):
    """The data set is missing, empty, too small, or not what it claims to be."""


class RecipeError(GansmithError):
    """A recipe, a part's name, a key, a value or a range is wrong."""


class RunFolderError(GansmithError):
    """The run folder belongs to something else, is in use, or cannot be written."""


class CheckpointError(RunFolderError):
    """A checkpoint or generator file is corrupt, foreign, or of another shape."""


class MemoryShortage(GansmithError):
    """The batch does not fit into memory; the message suggests one that would."""


class Diverged(GansmithError):
    """Training became non-finite again and again; the last good checkpoint is intact."""


class LostProcess(GansmithError):
    """Another process of the same training has ended; the last checkpoint is intact."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`" Did you mean 'hinge'?"` (with a leading space), or the known names where none is near."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else f" Known: {', '.join(names)}."
