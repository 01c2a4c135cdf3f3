"""Means of what the steps report, without waiting for the device before they are asked for."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Averages:
    """Adds up scalar tensors by tag; `take` gives their means and begins anew."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._sums)

    def add(self, values: dict[str, Tensor]) -> None:
        for tag, value in values.items():
            self._sums[tag] = self._sums[tag].to(value.device) + value if tag in self._sums else value
            self._counts[tag] = self._counts.get(tag, 0) + 1

    def take(self) -> dict[str, float]:
        names = list(self._sums)
        means = [self._sums[n].float() / self._counts[n] for n in names]
        values = torch.stack(means).tolist() if means else []
        self.clear()
        return dict(zip(names, values, strict=True))

    def clear(self) -> None:
        self._sums.clear()
        self._counts.clear()

    def state_dict(self) -> dict[str, Any]:
        return {"sums": dict(self._sums), "counts": dict(self._counts)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._sums, self._counts = dict(state["sums"]), dict(state["counts"])
