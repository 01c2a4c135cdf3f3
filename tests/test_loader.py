"""The loader's order is exact: a pure function of seed and position, for any number of processes and threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from gansmith.contracts import Batch, Dataset, Spec
from gansmith.data.loader import Loader, Order
from gansmith.errors import DataError


class Numbers(Dataset):
    """Sample i is the number i; some indices cannot be fetched."""

    def __init__(self, count: int, broken: frozenset[int] = frozenset()) -> None:
        self.spec, self.fingerprint, self.labels, self.label_names = Spec((1,)), "", None, ()
        self._count, self._broken = count, broken

    def __len__(self) -> int:
        return self._count

    def fetch(self, indices: Sequence[int]) -> Batch:
        if self._broken & set(indices):
            raise DataError("gone")
        return Batch(torch.tensor(indices, dtype=torch.float32)[:, None])


def take(loader: Loader, batches: int) -> list[int]:
    with loader:
        return [int(x) for _ in range(batches) for x in loader.next().real[:, 0]]


def test_every_epoch_is_another_permutation() -> None:
    seen = np.array(take(Loader(Numbers(12), 4, seed=3), 9)).reshape(3, 12)
    assert all(sorted(epoch) == list(range(12)) for epoch in seen.tolist())
    assert len({tuple(epoch) for epoch in seen.tolist()}) == 3
    assert take(Loader(Numbers(12), 4, seed=3), 9) == seen.reshape(-1).tolist()
    assert take(Loader(Numbers(12), 4, seed=4), 9) != seen.reshape(-1).tolist()


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_starting_late_gives_what_an_uninterrupted_one_gives(workers: int) -> None:
    whole = take(Loader(Numbers(10), 4, seed=7), 12)  # 10 is no multiple of 4: batches straddle epochs
    for batches_before in (1, 3, 8):
        late = Loader(Numbers(10), 4, seed=7, samples_seen=4 * batches_before, workers=workers)
        assert take(late, 4) == whole[4 * batches_before : 4 * batches_before + 16]


def test_processes_share_each_round_without_overlap() -> None:
    alone = take(Loader(Numbers(100), 12, seed=1), 5)
    ranks = [take(Loader(Numbers(100), 4, seed=1, rank=r, world=3), 5) for r in range(3)]
    together = [x for step in range(5) for r in range(3) for x in ranks[r][4 * step : 4 * step + 4]]
    assert together == alone


def test_a_batch_may_be_larger_than_the_data() -> None:
    assert sorted(take(Loader(Numbers(3), 6, seed=0), 1)) == [0, 0, 1, 1, 2, 2]


def test_order_is_the_same_however_it_is_cut() -> None:
    whole = Order(7, 5).indices(0, 50).tolist()
    order = Order(7, 5)
    assert [i for start in range(0, 50, 5) for i in order.indices(start, 5).tolist()] == whole
    assert Order(7, 5).indices(23, 4).tolist() == whole[23:27]


def test_errors_come_out_of_next_at_their_place() -> None:
    order = Order(20, 0).indices(0, 20).tolist()
    with Loader(Numbers(20, frozenset(order[8:9])), 4, seed=0) as loader:
        assert loader.next().real[:, 0].tolist() == order[:4]
        assert loader.next().real[:, 0].tolist() == order[4:8]
        with pytest.raises(DataError, match="gone"):
            loader.next()


def test_close_ends_the_threads_and_waiting_is_counted() -> None:
    before = threading.active_count()
    loader = Loader(Numbers(50), 5, seed=0, workers=3)
    loader.next()
    assert loader.seconds_waiting > 0
    loader.close()
    loader.close()
    assert threading.active_count() == before
    with pytest.raises(RuntimeError):
        loader.next()


def test_threads_that_lag_epochs_behind_still_get_their_order() -> None:
    order, whole = Order(2, 9), Order(2, 9).indices(0, 40).tolist()
    starts = [30, 2, 38, 0, 12, 2, 36]
    assert [order.indices(s, 2).tolist() for s in starts] == [whole[s : s + 2] for s in starts]
