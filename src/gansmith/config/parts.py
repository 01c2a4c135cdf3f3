"""Parts by name: a part is the one class of its kind that its module defines, or a user's own by dotted path."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from gansmith.contracts import Architecture, Augmentation, Loss, Penalty, Source
from gansmith.errors import RecipeError, nearest

T = TypeVar("T")

PACKAGES: dict[type, str] = {
    Source: "gansmith.data",
    Architecture: "gansmith.networks",
    Loss: "gansmith.losses",
    Penalty: "gansmith.penalties",
    Augmentation: "gansmith.augment",
}
"""Each kind of part and where the built-in ones of that kind live."""

WORDS: dict[type, str] = {
    Source: "data source",
    Architecture: "architecture",
    Loss: "loss",
    Penalty: "penalty",
    Augmentation: "augmentation",
}


def kind_of(cls: type) -> type | None:
    """The kind (a key of PACKAGES) that `cls` is or descends from; None for other classes."""
    return next((base for base in PACKAGES if issubclass(cls, base)), None)


def part_names(base: type, package: str) -> list[str]:
    """The names of the parts of kind `base` in `package`, sorted. Imports its modules."""
    return sorted(parts(base, package))


def parts(base: type[T], package: str) -> dict[str, type[T]]:
    """Every part of kind `base` in `package`, by name. Modules that define none are helpers and are left out."""
    found: dict[str, type[T]] = {}
    for name in _modules(package):
        try:
            module = importlib.import_module(f"{package}.{name}")
        except ImportError:  # an optional extra is not installed
            continue
        if classes := _defined(base, module):
            found[name] = classes[0]
    return found


def find_part(base: type[T], package: str, name: str, *, trust: bool) -> type[T]:
    """The class called `name`: a module of `package` ("weight-clip" is "weight_clip"), or "my_module.MyLoss".

    With `trust` False, a dotted path is only looked up in modules that are imported already, so that opening
    somebody's model never runs code that came with it. Raises RecipeError.
    """
    if "." in name:
        return _own(base, name, trust)
    wanted = name.strip().lower().replace("-", "_")
    if wanted in _modules(package):
        try:
            classes = _defined(base, importlib.import_module(f"{package}.{wanted}"))
        except ImportError as error:
            raise RecipeError(f"The {_word(base)} '{name}' needs a package that is not installed: {error}.") from error
        if len(classes) == 1:
            return classes[0]
    known = part_names(base, package)
    raise RecipeError(
        f"There is no {_word(base)} called '{name}'.{nearest(wanted, known)}"
        f" For a class of your own, give its dotted path, such as 'my_module.My{base.__name__}'."
    )


def name_of(part: object) -> str:
    """What a recipe calls `part`: the inverse of `find_part`."""
    cls = type(part)
    base = kind_of(cls)
    package, _, module = cls.__module__.rpartition(".")
    return module if base and package == PACKAGES[base] else f"{cls.__module__}.{cls.__qualname__}"


def _modules(package: str) -> list[str]:
    found = pkgutil.iter_modules(importlib.import_module(package).__path__)
    return [module.name for module in found if not module.name.startswith("_")]


def _defined(base: type[T], module: ModuleType) -> list[type[T]]:
    def fits(value: object) -> bool:
        return (
            isinstance(value, type)
            and issubclass(value, base)
            and value.__module__ == module.__name__
            and not value.__name__.startswith("_")
            and not inspect.isabstract(value)
        )

    return [value for value in vars(module).values() if fits(value)]


def _own(base: type[T], path: str, trust: bool) -> type[T]:
    module_name, _, class_name = path.rpartition(".")
    if not all(step.isidentifier() for step in path.split(".")):
        raise RecipeError(f"'{path}' is neither a built-in {_word(base)} nor a path such as 'my_module.MyClass'.")
    if module_name in sys.modules:
        module = sys.modules[module_name]
    elif trust:
        module = _import_own(module_name, path)
    else:
        raise RecipeError(
            f"The {_word(base)} '{path}' is code of somebody's own, and opening a model does not run code."
            f" If you have that file and trust it, `import {module_name}` in Python first and open the model there."
        )
    # vars, not getattr: a module's __getattr__ may import more.
    cls: Any = vars(module).get(class_name)
    if cls is None:
        classes = [n for n, v in vars(module).items() if isinstance(v, type) and issubclass(v, base) and v is not base]
        hint = nearest(class_name, classes) if classes else f" It defines no {_word(base)} at all."
        raise RecipeError(f"The module '{module_name}' has no class '{class_name}'.{hint}")
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise RecipeError(f"'{path}' is not a {_word(base)}: derive it from gansmith.contracts.{base.__name__}.")
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(getattr(cls, "__abstractmethods__", ())))
        raise RecipeError(f"'{path}' is unfinished: it does not define {missing}.")
    return cls


def _import_own(module_name: str, path: str) -> ModuleType:
    # The installed command's sys.path lacks the current directory; last, so that no file there hides a package.
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(error.name + ".")):
            raise RecipeError(f"'{path}': no module '{error.name}', neither installed nor in {here}.") from error
        raise RecipeError(f"'{path}': {module_name} needs a package that is not installed: {error}.") from error
    except Exception as error:
        raise RecipeError(f"'{path}': importing {module_name} failed: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(here)


def _word(base: type) -> str:
    return WORDS.get(base, base.__name__.lower())
