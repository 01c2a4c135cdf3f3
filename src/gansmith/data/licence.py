"""The terms that lie beside data, as far as a file says them."""

from __future__ import annotations

from pathlib import Path

NAMES = ("license", "licence", "copying")  # how such files are called, in any case, with any ending
LARGEST = 2_000  # bytes that are looked at
LONGEST = 200  # letters of a line that are kept


def licence_of(place: str) -> str | None:
    """The file's name and its first line that says something; None where no such file lies in the folder `place`, or
    in the folder that the file `place` is in."""
    path = Path(place)
    folder = path if path.is_dir() else path.parent
    try:
        found = sorted(p for p in folder.iterdir() if p.name.lower().startswith(NAMES) and p.is_file())
        if not place or not path.exists() or not found:
            return None
        with found[0].open("rb") as file:
            text = file.read(LARGEST).decode("utf-8", errors="replace")
    except OSError:
        return None
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return f"{found[0].name}: {first[:LONGEST]}" if first else found[0].name
