"""Feature extractors for the metrics: `find` chooses one by name, for a data set."""

from gansmith.features.choose import find

__all__ = ["find"]
