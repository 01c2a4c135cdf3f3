"""What both players are told, as generators' files keep it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gansmith.contracts import GivenSpec


def clustered(*facets: Iterable[float]) -> GivenSpec:
    """The groups of a sample; of each facet the shares of the samples in its groups."""
    return GivenSpec(kind="cluster", shares=tuple(tuple(round(float(s), 6) for s in shares) for shares in facets))


def describe(given: GivenSpec | None) -> dict[str, Any]:
    """JSON: the classes' names, the clusters' shares (those of each facet, where there are several), None for what is
    not told."""
    if given is None or given.kind == "class":
        return {"classes": list(given.names) if given else None, "clusters": None}
    facets = [list(shares) for shares in given.shares]
    return {"classes": None, "clusters": facets[0] if len(facets) == 1 else facets}


def restore(description: dict[str, Any]) -> GivenSpec | None:
    """Of a table with what `describe` gives. Raises ValueError for anything else."""
    classes, shares = description.get("classes"), description.get("clusters")  # older files know no clusters
    if shares is not None:
        facets = shares if isinstance(shares, list) and shares and isinstance(shares[0], list) else [shares]
        if not all(map(_are_shares, facets)):
            raise ValueError(f"clusters must be their shares, not {str(shares)[:80]}")
        return clustered(*facets)
    if classes is not None and not (isinstance(classes, list) and all(isinstance(name, str) for name in classes)):
        raise ValueError(f"classes must be names, not {str(classes)[:80]}")
    return None if classes is None else GivenSpec(tuple(classes))


def _are_shares(found: Any) -> bool:
    return isinstance(found, list) and bool(found) and all(isinstance(s, int | float) and s >= 0 for s in found)
