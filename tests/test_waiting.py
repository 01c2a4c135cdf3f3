"""A training's loop reads nothing back from the device between logs: a GPU would have to finish all its work first."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gansmith.augment.ada import ADA
from gansmith.augment.diffaugment import DiffAugment
from gansmith.callbacks.averages import Averages
from gansmith.contracts import Augmentation, Batch, Clock, Spec
from gansmith.games.duel import Duel
from gansmith.games.player import Average, Optimizer, Player
from gansmith.losses.relativistic import Relativistic
from gansmith.networks.biggan import BigGAN
from gansmith.networks.dcgan import DCGAN
from gansmith.networks.r3gan import R3GAN
from gansmith.networks.stylegan2 import StyleGAN2
from gansmith.penalties.lecam import LeCam
from gansmith.penalties.path_length import PathLength
from gansmith.penalties.r1 import R1
from gansmith.penalties.r2 import R2

READS = (torch.ops.aten._local_scalar_dense, torch.ops.aten.is_nonzero, torch.ops.aten.equal, torch.ops.aten.nonzero)
GAMES: dict[str, tuple[Any, list[Any], Augmentation | None]] = {
    "dcgan, nothing": (DCGAN(width=4, latent=4), [], None),
    "dcgan, r1 and r2": (DCGAN(width=4, latent=4, norm="none"), [R1(), R2()], None),
    "r3gan, r1": (R3GAN(width=8, latent=4, blocks=1), [R1()], None),
    "stylegan2, path length": (StyleGAN2(width=4, latent=4), [R1(), PathLength(every=1)], None),
    "biggan, lecam": (BigGAN(width=4), [LeCam()], None),
    "dcgan, diffaugment": (DCGAN(width=4, latent=4, norm="none"), [R1(), R2()], DiffAugment()),
    "dcgan, ada": (DCGAN(width=4, latent=4, norm="none"), [R1()], ADA()),
}


class Reads(TorchDispatchMode):
    """Counts the values that Python asks of tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func._overloadpacket in READS
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", GAMES)
def test_a_step_asks_its_device_nothing(name: str) -> None:
    architecture, penalties, augment = GAMES[name]
    generator, discriminator = architecture.build(Spec((3, 16, 16)))
    players = Player(generator, Optimizer(), Average()), Player(discriminator, Optimizer())
    game, averages = Duel(*players, Relativistic(), penalties, augment), Averages()
    batch = Batch(torch.rand(8, 3, 16, 16))
    game.step(batch, Clock())  # makes what lasts
    with Reads() as reads:
        for step in range(1, 3):
            averages.add(game.step(batch, Clock(8 * step, 0.1, step)).values)
    # Adam's counters lie on the CPU, where reading them waits for nobody; a GPU's lie there and are not read
    assert reads.count == 0
    with Reads() as reads:
        float(batch.real.sum())
    assert reads.count == 1
