"""What the benchmarks share: whole processes, measured from outside, and numbers with their spread.

Imports neither torch nor gansmith: what is measured runs in processes of its own, and this one must not weigh on them.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]

_CALL = """
import importlib, json, sys
module, name, arguments = sys.argv[1:]
print(json.dumps(getattr(importlib.import_module(module), name)(*json.loads(arguments))))
"""


class Finished(NamedTuple):
    """A process that has ended well."""

    seconds: float  # wall-clock, from before its start to after its end
    cpu_seconds: float | None  # user and system time of all its threads; None on Windows, which does not tell
    output: str  # what it wrote to standard output


def finish(command: Sequence[str]) -> Finished:
    """Run `command` in the repository's root to its end. Raises RuntimeError with its last words where it fails."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        before, begin = _children_seconds(), time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8", check=False)
        seconds, after = time.perf_counter() - begin, _children_seconds()
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {last_words(errors)}")
    return Finished(seconds, None if after is None or before is None else after - before, done.stdout)


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """`function(*arguments)` in a new Python process; arguments and result go as JSON."""
    return json.loads(finish(calling(function, *arguments)).output.splitlines()[-1])


def calling(function: Callable[..., Any], *arguments: Any) -> list[str]:
    """The command whose process calls a function of a module's top level and prints its result as the last line."""
    return [sys.executable, "-c", _CALL, function.__module__, function.__qualname__, json.dumps(arguments)]


def gansmith(*arguments: object) -> list[str]:
    """The command line of this interpreter's gansmith."""
    return [sys.executable, "-m", "gansmith", *map(str, arguments)]


def last_words(errors: IO[str], characters: int = 2000) -> str:
    """The end of what a process wrote to standard error."""
    errors.seek(0)
    return errors.read()[-characters:].strip()


def note(text: str) -> None:
    """Tell people how far it is."""
    print(text, file=sys.stderr, flush=True)


def measure(
    name: str, values: Sequence[float], unit: str = "", *, below: float | None = None, at_least: float | None = None
) -> dict[str, Any]:
    """One measured quantity with its spread; its median has to stay under `below`, or must reach `at_least`."""
    middle = statistics.median(values)
    spread = {"median": middle, "min": min(values), "max": max(values), "runs": list(values)}
    bar = {} if below is None else {"bar": f"< {below:g}", "met": middle < below}
    bar = bar if at_least is None else {"bar": f">= {at_least:g}", "met": middle >= at_least}
    return {"name": name, "unit": unit, **spread, **bar}


def place(data: str, *otherwise: str) -> str:
    """The first of `data` and its substitutes that exists, seen from the repository's root; else the last, a name."""
    candidates = [data] if data else list(otherwise)
    return next((str((ROOT / c).resolve()) for c in candidates if (ROOT / c).exists()), candidates[-1])


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gansmith-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def peak_mb() -> float | None:
    """The most resident memory that this process has had, in MB (2^20 bytes); None where the system does not tell.

    Linux's ru_maxrss would count the parent in, up to the moment at which the program was exchanged; VmHWM does not.
    """
    if sys.platform == "linux":
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), None)
    if sys.platform == "win32":
        return _peak_mb_windows()
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, the other Unixes kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _peak_mb_windows() -> float | None:
    import ctypes
    from ctypes import wintypes

    names = ["peak_working_set", "working_set", "a", "b", "c", "d", "pagefile", "peak_pagefile"]

    class Counters(ctypes.Structure):
        _fields_ = [("size", wintypes.DWORD), ("faults", wintypes.DWORD), *((n, ctypes.c_size_t) for n in names)]

    counters = Counters()
    counters.size = ctypes.sizeof(counters)
    kernel: Any = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore]
    kernel.GetCurrentProcess.restype = wintypes.HANDLE
    kernel.K32GetProcessMemoryInfo.argtypes = [wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD]
    told = kernel.K32GetProcessMemoryInfo(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.size)
    return counters.peak_working_set / 2**20 if told else None


def _children_seconds() -> float | None:
    if sys.platform == "win32":
        return None
    times = os.times()
    return times.children_user + times.children_system
