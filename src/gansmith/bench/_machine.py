"""What numbers depend on: the machine, and the versions of what computes."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import torch

import gansmith
from gansmith.bench._benchmark import cores


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


def versions() -> dict[str, str]:
    """Of what computes."""
    return {"gansmith": gansmith.__version__, "torch": torch.__version__, "python": platform.python_version()}


def here() -> str:
    """Both, in a line."""
    about, made = machine(), versions()
    gpu = f", {about['gpu']}" if about["gpu"] else ""
    return f"{about['processor']}, {about['cores']} cores{gpu}; torch {made['torch']}, gansmith {made['gansmith']}"
