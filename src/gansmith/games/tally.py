"""What a step has to tell: means over the parts of its batch, and over the processes."""

from __future__ import annotations

from collections.abc import Iterable

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

    def average(self, world: World, device: torch.device, shared: Iterable[Tensor]) -> None:
        """All processes are to know the same, by one message: the means of what each has seen, and of what is `shared`
        (but for counts, which are the same already). One process alone does not ask what that is."""
        if world.size > 1:
            told = torch.stack([value.float().to(device) for value in self.values.values()])
            world.average([told, *(t for t in shared if t.is_floating_point())])
            self.values.update(zip(self.values, told, strict=True))
