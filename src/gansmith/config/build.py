"""Tables to frozen dataclasses by their type hints, and back: the configuration is the object.

Understood types: bool, int, float, str, Literal, X | None, tuples, Schedule, dataclasses, and the kinds of parts
(Source, Architecture, Loss, Penalty, Augmentation), whose tables carry a `name`. TOML has no null: None is "none".
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from gansmith.config.parts import PACKAGES, find_part, kind_of, name_of, part_names
from gansmith.contracts import Schedule
from gansmith.errors import RecipeError, nearest

T = TypeVar("T")


def build(cls: type[T], table: Mapping[str, Any], where: str, *, trust: bool = True) -> T:
    """An instance of the dataclass `cls` from `table`; `where` ("[train]", "" at the top) opens every message.

    Where `cls` is a kind of part, such as Loss, the table's `name` says which class of that kind it is. With `trust`
    False no module is imported for dotted part names. Raises RecipeError for an unknown or missing key, a wrong type,
    a number that is not finite, and for every ValueError of the class's own checks.
    """
    if cls in PACKAGES:
        part: T = _part(cls, table, where, trust)
        return part
    hints, own = _fields(cls, where)
    for key in table:
        if key not in own:
            raise RecipeError(
                f"{where or 'recipe'}: no key '{key}'.{nearest(key, [*own, 'name'] if kind_of(cls) else own)}"
            )
    values = {}
    for field in own.values():
        place = inside(where, field.name, nested=_has_tables(table.get(field.name)))
        if field.name in table:
            values[field.name] = _convert(hints[field.name], table[field.name], place, trust)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise RecipeError(f"{where or 'recipe'}: '{field.name}' is missing; wanted {_wanted(hints[field.name])}.")
    try:
        return cls(**values)
    except ValueError as error:
        raise RecipeError(f"{where or 'recipe'}: {error}") from error


def to_table(obj: Any) -> dict[str, Any]:
    """The table from which `build` makes an equal object, complete with defaults, a part's `name` first."""
    table: dict[str, Any] = {"name": name_of(obj)} if kind_of(type(obj)) else {}
    for field in fields(obj):
        value = getattr(obj, field.name)
        if field.init and not (value is None and field.default is None):
            table[field.name] = _plain(value)
    return table


def inside(where: str, key: str, nested: bool = True) -> str:
    """`[a]` and `b` -> `[a.b]` for a table, `[a] b` for a plain value."""
    if not nested:
        return f"{where} {key}".lstrip()
    return f"{where[:-1]}.{key}]" if where.endswith("]") else f"[{key}]"


def _fields(cls: type, where: str) -> tuple[dict[str, Any], dict[str, dataclasses.Field[Any]]]:
    if not is_dataclass(cls):
        raise RecipeError(f"{where}: {cls.__name__} is not a dataclass; put @dataclass(frozen=True) above it.")
    try:
        hints = get_type_hints(cls)
    except NameError as error:
        raise RecipeError(f"{where}: the types of {cls.__name__}'s fields cannot be read: {error}.") from error
    own = {field.name: field for field in fields(cls) if field.init}
    if kind_of(cls) and "name" in own:
        raise RecipeError(f"{where}: {cls.__name__} has a field 'name', which recipes need for the part's own name.")
    return hints, own


def _has_tables(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and any(isinstance(item, Mapping) for item in value))


