"""Freed memory stays with the process."""

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
