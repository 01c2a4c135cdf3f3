"""Tables to TOML text that tomllib reads back unchanged (TOML 1.0, toml.io). The standard library only reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

BARE = re.compile(r"[A-Za-z0-9_-]+")
ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
INLINE = 80  # longest nested table, in characters, that is written on one line


def dumps(table: Mapping[str, Any]) -> str:
    """`table` of bool, int, float, str, lists and dicts as TOML: plain values first, then a section a nested table.

    Raises ValueError for text that no UTF-8 file can hold, TypeError for other values.
    """
    lines = _section(table, ())
    return "\n".join(lines).strip("\n") + "\n" if lines else ""


def _section(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    plain, nested = [], []
    for key, value in table.items():
        if _is_tables(value):
            for item in value:
                nested += ["", f"[[{_dotted((*path, key))}]]", *_section(item, (*path, key))]
        elif isinstance(value, Mapping) and not (path and _fits_a_line(value)):
            nested += ["", f"[{_dotted((*path, key))}]", *_section(value, (*path, key))]
        else:
            plain.append(f"{_key(key)} = {_value(value)}")
    return plain + nested


def _is_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _fits_a_line(table: Mapping[str, Any]) -> bool:
    return not any(isinstance(v, Mapping | list | tuple) for v in table.values()) and len(_value(table)) <= INLINE


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(_key(step) for step in path)


def _key(key: str) -> str:
    return key if BARE.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    text.encode()  # raises ValueError for half a surrogate pair, which undecodable file names carry
    return (
        '"' + "".join(ESCAPES.get(c) or (f"\\u{ord(c):04X}" if ord(c) < 32 or c == "\x7f" else c) for c in text) + '"'
    )


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }" if value else "{}"
        )
    raise TypeError(f"TOML cannot hold {value!r}")
