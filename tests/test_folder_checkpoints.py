"""Checkpoints and generator files: everything comes back, nothing damaged or foreign is taken, nothing is executed."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gansmith.errors import CheckpointError, RunFolderError
from gansmith.folder import checkpoints, generator_file, safe_tensors


def same(a: Any, b: Any) -> bool:
    """Equal to the bit, types and dict order included."""
    if isinstance(a, torch.Tensor):
        alike = isinstance(b, torch.Tensor) and a.dtype == b.dtype and a.shape == b.shape
        return alike and bool(torch.equal(torch.nan_to_num(a), torch.nan_to_num(b)))
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return (
            list(a) == list(b)
            and all(type(x) is type(y) for x, y in zip(a, b, strict=True))
            and all(same(a[k], b[k]) for k in a)
        )
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return repr(a) == repr(b)  # floats: repr is exact, and tells -0.0 and nan


tensors = st.sampled_from(
    [
        torch.tensor(3.5),
        torch.tensor(7),
        torch.zeros(0),
        torch.zeros(2, 0, 3, dtype=torch.int64),
        torch.arange(6, dtype=torch.float64).reshape(2, 3).T,
        torch.tensor([True, False]),
        torch.tensor([1.0, -2.5], dtype=torch.bfloat16),
        torch.tensor([1.0, float("inf"), float("nan")], dtype=torch.float16),
        torch.get_rng_state()[:64],
    ]
)
leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), tensors)
keys = st.one_of(st.text(max_size=5), st.integers(-3, 300))
states = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(inner, max_size=3).map(tuple), st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(state=states)
def test_nested_state_comes_back(state: Any, tmp_path: Path) -> None:
    assert same(checkpoints.load(checkpoints.save(tmp_path, state, 5)), state)


def test_no_length_of_a_header_makes_it_a_pickle(tmp_path: Path) -> None:
    begins = set()
    for length in range(0, 1_400, 8):
        data = safe_tensors.dump("checkpoint", {"w": torch.ones(1)}, "x" * length)
        begins.add(data[:2])
        assert safe_tensors.parse("checkpoint", data, tmp_path)[1] == "x" * length
    assert {b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"} <= begins


@pytest.mark.parametrize(
    "state",
    [
        {1: torch.ones(1), "1": torch.zeros(1), "a/b": torch.ones(2), "a": {"b": torch.zeros(2)}},
        {"__metadata__": torch.ones(1), "tensor": {"tensor": "x"}, "dict": {"list": [1]}, "": {"": torch.ones(1)}},
        {"": {}, "'": torch.ones(1), "(": ()},
    ],
)
def test_hostile_keys_come_back(state: Any, tmp_path: Path) -> None:
    assert same(checkpoints.load(checkpoints.save(tmp_path, state, 0)), state)


def test_shared_and_strided_memory_is_saved_as_values(tmp_path: Path) -> None:
    whole = torch.randn(4, 6)
    parameter = torch.nn.Parameter(whole)
    state = {
        "whole": whole,
        "row": whole[1],
        "columns": whole[:, ::2],
        "tied": parameter,
        "wide": whole[:1].expand(3, 6),
    }
    back = checkpoints.load(checkpoints.save(tmp_path, state, 0))
    for name, value in state.items():
        assert torch.equal(back[name], value), name


@pytest.mark.parametrize("name", ["Adam", "SGD", "RMSprop"])
def test_optimizer_state_is_exact(name: str, tmp_path: Path) -> None:
    def trained(steps: int, resume_at: int | None) -> torch.Tensor:
        torch.manual_seed(1)
        net = torch.nn.Linear(3, 2)
        opt = getattr(torch.optim, name)(net.parameters(), lr=0.1)
        for step in range(steps):
            if step == resume_at:
                state = {"net": net.state_dict(), "opt": opt.state_dict()}
                back = checkpoints.load(checkpoints.save(tmp_path, state, step))
                assert same(back["opt"], opt.state_dict())
                net = torch.nn.Linear(3, 2)
                net.load_state_dict(back["net"])
                opt = getattr(torch.optim, name)(net.parameters(), lr=0.5)
                opt.load_state_dict(back["opt"])
            opt.zero_grad()
            torch.manual_seed(step)
            net(torch.randn(8, 3)).square().mean().backward()
            opt.step()
        return torch.cat([p.detach().flatten() for p in net.parameters()])

    assert torch.equal(trained(6, None), trained(6, 3))


def test_equal_state_gives_an_equal_file(tmp_path: Path) -> None:
    a = checkpoints.save(tmp_path / "a", {"w": torch.ones(3), "n": 1}, 10)
    b = checkpoints.save(tmp_path / "b", {"w": torch.ones(3), "n": 1}, 10)
    c = checkpoints.save(tmp_path / "b", {"w": torch.ones(3), "n": 2}, 10)
    assert a.name == b.name
    assert a.read_bytes() == b.read_bytes()
    assert c.name != b.name
    assert a.name.startswith("000000000010-")


@pytest.mark.parametrize("bad", [{1.5: 0}, {True: 0}, {"x": object()}, {"x": b"bytes"}, torch.eye(3).to_sparse()])
def test_what_cannot_be_saved_is_refused_before_writing(bad: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        checkpoints.save(tmp_path, bad, 0)
    assert checkpoints.found(tmp_path) == []


def test_every_truncation_and_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = checkpoints.save(tmp_path, {"w": torch.randn(20), "n": [1, 2.5, "x"]}, 3)
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 7), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=path.name):
            checkpoints.load(path)
    for position in range(0, len(whole), 5):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
        with pytest.raises(CheckpointError, match=path.name):
            checkpoints.load(path)


def test_latest_falls_back_and_says_so(tmp_path: Path) -> None:
    assert checkpoints.load_latest(tmp_path, pytest.fail) is None
    first = checkpoints.save(tmp_path, {"n": 1}, 100)
    second = checkpoints.save(tmp_path, {"n": 2}, 200)
    state, path = checkpoints.load_latest(tmp_path, pytest.fail) or pytest.fail("nothing found")
    assert (state, path) == ({"n": 2}, second)
    second.write_bytes(second.read_bytes()[:-3])
    words: list[str] = []
    state, path = checkpoints.load_latest(tmp_path, words.append) or pytest.fail("nothing found")
    assert (state, path) == ({"n": 1}, first)
    assert len(words) == 1
    assert second.name in words[0]
    assert second.exists()
    first.write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"None of the 2 checkpoints.*move that folder away"):
        checkpoints.load_latest(tmp_path, words.append)


def test_prune_keeps_the_last_the_best_and_foreign_files(tmp_path: Path) -> None:
    saved = [checkpoints.save(tmp_path, {"n": n}, n * 100) for n in range(6)]
    foreign = tmp_path / "checkpoints" / "mine.safetensors"
    foreign.write_bytes(b"not yours")
    checkpoints.prune(tmp_path, keep={saved[1]}, last=2)
    assert checkpoints.found(tmp_path) == [saved[5], saved[4], saved[1]]
    assert foreign.exists()


def test_prune_after_a_fallback_keeps_what_was_saved_since(tmp_path: Path) -> None:
    good, damaged = checkpoints.save(tmp_path, {"n": 1}, 100), checkpoints.save(tmp_path, {"n": 9}, 900)
    damaged.write_bytes(b"")
    os.utime(good, ns=(1, 1))
    os.utime(damaged, ns=(2, 2))
    newer = [checkpoints.save(tmp_path, {"n": n}, n * 100) for n in (2, 3)]
    checkpoints.prune(tmp_path, keep=set(), last=2)
    assert set(newer) <= set(checkpoints.found(tmp_path))
    assert good not in checkpoints.found(tmp_path)


def test_strays_of_a_kill_are_removed_at_the_next_save(tmp_path: Path) -> None:
    stray = checkpoints.save(tmp_path, {}, 1).with_name(".000000000002-aa.safetensors.0123abcd.tmp")
    stray.write_bytes(b"half")
    checkpoints.save(tmp_path, {}, 2)
    assert not stray.exists()


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("form", ["pickle", "torch", "torch-legacy"])
@pytest.mark.parametrize("name", ["latest.pt", "000000000009-0123456789abcdef.safetensors"])
def test_a_malicious_pickle_does_not_run(form: str, name: str, tmp_path: Path) -> None:
    sentinel = tmp_path / "executed"
    path = tmp_path / "checkpoints" / name
    path.parent.mkdir()
    if form == "pickle":
        path.write_bytes(pickle.dumps(Malicious(sentinel)))
    else:
        torch.save(Malicious(sentinel), path, _use_new_zipfile_serialization=form == "torch")
    for read in (checkpoints.load, generator_file.read):
        with pytest.raises(CheckpointError, match="pickle"):
            read(path)
    if name.endswith(".safetensors"):
        with pytest.raises(CheckpointError):
            checkpoints.load_latest(tmp_path, lambda _: None)
    else:
        assert checkpoints.load_latest(tmp_path, pytest.fail) is None
    assert not sentinel.exists()


def test_other_programs_files_and_newer_formats_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    safetensors.torch.save_file({"w": torch.ones(2)}, path)
    with pytest.raises(CheckpointError, match="another program"):
        generator_file.read(path)
    for mark in ("{broken", "[]", '{"format": "gansmith generator", "version": 99}', '{"version": 1}', "[" * 100_000):
        safetensors.torch.save_file({"w": torch.ones(2)}, path, {"gansmith": mark})
        with pytest.raises(CheckpointError, match=r"x\.safetensors"):
            generator_file.read(path)
    generator_file.write(path, {"w": torch.ones(2)}, {})
    with pytest.raises(CheckpointError, match="not a gansmith checkpoint"):
        checkpoints.load(path)
    with pytest.raises(CheckpointError, match="Cannot read"):
        generator_file.read(tmp_path / "absent.safetensors")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_in_words(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(CheckpointError):
        checkpoints.load(path)


def test_generator_file_comes_back(tmp_path: Path) -> None:
    weights = {"synthesis.0.weight": torch.randn(3, 2), "__metadata__x": torch.tensor(1, dtype=torch.int64)}
    metadata = {"recipe": {"name": "名"}, "codec": {"kind": "images"}, "score": float("nan"), "sizes": [1, 2]}
    path = tmp_path / "generator.safetensors"
    generator_file.write(path, weights, metadata)
    back, said = generator_file.read(path)
    assert same(dict(sorted(back.items())), dict(sorted(weights.items())))
    assert said == {**metadata, "score": "NaN"}
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="cut short"):
        generator_file.read(path)


SAVE_FOR_EVER = """
import torch
from pathlib import Path
from gansmith.folder import checkpoints
for n in range(1, 1_000_000):
    checkpoints.save(Path(folder), {"n": n, "w": torch.full((200_000,), float(n))}, n)
    checkpoints.prune(Path(folder), keep=set())
