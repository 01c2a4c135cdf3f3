"""torch's optimisers without its compiler: the same steps, and a training that does not import it."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gansmith.uncompiled import uncompiled

KINDS = {
    "adam": (torch.optim.Adam, {"betas": (0.0, 0.99), "fused": True}),
    "adamw": (torch.optim.AdamW, {"weight_decay": 0.02, "fused": True}),
    "rmsprop": (torch.optim.RMSprop, {"alpha": 0.9, "momentum": 0.5}),
    "sgd": (torch.optim.SGD, {"momentum": 0.9}),
}


@pytest.mark.parametrize("name", KINDS)
def test_steps_are_those_of_torch(name: str) -> None:
    kind, options = KINDS[name]
    networks = [nn.Linear(5, 3)]
    networks.append(copy.deepcopy(networks[0]))
    optimizers = [k(n.parameters(), 0.1, **options) for k, n in zip((kind, uncompiled(kind)), networks, strict=True)]
    assert type(optimizers[1]).__name__ == kind.__name__
    for k in range(6):
        for network, optimizer in zip(networks, optimizers, strict=True):
            network(torch.arange(10.0).view(2, 5) / 10 - k / 5).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        if k == 2:  # what one of them has kept, another goes on with
            optimizers[1] = uncompiled(kind)(networks[1].parameters(), 0.1, **options)
            optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
    for mine, torchs in zip(networks[1].parameters(), networks[0].parameters(), strict=True):
        assert torch.equal(mine, torchs)


def test_a_training_does_without_the_compiler(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8))
    program = (
        "import sys, gansmith\n"
        "gansmith.train(sys.argv[1], run=sys.argv[2], samples=64, batch=16, settings=['architecture.width=4'])\n"
        "sys.exit(next((name for name in ('torch._dynamo', 'torch._inductor', 'sympy') if name in sys.modules), 0))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "x.npy"), str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
