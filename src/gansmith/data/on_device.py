"""Pictures on a device that computes: they cross as bytes, or lie there altogether, and become floats there.

To the bit what `ImageDataset.fetch` gives, since the floats come from a table that the same function made: a GPU
divides by a constant otherwise than NumPy does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gansmith.contracts import Batch, Dataset
from gansmith.data.codec import to_float
from gansmith.data.dataset import ImageDataset
from gansmith.data.files import Pixels
from gansmith.data.loader import Ready

SHARE = 0.25  # of the device's free memory that the pictures may take; the rest is the training's
CHUNK_BYTES = 64 << 20  # copied at a time


def for_device(dataset: Dataset, device: torch.device) -> OnDevice | None:
    """How a loader is to prepare batches for `device`; None where it has nothing to do: on the CPU, and for points."""
    if device.type == "cpu" or not isinstance(dataset, ImageDataset):
        return None
    if device.type == "cuda" and device.index is None:  # the loader's threads would take it for the first one
        device = torch.device("cuda", torch.cuda.current_device())
    return OnDevice(dataset, device)


class OnDevice:
    """Called with indices in a loader's threads, it does what the CPU has to do; what it returns gives the batch on
    `device`, without waiting for it, and is called by whoever trains."""

    def __init__(self, dataset: ImageDataset, device: torch.device) -> None:
        self._dataset, self._device = dataset, device
        self._floats = to_float(np.arange(256, dtype=np.uint8)).to(device)
        self._resident: Tensor | None = None  # uint8 [N, C, H, W], once all are decoded, where they fit
        self._settled = False

    def __call__(self, indices: Sequence[int]) -> Ready:
        if self._resident is not None:
            return partial(self._indexed, self._resident, torch.tensor(indices), self._dataset.given(indices))
        pixels = self._dataset.pixels(indices)
        return partial(self._crossed, self._pinned(pixels), self._dataset.given(indices, pixels))

    def _crossed(self, pixels: Tensor, given: Tensor | None) -> Batch:
        if not self._settled and (whole := self._dataset.whole()) is not None:
            self._settled = True
            if math.prod(whole.shape) <= SHARE * free_bytes(self._device):
                self._resident = _copied(whole, self._device)
        return self._batch(self._moved(pixels), given)

    def _indexed(self, resident: Tensor, indices: Tensor, given: Tensor | None) -> Batch:
        pixels = resident.index_select(0, self._moved(indices % len(resident)))
        if self._dataset.mirror:
            mirrored = self._moved(indices >= len(resident))
            pixels = torch.where(mirrored[:, None, None, None], pixels.flip(-1), pixels)
        return self._batch(pixels, given)

    def _batch(self, pixels: Tensor, given: Tensor | None) -> Batch:
        real = self._floats.index_select(0, pixels.flatten().int()).view(pixels.shape)
        return Batch(real, None if given is None else self._moved(given))

    def _moved(self, x: Tensor) -> Tensor:
        return x.to(self._device, non_blocking=self._device.type == "cuda")

    def _pinned(self, pixels: NDArray[np.uint8]) -> Tensor:
        """In memory that a GPU can fetch from by itself. NumPy copies: torch would start threads of its own in here."""
        if self._device.type != "cuda":
            return torch.from_numpy(pixels)
        with torch.cuda.device(self._device):
            pinned = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True)
        pinned.numpy()[...] = pixels
        return pinned


def free_bytes(device: torch.device) -> int:
    """Memory of the device's own that nobody uses; 0 where it has none of its own (MPS): a copy would gain nothing."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0


def _copied(whole: Pixels, device: torch.device) -> Tensor:
    found = torch.empty(whole.shape, dtype=torch.uint8, device=device)
    rows = max(1, CHUNK_BYTES // math.prod(whole.shape[1:]))
    for start in range(0, len(found), rows):
        found[start : start + rows] = torch.from_numpy(np.array(whole[start : start + rows]))
    return found