def _plain(value: Any) -> Any:
    if value is None:
        return "none"
    if isinstance(value, Schedule):
        table = {f.name: getattr(value, f.name) for f in fields(value) if getattr(value, f.name) != f.default}
        return table if set(table) - {"start"} else value.start
    if is_dataclass(value):
        return to_table(value)
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def _convert(hint: Any, value: Any, where: str, trust: bool) -> Any:
    """`value` as `hint` asks for it."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _choice(hint, value, where, trust)
    if origin is tuple:
        return _tuple(hint, value, where, trust)
    if origin is Literal:
        if any(type(value) is type(option) and value == option for option in get_args(hint)):
            return value
        near = nearest(value, map(str, get_args(hint))) if isinstance(value, str) else ""
        raise _wrong(hint, value, where, near if "Did" in near else "")
    if hint is Schedule:
        return _schedule(value, where, trust)
    if hint in (int, bool, str) and type(value) is hint:
        return value
    if hint is float and type(value) in (int, float) and _finite(value):
        return float(value)
    if isinstance(hint, type) and hint in PACKAGES:
        return _part(hint, value, where, trust)
    if is_dataclass(hint) and isinstance(value, Mapping):
        return build(hint, value, where, trust=trust)  # type: ignore[arg-type]
    raise _wrong(hint, value, where)


def _choice(hint: Any, value: Any, where: str, trust: bool) -> Any:
    """One of several types, the first that fits; None is written "none"."""
    options = get_args(hint)
    if types.NoneType in options and value == "none":
        return None
    rest = [option for option in options if option is not types.NoneType]
    if len(rest) == 1:
        try:
            return _convert(rest[0], value, where, trust)
        except _WrongType as error:
            raise _wrong(hint, value, where) if error.where == where else error from None
    for option in rest:
        try:
            return _convert(option, value, where, trust)
        except RecipeError:
            continue
    raise _wrong(hint, value, where)


def _tuple(hint: Any, value: Any, where: str, trust: bool) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong(hint, value, where)
    items = get_args(hint)
    if items[-1] is Ellipsis:
        items = (items[0],) * len(value)
    if len(items) != len(value):
        raise _wrong(hint, value, where)
    part = any(item in PACKAGES for item in items if isinstance(item, type))
    places = [f"[{where}]" if part and where.endswith("]") else f"{where}, item {n}" for n in range(1, len(value) + 1)]
    return tuple(_convert(item, one, place, trust) for item, one, place in zip(items, value, places, strict=True))


def _schedule(value: Any, where: str, trust: bool) -> Schedule:
    if isinstance(value, Mapping):
        schedule = build(Schedule, value, where, trust=trust)
    else:
        if type(value) not in (int, float) or not _finite(value):
            raise _wrong(Schedule, value, where)
        schedule = Schedule(float(value))
    if not 0 < schedule.until <= 1:
        raise RecipeError(f"{where}: until is the share of the training, above 0 and at most 1, not {schedule.until}.")
    return schedule


def _part(base: type, value: Any, where: str, trust: bool) -> Any:
    """`{name = "hinge", ...}`, or just "hinge"."""
    table = {"name": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping):
        raise _wrong(base, value, where)
    if not isinstance(table.get("name"), str):
        names = ", ".join(part_names(base, PACKAGES[base]))
        raise RecipeError(f"{where}: 'name' is missing: which {base.__name__.lower()}? Known: {names}.")
    try:
        cls: type = find_part(base, PACKAGES[base], table["name"], trust=trust)
    except RecipeError as error:
        raise RecipeError(f"{where}: {error}") from error
    rest = {key: item for key, item in table.items() if key != "name"}
    return build(cls, rest, f"{where} '{table['name']}'" if where.startswith("[[") else where, trust=trust)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond every float
        return False


class _WrongType(RecipeError):
    where = ""


def _wrong(hint: Any, value: Any, where: str, more: str = "") -> _WrongType:
    int_asked = int in (hint, *get_args(hint))
    hint_for_whole = f" Write {int(value)}." if int_asked and type(value) is float and _whole(value) else ""
    error = _WrongType(f"{where}: wanted {_wanted(hint)}, got {_shown(value)}.{more}{hint_for_whole}")
    error.where = where
    return error


def _whole(value: float) -> bool:
    return math.isfinite(value) and value == int(value)


def _wanted(hint: Any) -> str:
    """A type, in words for users."""
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text in quotes"}
    origin, items = get_origin(hint), get_args(hint)
    if hint in words:
        return words[hint]
    if hint is types.NoneType:
        return '"none"'
    if hint is Schedule:
        return "a number, or a schedule such as { start = 1.0, end = 0.1 }"
    if origin is Literal:
        return " or ".join(f"'{item}'" for item in items)
    if origin in (Union, types.UnionType):
        return " or ".join(_wanted(item) for item in items)
    if origin is tuple and items[-1] is Ellipsis:
        return f"a list in which each item is {_wanted(items[0])}"
    if origin is tuple:
        return f"a list of {len(items)}: {', '.join(_wanted(item) for item in items)}"
    return "a table with a name" if hint in PACKAGES else "a table"


def _shown(value: Any) -> str:
    """A value, and what it is where its type is the mistake."""
    kinds = {str: " (text)", int: " (a whole number)", float: " (a number)", list: " (a list)", dict: " (a table)"}
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    return f"{text}{kinds.get(type(value), '')}"
