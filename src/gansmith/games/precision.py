"""In what a step multiplies: float32, the same by TensorFloat-32 (NVIDIA Ampere and later, 10 bits of each factor's
mantissa), or bfloat16 by autocast. On devices without it TF32 is float32."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Precision = Literal["float32", "tf32", "bfloat16"]


def multiplies(precision: Precision, x: Tensor) -> torch.autocast:
    """Within the block operations on the device of `x` multiply in bfloat16 where that is the precision."""
    return torch.autocast(x.device.type, torch.bfloat16, enabled=precision == "bfloat16")


def allow_tf32(allowed: bool) -> None:
    """From now on in this process; by itself torch takes it for convolutions and not for matrices."""
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
