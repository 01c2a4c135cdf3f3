"""What one step costs: floating-point operations and bytes moved, counted as the step runs.

Operations are those of matrix products and convolutions, forwards, backwards and backwards again, by the formulas of
torch.utils.flop_counter (a multiplication with its addition counts as two). Bytes are what every kernel reads and
writes, each of its tensors once: what a machine without caches would move.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from gansmith.contracts import Batch, Clock
from gansmith.games.duel import Duel
from gansmith.games.trial import trial_of

BEGIN = Clock()


class Cost(NamedTuple):
    """Of one step of both players, in this process."""

    flops: int  # floating-point operations
    bytes: int  # read and written


def step_cost(game: Duel, batch: Batch, clock: Clock = BEGIN) -> Cost:
    """What the step of `game` on `batch` at `clock` costs. It runs on a copy; `game` stays as it was."""
    trial = trial_of(game)
    with _Counter() as counter:
        trial.step(batch, clock)
    return Cost(counter.flops, counter.bytes)


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every kernel that runs, those of backward passes too."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        packet = func._overloadpacket
        if packet not in flop_registry:
            with self:  # operations made of others, where no gradient is wanted
                made = func.decompose(*args, **kwargs)
            if made is not NotImplemented:
                return made
        out = func(*args, **kwargs)
        if packet in flop_registry:
            self.flops += flop_registry[packet](*args, **kwargs, out_val=out)
        if not func.is_view:
            self.bytes += sum(
                t.numel() * t.element_size() for t in tree_leaves((args, kwargs, out)) if isinstance(t, Tensor)
            )
        return out
