"""The machine: what it is, what computes on it, and waiting for it."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import torch


def machine() -> dict[str, Any]:
    """What numbers depend on, without a name of a host."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text(encoding="utf-8", errors="replace").splitlines() if cpus.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": models[0] if models else platform.processor(),
        "cores": cores(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def versions() -> dict[str, str]:
    """Of what computes."""
    return {"gansmith": metadata.version("gansmith"), "torch": torch.__version__, "python": platform.python_version()}


def here() -> str:
    """Both, in a line."""
    about, made = machine(), versions()
    gpu = f", {about['gpu']}" if about["gpu"] else ""
    return f"{about['processor']}, {about['cores']} cores{gpu}; torch {made['torch']}, gansmith {made['gansmith']}"


def wait(device: torch.device) -> None:
    """Until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
