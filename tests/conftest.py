"""Shared by all tests: one torch thread a worker and its processes (two workers run on two cores; two threads on a core
that another has wait for each other, ten times as long), no user cache, no network."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

os.environ["OMP_NUM_THREADS"] = "1"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def _quiet_world(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("GANSMITH_DATA", raising=False)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the checkout; tests that use it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared/data here")
    return SHARED
