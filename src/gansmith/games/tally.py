"""What a step has to tell: means over the parts of its batch, and over the processes."""

from __future__ import annotations

import torch
from torch import Tensor

from gansmith.world import World


class Tally:
    """Tag -> detached scalar tensor."""

    def __init__(self) -> None:
        self.values: dict[str, Tensor] = {}

    def add(self, tag: str, value: Tensor, share: float = 1.0) -> None:
        """What was found for `share` of the batch."""
        found = value.detach() * share
        self.values[tag] = self.values[tag] + found if tag in self.values else found

    def average(self, world: World, device: torch.device, memory: dict[str, Tensor]) -> None:
        """All processes are to know, and to remember, the same: the means of what each has seen."""
        if world.size > 1:
            told = torch.stack([value.float().to(device) for value in self.values.values()])
            world.average([told, *(m for m in memory.values() if m.dtype == torch.float32)])
            self.values.update(zip(self.values, told, strict=True))
