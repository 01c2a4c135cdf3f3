"""Training of the networks that judge: AdamW on a one-cycle schedule, small shifts, the pixels in memory as bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from gansmith.contracts import Dataset
from gansmith.features.network import Network, shrink
from gansmith.uncompiled import uncompiled

AdamW = uncompiled(torch.optim.AdamW)
BATCH = 128
MEMORY_BYTES = 512 * 2**20  # of pixels; what does not fit is not trained on
MOST_SAMPLES = 60_000
CHUNK = 256
Loss = Callable[[Tensor, Tensor], Tensor]  # of logits [B, K] and targets [B, ...]


def samples_to_show(count: int) -> int:
    """How many samples training shows: some 24 times each of a thousand, 4-5 times each of fifty thousand."""
    return 20_000 + 4 * count


def held_out(count: int, test_count: int | None, seed: int) -> tuple[list[int], list[int]]:
    """Indices to train on, and indices, of the test split or else of the same data, to measure on; in random order."""
    generator = torch.Generator().manual_seed(seed)
    order: list[int] = torch.randperm(count, generator=generator).tolist()
    if test_count is not None:
        return order, torch.randperm(test_count, generator=generator)[:10_000].tolist()
    tenth = max(1, len(order) // 10)
    return order[tenth:], order[:tenth][:10_000]


def fetch_all(dataset: Dataset, indices: Sequence[int], size: tuple[int, int]) -> Iterator[Tensor]:
    """Samples at `indices`, shrunk to `size`, in pieces [up to 256, C, h, w]."""
    for start in range(0, len(indices), CHUNK):
        yield shrink(dataset.fetch(indices[start : start + CHUNK]).real, size)


def load_pixels(dataset: Dataset, indices: list[int], size: tuple[int, int]) -> Tensor:
    """As many samples as fit: uint8 [N, C, h, w]. Shortens `indices` to those."""
    each = dataset.spec.shape[0] * size[0] * size[1]
    del indices[min(MOST_SAMPLES, max(BATCH, MEMORY_BYTES // each)) :]
    pixels = torch.empty(len(indices), dataset.spec.shape[0], *size, dtype=torch.uint8)
    start = 0
    for part in fetch_all(dataset, indices, size):
        pixels[start : start + len(part)] = ((part.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        start += len(part)
    return pixels


def resizer(shape: tuple[int, ...], size: tuple[int, int]) -> str:
    """For readers of scores: how samples of `shape` (C, H, W) come to the `size` that a network sees."""
    same = size == tuple(shape[1:])
    return "none: native resolution" if same else f"antialiased bilinear to {size[0]}x{size[1]}"


def fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 faster than float32 (torch has no public name for the question)."""
    ask = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(ask and ask())


def _shifted(x: Tensor, generator: torch.Generator) -> Tensor:
    """The batch moved as a whole by up to a sixteenth of its size, edges repeated."""
    reach = max(x.shape[2:]) // 16
    if reach == 0:
        return x
    down, right = torch.randint(0, 2 * reach + 1, (2,), generator=generator).tolist()
    padded = F.pad(x, (reach,) * 4, mode="replicate")
    return padded[:, :, down : down + x.shape[2], right : right + x.shape[3]]


def train(
    network: Network,
    pixels: Tensor,
    targets: Tensor,
    seed: int,
    say: Callable[[str], None],
    loss_of: Loss = F.cross_entropy,
    passes: int = 1,
) -> None:
    """Train in place on uint8 `pixels` [N, C, h, w] and `targets` [N, ...], `passes` times as long as usual."""
    generator = torch.Generator().manual_seed(seed)
    batch = min(BATCH, len(pixels))
    steps = max(1, passes * samples_to_show(len(pixels)) // batch)
    optimizer = AdamW(network.parameters(), lr=3e-3, weight_decay=0.02, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps, pct_start=0.2)
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    order = torch.empty(0, dtype=torch.int64)
    with torch.enable_grad():
        for step in range(steps):
            if len(order) < batch:
                order = torch.randperm(len(pixels), generator=generator)
            chosen, order = order[:batch], order[batch:]
            x = _shifted(pixels[chosen].float() / 127.5 - 1, generator).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=fast_bfloat16()):
                logits = network(x)[1]
            loss = loss_of(logits.float(), targets[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            if (step + 1) % max(1, steps // 4) == 0:
                say(f"  {step + 1:,} of {steps:,} steps, loss {loss.item():.3f}")
    network.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]


@torch.no_grad()
def measure(network: Network, dataset: Dataset, indices: Sequence[int]) -> float:
    """Share of the samples at `indices` whose class the network tells, in [0, 1]."""
    assert dataset.labels is not None
    answers = [network(part)[1].argmax(1) for part in fetch_all(dataset, indices, network.size)]
    return float((torch.cat(answers) == dataset.labels[list(indices)]).double().mean())
