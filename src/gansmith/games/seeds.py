"""One random state for every step, so that a resumed run draws what an uninterrupted one would have drawn."""

from __future__ import annotations


def step_seed(seed: int, samples_seen: int, rank: int = 0) -> int:
    """One random state for each (seed, rank, samples seen): a 63-bit mix (splitmix64's constants)."""
    x = (seed * 0x9E3779B97F4A7C15 + samples_seen * 0xBF58476D1CE4E5B9 + rank * 0x94D049BB133111EB) & (2**64 - 1)
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    return (x ^ (x >> 27)) >> 1
