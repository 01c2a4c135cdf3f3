"""Several processes of one command on this machine, as torchrun starts them, without its extra words.

All of them hear Ctrl-C from the terminal; SIGTERM is passed on. When one ends before its time, the others notice, and
are killed after GRACE seconds where they do not. When this process is killed, they save and stop.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType

LAUNCHED = "GANSMITH_LAUNCHED"
LOOK_SECONDS = 0.1
GRACE = 20.0  # seconds, before a process that does not end by itself is killed


def launch(processes: int, words: Sequence[str]) -> int:
    """Run `gansmith WORDS` in so many processes; returns the exit code of the first that failed, or the leader's."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shared = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    shared["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", str(max(1, cores // processes)))
    command = [sys.executable, "-m", "gansmith", *words]
    running = [
        subprocess.Popen(
            command,
            env={**os.environ, **shared, LAUNCHED: "1", "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdin=subprocess.PIPE,
        )
        for rank in range(processes)
    ]

    def pass_on(number: int, frame: FrameType | None) -> None:
        for process in running:
            if process.poll() is None:
                process.send_signal(number)

    before = signal.signal(signal.SIGTERM, pass_on), signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return _wait(running)
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])


def end_with_launcher() -> None:
    """In a process that `launch` started: SIGTERM for oneself when the launcher is gone, which closes its end of the
    standard input."""
    if LAUNCHED in os.environ:
        threading.Thread(target=_listen, daemon=True).start()


def _listen() -> None:
    os.read(0, 1)  # nothing ever comes
    os.kill(os.getpid(), signal.SIGTERM)


def _wait(running: Sequence[subprocess.Popen[bytes]]) -> int:
    first, deadline, alive = 0, float("inf"), True
    while alive:
        time.sleep(LOOK_SECONDS)
        alive = any(process.poll() is None for process in running)
        failed, rank = min(((p.returncode, k) for k, p in enumerate(running) if p.poll()), default=(0, 0))
        if failed and not first:  # of several at once a killed one is the cause, and the others follow
            first, deadline = failed, time.monotonic() + GRACE
            if failed < 0:
                print(f"gansmith: process {rank} was killed (signal {-failed}).", file=sys.stderr)
        if time.monotonic() > deadline:
            for process in running:
                process.kill()
    return 128 - first if first < 0 else first
