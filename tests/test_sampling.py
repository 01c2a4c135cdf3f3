"""Many samples are made by as many at a time as is fastest, and are the same ones."""

from __future__ import annotations

import time

import pytest
import torch
from torch import Tensor

from gansmith.contracts import Generator
from gansmith.explore import sampling
from gansmith.explore.sampling import CHUNK, Sizes, draw


class Told(Generator):
    """Makes its latent, and notes how many at a time."""

    latent_size = 3

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def mapping(self, z: Tensor, given: Tensor | None) -> Tensor:
        return z

    def synthesis(self, w: Tensor, given: Tensor | None) -> Tensor:
        self.asked.append(len(w))
        if len(w) > CHUNK:
            time.sleep(1e-4 * len(w))
        return w[:, :, None, None] if given is None else w[:, :, None, None] + given[:, None, None, None]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "TRIED", 200)


def test_samples_do_not_depend_on_how_many_are_made_at_a_time() -> None:
    generator, labels = Told(), torch.arange(3000)
    many = torch.cat(list(draw(generator, 3000, seed=5, labels=labels)))
    assert set(generator.asked) >= set(sampling.SIZES)
    few = torch.cat(list(draw(generator, 1000, seed=5, labels=labels[:1000])))
    assert torch.equal(many[:1000], few)
    assert len(many) == 3000


def test_few_samples_are_made_as_ever() -> None:
    generator = Told()
    list(draw(generator, 1000))
    assert set(generator.asked) == {CHUNK, 1000 % CHUNK}


def test_the_fastest_size_makes_the_rest() -> None:
    generator = Told()
    list(draw(generator, 10_000))
    assert generator.asked.count(4 * CHUNK) <= 3
    sizes = Sizes([10, 20])
    for _ in range(100):
        size = sizes.next()
        sizes.took(size, 1.0 if size == 10 else 3.0)
    assert sizes.next() == 10


def test_large_samples_do_not_take_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "SMALL", 2)
    generator = Told()
    list(draw(generator, 3000))
    assert max(generator.asked) == CHUNK
