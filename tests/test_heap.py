"""Freed memory stays with the process, until it is given back."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import torch
from gansmith.heap import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()

def faults(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.ones(10_000_000)  # 40 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults(40)
print(faults(10))
"""


@pytest.mark.skipif(platform.libc_ver() < ("glibc", "2.35"), reason="older ones keep no blocks above 32 MB")
def test_what_is_freed_needs_no_new_pages() -> None:
    usual, kept = (
        int(subprocess.run([sys.executable, "-c", FAULTS, how], check=True, capture_output=True, text=True).stdout)
        for how in ("usual", "kept")
    )
    assert kept < 1_000 < usual


LEFT = """
from pathlib import Path
import torch
from gansmith.heap import give_back_freed_memory, keep_freed_memory

def resident():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line)

keep_freed_memory()
blocks = [torch.ones(250_000) for _ in range(300)]  # 300 MB
held = resident()
del blocks[:-1]  # the last lies above them, so that the heap cannot shrink from its end
kept = resident()
give_back_freed_memory()
print(held - kept, held - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_what_is_freed_can_be_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", LEFT], check=True, capture_output=True, text=True)
    by_itself, asked = map(int, done.stdout.split())
    assert by_itself < 10_000
    assert asked > 200_000
