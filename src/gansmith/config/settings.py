"""`--set key=value`: one choice of a recipe's table, changed by its dotted key."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Sequence
from typing import Any

from gansmith.errors import RecipeError, nearest

PARTS = ("data", "architecture", "loss")
EXAMPLE = "Write key=value, such as loss.name=hinge, penalty.r1.weight=1 or penalty=none."


def apply_settings(table: dict[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """`table` with every setting applied, `.name` changes first, because they drop the former part's fields."""
    ordered = sorted(settings, key=lambda text: not _names_a_part(text.partition("=")[0].strip()))
    for setting in ordered:
        table = apply_set(table, setting)
    return table


def apply_set(table: dict[str, Any], setting: str) -> dict[str, Any]:
    """A copy of `table` with "dotted.key=value" applied; the value is read as TOML, else as plain text.

    `penalty.r1.weight=1` changes (or adds) the [[penalty]] called r1, `penalty.r1=none` and `penalty=none` remove.
    A new `name` drops the former part's other fields. Raises RecipeError where the setting cannot be read.
    """
    key, equals, text = setting.partition("=")
    path = [step.strip() for step in key.split(".")]
    if not equals or not all(path):
        raise RecipeError(f"'{setting}' is not a setting. {EXAMPLE}")
    table = copy.deepcopy(table)
    value = _parse(text.strip())
    if path[0] == "penalty":
        table["penalty"] = _set_penalty(_penalties(table, setting), path[1:], value, setting)
    elif path[0] in PARTS and (path[1:] == ["name"] or (path[1:] == [] and isinstance(value, str))):
        table[path[0]] = _named(table.get(path[0]), value)
    else:
        if path[0] == "optimizer" and len(path) > 3:
            _inherit(table.get("optimizer"), path[1], path[2])
        _put(table, path, value, setting)
    return table


def _inherit(optimizer: Any, player: str, key: str) -> None:
    """optimizer.generator.lr.end changes one end of the lr that both players share, so the generator gets its own."""
    if isinstance(optimizer, dict) and key in optimizer:
        own = optimizer.setdefault(player, {})
        if isinstance(own, dict):
            own.setdefault(key, copy.deepcopy(optimizer[key]))


def _names_a_part(key: str) -> bool:
    return key.endswith(".name") or key in (*PARTS, "penalty")


def _parse(text: str) -> Any:
    try:
        read = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return read["value"] if len(read) == 1 else text


def _same(a: Any, b: Any) -> bool:
    return isinstance(a, str) and isinstance(b, str) and a.replace("-", "_").lower() == b.replace("-", "_").lower()


def _named(part: Any, name: Any) -> dict[str, Any]:
    """The part's table under its new name; its other fields stay only where the name is the same."""
    return part if isinstance(part, dict) and _same(part.get("name"), name) else {"name": name}


def _put(table: dict[str, Any], path: list[str], value: Any, setting: str) -> None:
    for depth, step in enumerate(path[:-1]):
        inner = table.get(step, {})
        if depth == 0 and step in PARTS and isinstance(inner, str):
            inner = {"name": inner}
        elif isinstance(inner, int | float) and not isinstance(inner, bool):
            inner = {"start": inner}  # weight = 1 and then weight.end = 0.1: a schedule
        if not isinstance(inner, dict):
            raise RecipeError(f"'{setting}': '{'.'.join(path[: depth + 1])}' is {inner!r} and has no keys. {EXAMPLE}")
        table[step] = inner
        table = inner
    table[path[-1]] = value


def _penalties(table: dict[str, Any], setting: str) -> list[Any]:
    found = table.get("penalty", [])
    if not isinstance(found, list):
        raise RecipeError(f"'{setting}': the recipe's penalty is {found!r}, not a list of [[penalty]] tables.")
    return [{"name": item} if isinstance(item, str) else item for item in found]


def _set_penalty(penalties: list[Any], path: list[str], value: Any, setting: str) -> Any:
    if not path:
        if value == "none":
            return []
        return [{"name": value}] if isinstance(value, str) else [value] if isinstance(value, dict) else value
    # A user's own class has a dotted name, which ends at the step in CamelCase.
    own = [index for index, step in enumerate(path) if step[0].isupper()]
    count = own[0] + 1 if own else 1
    name, keys = ".".join(path[:count]), path[count:]
    matching = [item for item in penalties if isinstance(item, dict) and _same(item.get("name"), name)]
    if not keys and value == "none":
        if not matching:
            present = [str(item.get("name")) for item in penalties if isinstance(item, dict)]
            hint = nearest(name, present) if present else " It has none at all."
            raise RecipeError(f"'{setting}': the recipe has no penalty '{name}' to remove.{hint}")
        return [item for item in penalties if item not in matching]
    if not keys:
        raise RecipeError(f"'{setting}': set one of the penalty's keys, as in penalty.{name}.weight={value}.")
    target = matching[0] if matching else {"name": name}
    _put(target, keys, value, setting)
    return penalties if matching else [*penalties, target]
