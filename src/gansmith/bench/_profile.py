"""Where a step's time and memory go: the operations that take most of it, and the most that a GPU holds during it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from gansmith.machine import wait

STEPS = 3
MOST = 6  # operations that are told
NAME = 60  # characters of a kernel's


def busiest(step: Callable[[int], object], device: torch.device) -> dict[str, float]:
    """Share of the device's time in STEPS steps that each of the MOST busiest operations takes, the busiest first.

    On a GPU these are kernels, also those that a CUDA graph replays; elsewhere torch's operations without what they
    call.
    """
    gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *[ProfilerActivity.CUDA] * gpu]
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # else it tells of its own start and end
    with profile(activities=activities, acc_events=True) as seen:
        for k in range(STEPS):
            step(k)
        wait(device)
    times: dict[str, float] = {}
    for event in seen.key_averages():
        found: Any = event
        if (found.device_type.name == "CUDA") == gpu:
            own = found.self_device_time_total if gpu else found.self_cpu_time_total
            name = found.key.removeprefix("aten::")[:NAME]
            times[name] = times.get(name, 0.0) + own
    whole = max(sum(times.values()), 1e-9)
    return {name: times[name] / whole for name in sorted(times, key=lambda n: -times[n])[:MOST]}


def peak_megabytes(step: Callable[[int], object], device: torch.device) -> float | None:
    """The most that tensors take on a GPU during a step, what lasts included; None elsewhere."""
    if device.type != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats(device)
    step(STEPS)
    wait(device)
    return float(torch.cuda.max_memory_allocated(device)) / 1e6
