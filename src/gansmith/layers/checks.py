"""Ranges of the sizes in a recipe, with the words a user needs where one is wrong."""

from __future__ import annotations

from gansmith.contracts import Schedule


def require_at_least(minimum: int, **fields: int) -> None:
    """Raises ValueError naming the field, what it must be and what it is."""
    for name, value in fields.items():
        if value < minimum:
            raise ValueError(f"{name} must be at least {minimum}, not {value}")


def require_layers(**fields: tuple[int, ...]) -> None:
    """Every field is a list of layer widths, each at least 1; the list may be empty."""
    for name, widths in fields.items():
        if any(width < 1 for width in widths):
            raise ValueError(f"{name} must be a list of layer widths of at least 1 each, not {list(widths)}")


def require_share(**fields: float) -> None:
    """Every field is a share in [0, 1)."""
    for name, value in fields.items():
        if not 0.0 <= value < 1.0:
            raise ValueError(f"{name} must be at least 0 and below 1, not {value}")


def require_probability(**fields: Schedule) -> None:
    """Every field is a schedule within [0, 1]."""
    for name, schedule in fields.items():
        ends = [schedule.start, schedule.start if schedule.end is None else schedule.end]
        if not all(0 <= end <= 1 for end in ends):
            raise ValueError(f"{name} must be in [0, 1], not {' to '.join(f'{end:g}' for end in ends)}")
