"""Means over processes that are really started: through memory that they share, or sockets where they share none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from several import together

SIZE = 3
PROGRAM = """
import os, sys, torch, torch.distributed as dist
from pathlib import Path
import gansmith.shared_mean as shared_mean
from gansmith.errors import LostProcess
from gansmith.world import join

shared_mean.FOLDER = Path(sys.argv[1])

def of(rank, count):  # whole numbers, so that the order of a sum makes no difference
    chance = torch.Generator().manual_seed(rank)
    maps = torch.randint(-50, 50, (count, 3, 5, 4), generator=chance).float() * 3
    last, other = maps.to(memory_format=torch.channels_last), maps[:, :, 0].clone()
    return [last, other, maps[0, 0].double(), maps[0, 0, 0, 0].clone()]

with join() as world:
    for count in (2, 1500, 900, 3000):  # little, much, less in the same room, more than there is room for
        mine = of(world.rank, count)
        wanted = [sum(tensors) / world.size for tensors in zip(*(of(r, count) for r in range(world.size)))]
        world.average(mine)
        for found, mean in zip(mine, wanted, strict=True):
            assert torch.equal(found, mean) and found.stride() == mean.stride(), (count, found.shape)
    print("room" if world.shared_mean._rows is not None else "none", flush=True)
    dist.barrier()
    if world.rank == 2:
        os._exit(0)
    try:
        world.average(of(world.rank, 3000))
    except LostProcess:
        print("lost", flush=True)
    os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps files in memory")
def test_means_are_those_of_all_processes_until_one_is_lost(tmp_path: Path) -> None:
    assert together(PROGRAM, SIZE, str(tmp_path)) == ["room\nlost", "room\nlost", "room"]
    assert not list(tmp_path.iterdir())
    assert together(PROGRAM, SIZE, str(tmp_path / "nowhere")) == ["none\nlost", "none\nlost", "none"]
