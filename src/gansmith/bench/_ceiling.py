"""The most that this machine does: operations a second of large matrix products and of convolutions."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import torch

from gansmith.games.precision import Precision, allow_tf32
from gansmith.machine import wait

SIDE = 1536  # of the matrices
CONVOLUTIONS = ((32, 128, 32), (64, 256, 16), (64, 512, 8))  # batch, channels, pixels a side; 3 x 3


def ceilings(device: torch.device, precision: Precision, seconds: float) -> dict[str, float]:
    """GFLOP/s of "matmul" and of the fastest "convolution", channels last; the best of many calls in `seconds` each."""
    allow_tf32(precision == "tf32")
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    a, b = (torch.randn(SIDE, SIDE, device=device, dtype=dtype) for _ in range(2))
    best = 0.0
    for batch, channels, side in CONVOLUTIONS:
        x = torch.randn(batch, channels, side, side, device=device, dtype=dtype)
        w = torch.randn(channels, channels, 3, 3, device=device, dtype=dtype)
        x, w = x.to(memory_format=torch.channels_last), w.to(memory_format=torch.channels_last)
        convolve = functools.partial(torch.conv2d, x, w, padding=1)
        best = max(best, _rate(convolve, 18 * x.numel() * channels, device, seconds))
    return {"matmul": _rate(lambda: a @ b, 2 * SIDE**3, device, seconds), "convolution": best}


@torch.inference_mode()
def _rate(work: Callable[[], object], flops: int, device: torch.device, seconds: float) -> float:
    work()
    wait(device)
    best, begin = float("inf"), time.perf_counter()
    while time.perf_counter() - begin < seconds or best == float("inf"):
        since = time.perf_counter()
        work()
        wait(device)
        best = min(best, time.perf_counter() - since)
    return flops / best / 1e9
