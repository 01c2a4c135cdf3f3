"""`python -m benchmarks [NAME ...] [--json FILE] [--small]`: run the benchmarks, print a table, keep the results.

A benchmark is a file of this folder with a docstring, which says what and why, and a function
`run(small: bool, **options) -> dict` that gives `measures` (see `benchmarks.measure`), `settings` and, if it likes,
`text` (lines to print). Its keyword-only parameters are options of this command. `ALONE = True`: only when named.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import pkgutil
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import benchmarks
from benchmarks import note
from gansmith.errors import nearest
from gansmith.machine import machine, versions

RESULTS = Path(__file__).parent / "results"


def names() -> list[str]:
    """All benchmarks, by the names of their files."""
    return sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.name.startswith("_"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 1 where a benchmark broke, or missed its bar when run in full."""
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in names()}
    parser = _parser(modules)
    asked = vars(parser.parse_args(arguments))
    chosen, small, file = asked.pop("names"), asked.pop("small"), asked.pop("json")
    if unknown := [name for name in chosen if name not in modules]:
        parser.error(f"there is no benchmark '{unknown[0]}';{nearest(unknown[0], modules)}")
    chosen = chosen or [name for name in modules if not getattr(modules[name], "ALONE", False)]
    for option in asked:
        if not any(option in options(modules[name]) for name in chosen):
            parser.error(f"--{option} is no option of {', '.join(chosen)}")
    records = []
    for name in chosen:
        record = _record(modules[name], small, {k: v for k, v in asked.items() if k in options(modules[name])})
        records.append(record)
        print("\n".join(table(record)), flush=True)
        if not small and "error" not in record:
            _write(RESULTS / f"{name}.json", record)
    if file:
        _write(file, records)
    failed = [r for r in records if "error" in r or not (small or all(m.get("met", True) for m in r["measures"]))]
    return int(bool(failed))


def options(module: ModuleType) -> dict[str, Any]:
    """A benchmark's own options with their defaults, whose types are theirs."""
    parameters = inspect.signature(module.run).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def table(record: dict[str, Any]) -> list[str]:
    """A result, in lines for people."""
    lines = [f"\n{record['benchmark']}{' (small: not a measurement)' if record['small'] else ''}"]
    if "error" in record:
        return [*lines, f"  failed: {record['error']}"]
    rows = [("", "median", "min", "max", "unit", "bar", "met")]
    for m in record["measures"]:
        numbers = (f"{m[key]:.4g}" for key in ("median", "min", "max"))
        met = {True: "yes", False: "NO"}.get(m.get("met"), "")
        rows.append((m["name"], *numbers, m["unit"], m.get("bar", ""), met))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *rest in rows:
        cells = [first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(rest, widths[1:], strict=True))]
        lines.append("  " + "  ".join(cells).rstrip())
    return [*lines, *(f"  {line}" for line in record.get("text", ()))]


def _parser(modules: dict[str, ModuleType]) -> argparse.ArgumentParser:
    starred = {name: f"{name}{'*' if getattr(m, 'ALONE', False) else ''}" for name, m in modules.items()}
    what = "\n".join(f"  {starred[name]:15} {(m.__doc__ or '').splitlines()[0]}" for name, m in modules.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", epilog=what, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; by default all but those marked *")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all results in one file")
    parser.add_argument("--small", action="store_true", help="does it run? seconds, nothing kept, no bar judged")
    own: dict[str, list[str]] = {}
    for name, module in modules.items():
        for option in options(module):
            own.setdefault(option, []).append(name)
    for option, users in own.items():
        defaults = [options(modules[user])[option] for user in users]
        told = ", ".join(f"{user}: {default!r}" for user, default in zip(users, defaults, strict=True))
        parser.add_argument(f"--{option}", type=type(defaults[0]), default=argparse.SUPPRESS, help=told)
    return parser


def _record(module: ModuleType, small: bool, own: dict[str, Any]) -> dict[str, Any]:
    """A benchmark's result with what is needed to repeat it."""
    name = module.__name__.rpartition(".")[2]
    given = "".join(f" --{key} {value}" for key, value in own.items())
    record = {
        "benchmark": name,
        "what": " ".join((module.__doc__ or "").split()),
        "command": f"python -m benchmarks {name}{' --small' if small else ''}{given}",
        "date": time.strftime("%Y-%m-%d %H:%M:%S"),
        "small": small,
        "versions": versions(),
        "machine": _here(),
    }
    note(f"{name} ...")
    begin = time.perf_counter()
    try:
        found = module.run(small, **own)
    except Exception as error:  # the others shall still run
        traceback.print_exc()
        found = {"error": f"{type(error).__name__}: {error}"}
    return {**record, "seconds": round(time.perf_counter() - begin, 1), **found}


def _here() -> dict[str, Any]:
    """What the numbers depend on."""
    return {
        **machine(),
        "threads": os.environ.get("OMP_NUM_THREADS", "torch's default"),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
