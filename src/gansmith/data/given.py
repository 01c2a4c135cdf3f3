"""What both players are told, as generators' files keep it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gansmith.contracts import GivenSpec


def clustered(shares: Sequence[float]) -> GivenSpec:
    """The number of a cluster; `shares` of the samples belong to each."""
    return GivenSpec(tuple(f"cluster {k}" for k in range(1, len(shares) + 1)), "cluster", tuple(map(float, shares)))


def describe(given: GivenSpec | None) -> dict[str, Any]:
    """JSON: the classes' names, the clusters' shares, None for what is not told."""
    told = given is not None and given.kind == "cluster"
    return {
        "classes": list(given.names) if given is not None and not told else None,
        "clusters": list(given.shares) if given is not None and told else None,
    }


def restore(description: dict[str, Any]) -> GivenSpec | None:
    """Of a table with what `describe` gives. Raises ValueError for anything else."""
    classes, shares = description.get("classes"), description.get("clusters")  # older files know no clusters
    if shares is not None:
        if not isinstance(shares, list) or not all(isinstance(s, int | float) and s >= 0 for s in shares) or not shares:
            raise ValueError(f"clusters must be their shares, not {str(shares)[:80]}")
        return clustered(shares)
    if classes is not None and not (isinstance(classes, list) and all(isinstance(name, str) for name in classes)):
        raise ValueError(f"classes must be names, not {str(classes)[:80]}")
    return None if classes is None else GivenSpec(tuple(classes))
