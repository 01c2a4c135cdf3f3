"""What is scored beside features, where more is known of the data: `find` says which of these fit a data set."""

from gansmith.scorers.choose import find

__all__ = ["find"]
