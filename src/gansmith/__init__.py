"""gansmith: train, judge, explore and hand on generative adversarial networks.

import gansmith

run = gansmith.train("photos/", run="runs/photos", samples=200_000)
run.sample(16)                                   # notebooks show the grid
gansmith.load("runs/photos").sample(16).save("grid.png")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gansmith.api import Samples, Trained, check, evaluate, load, train

__version__ = "0.1.0"
__all__ = ["Samples", "Trained", "__version__", "check", "evaluate", "load", "pack", "train"]


def __getattr__(name: str) -> Any:
    # torch takes a second to import; the command line's --help must not wait for it
    if name in __all__:
        from gansmith import api

        return getattr(api, name)
    raise AttributeError(f"module 'gansmith' has no attribute '{name}'")