"""


def test_kills_during_saves_leave_only_whole_checkpoints(tmp_path: Path) -> None:
    posix = sys.platform != "win32"  # a server that has torch imported forks quickly; elsewhere fewer kills
    context = multiprocessing.get_context("forkserver" if posix else "spawn")
    if posix:
        context.set_forkserver_preload(["gansmith.folder.checkpoints"])
    dice = random.Random(0)
    for number in range(20 if posix else 4):
        folder = tmp_path / str(number)
        saver = context.Process(target=exec, args=(SAVE_FOR_EVER, {"folder": str(folder)}))
        saver.start()
        while not checkpoints.found(folder):
            assert saver.is_alive()
            time.sleep(0.001)
        time.sleep(dice.random() * 0.03)
        saver.kill()
        saver.join()
        paths = checkpoints.found(folder)
        assert 1 <= len(paths) <= 3
        for path in paths:
            state = checkpoints.load(path)
            assert torch.equal(state["w"], torch.full((200_000,), float(state["n"])))
        checkpoints.save(folder, {}, 2_000_000)
        assert not list((folder / "checkpoints").glob(".*"))


def test_a_failing_save_leaves_the_old_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = checkpoints.save(tmp_path, {"n": 1}, 1)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFolderError, match="disk is full"):
        checkpoints.save(tmp_path, {"n": 2}, 2)
    assert list((tmp_path / "checkpoints").iterdir()) == [path]
    assert checkpoints.load(path) == {"n": 1}
