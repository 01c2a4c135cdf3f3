"""Feature extractors for the metrics: `find` chooses one by name, for a data set."""

from gansmith.features.choose import MADE_HERE, find

__all__ = ["MADE_HERE", "find"]
