"""torch's optimisers without torch's compiler.

An optimiser of torch imports the whole of torch.compile when it is made, stepped, emptied or saved, only to tell it
what it must not compile: a second or more at every start of a training. We compile no optimiser.
"""

from __future__ import annotations

import inspect
from typing import Any, TypeVar, cast

import torch

Kind = TypeVar("Kind", bound=type[torch.optim.Optimizer])
DECORATED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


def uncompiled(optimizer: Kind) -> Kind:
    """The same class, to the bit, with methods as they are below their decorators."""
    plain: dict[str, Any] = {name: inspect.unwrap(getattr(optimizer, name)) for name in DECORATED}
    step = torch.no_grad()(inspect.unwrap(optimizer.step))
    return cast(Kind, type(optimizer.__name__, (optimizer,), {**plain, "step": step}))
