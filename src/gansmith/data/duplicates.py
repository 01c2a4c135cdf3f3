"""Which pictures are the same, or nearly: hashes that need some 200 bytes a picture, and pairs found by sorting.

Exact: a 128-bit hash of the decoded pixels, whatever the file format. Near: a 64-bit difference hash (is a cell of a
small grey version brighter than its right neighbour? Krawetz, "Kind of like that", 2013) proposes pairs, and the
distance of 8x8 colour thumbnails confirms them, so that plain pictures do not all match each other.
Hashes within Hamming distance 4 agree in at least one of 5 bands of bits (Norouzi et al., arXiv:1307.2982).
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gansmith.data import decode

SIDE = 8  # of the thumbnail and of the difference hash
MARGIN = 2  # grey levels: less of a difference is the noise of lossy compression
MAX_BITS = 4  # Hamming distance of a pair's difference hashes
# A pair's thumbnails differ by at most this share of their own contrast (root mean square over standard deviation):
# SHARES[0] is what saving anew does; more, up to SHARES[1], only where neighbours in this data are far less alike.
SHARES = (0.06, 0.2)
NEIGHBOUR_SHARE = 0.4  # of the lowest decile of the distance to the nearest neighbour
RMS = (1.5, 12.0)  # grey levels; the least that counts as a difference, the most that a pair may have
MAX_PAIRS = 100_000  # more are not collected: memory stays bounded for the frames of a film
BLOCK = 1 << 14

U64 = NDArray[np.uint64]
U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]
F32 = NDArray[np.float32]
_PLACES = np.arange(SIDE * SIDE, dtype=np.uint64)
_ORDER = np.random.default_rng(0).permutation(SIDE * SIDE)  # spreads each band over the picture: borders are plain


class Look(NamedTuple):
    """What is kept of a picture's pixels."""

    exact: bytes  # 16 bytes; equal where the decoded pixels are
    difference: int  # 64-bit difference hash
    thumbnail: U8  # [SIDE * SIDE * 3] RGB over mid-grey
    channels: int  # 1, 3 or 4: the fewest that lose nothing, judged at about 64 pixels a side
    blank: bool  # one colour throughout, or wholly transparent


def look(image: Image.Image) -> Look:
    """Hash an 8-bit picture in mode L, RGB or RGBA."""
    colour = image if image.mode == "RGBA" else image.convert("RGB")  # grey equals the same grey saved as RGB
    exact = hashlib.blake2b(colour.tobytes(), digest_size=16, key=f"{colour.mode} {colour.size}".encode()).digest()
    extrema = [e for e in colour.getextrema() if isinstance(e, tuple)]
    blank = all(high - low <= MARGIN for low, high in extrema) or (len(extrema) == 4 and extrema[3][1] == 0)
    factor = min(colour.size) // 64
    small = colour.reduce(factor) if factor > 1 else colour
    channels = 1 if image.mode == "L" else decode.channels_needed(small)
    if small.mode == "RGBA":
        ground = Image.new("RGBA", small.size, (128, 128, 128, 255))
        small = Image.alpha_composite(ground, small).convert("RGB")
    # BILINEAR reaches into the neighbouring cells: a copy of another size hashes alike even at 16 pixels a side
    thumbnail = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BILINEAR)).reshape(-1)
    cells = small.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BILINEAR)
    grey = np.asarray(cells).astype(np.int16)
    bits = (grey[:, 1:] - grey[:, :-1] > MARGIN).reshape(-1)
    difference = int((bits[_ORDER].astype(np.uint64) << _PLACES).sum())
    return Look(exact, difference, thumbnail, channels, blank)


def exact_groups(hashes: U64) -> list[I64]:
    """Indices of equal rows of `hashes` [N, 2], ascending, for each row that occurs at least twice."""
    if len(hashes) == 0:
        return []
    order = np.lexsort((hashes[:, 1], hashes[:, 0]))  # stable
    changes = np.flatnonzero((hashes[order][1:] != hashes[order][:-1]).any(1)) + 1
    groups = [g for g in np.split(order, changes) if len(g) > 1]
    return sorted(groups, key=lambda g: int(g[0]))


def near_pairs(difference: U64, thumbnails: U8) -> I64:
    """Pairs i < j of near duplicates, [P, 2] in ascending order; stops soon after MAX_PAIRS.

    `difference` [N] and `thumbnails` [N, D] as `look` gives them, of pictures no two of which are the same. Time
    grows with the pairs that agree in a band and in mean brightness: far fewer than N^2 / 2, but for data nearly all
    alike.
    """
    count = len(difference)
    found: set[int] = set()
    means = thumbnails.mean(1, dtype=np.float32)
    spread = thumbnails.std(1, dtype=np.float32)
    limits = np.clip(contrast_share(thumbnails, spread) * spread, *RMS).astype(np.float32)
    widest = limits.max(initial=0) + 0.01  # means differ by no more than thumbnails do, up to rounding
    for band in np.array_split(np.arange(SIDE * SIDE, dtype=np.uint64), MAX_BITS + 1):
        values = (difference >> band[0]) & np.uint64((1 << len(band)) - 1)
        order = np.lexsort((means, values))
        start, ahead = np.arange(count), 0
        while len(start) and len(found) < MAX_PAIRS:
            ahead += 1
            start = start[start + ahead < count]
            first, second = order[start], order[start + ahead]
            # sorted by band and mean: a start that fails here fails with all that lie further ahead, too
            alike = (values[first] == values[second]) & (means[second] - means[first] <= widest)
            start, first, second = start[alike], first[alike], second[alike]
            close = _bit_count(difference[first] ^ difference[second]) <= MAX_BITS
            first, second = _confirm(first[close], second[close], thumbnails, limits)
            found.update((np.minimum(first, second) * count + np.maximum(first, second)).tolist())
    pairs = np.array(sorted(found), dtype=np.int64)
    return np.stack([pairs // max(count, 1), pairs % max(count, 1)], 1)


def contrast_share(thumbnails: U8, spread: F32) -> float:
    """How much of its contrast a pair may differ by in this data, in SHARES.

    Two photographs that differ by a tenth are one photograph; two handwritten ones that do are just ones. So the
    limit follows from how far a sample of the pictures are from their nearest neighbours.
    """
    if len(thumbnails) < 2:
        return SHARES[0]
    sample = np.unique(np.linspace(0, len(thumbnails) - 1, 400).astype(np.int64))
    own = thumbnails[sample].astype(np.float32)
    nearest = np.full(len(sample), np.inf, np.float32)
    for at in range(0, len(thumbnails), BLOCK):
        block = thumbnails[at : at + BLOCK].astype(np.float32)
        squares = (own * own).sum(1)[:, None] + (block * block).sum(1)[None] - 2 * own @ block.T
        here = np.flatnonzero((sample >= at) & (sample < at + BLOCK))
        squares[here, sample[here] - at] = np.inf
        nearest = np.minimum(nearest, squares.min(1))
    apart = np.sqrt(np.maximum(nearest, 0) / thumbnails.shape[1]) / np.maximum(spread[sample], 1)
    return float(np.clip(NEIGHBOUR_SHARE * np.quantile(apart, 0.1), *SHARES))


def _confirm(first: I64, second: I64, thumbnails: U8, limits: F32) -> tuple[I64, I64]:
    """Those pairs whose thumbnails are close, too; in blocks, so that memory stays small."""
    keep = np.zeros(len(first), dtype=bool)
    for at in range(0, len(first), BLOCK):
        a, b = first[at : at + BLOCK], second[at : at + BLOCK]
        apart = thumbnails[a].astype(np.float32) - thumbnails[b].astype(np.float32)
        keep[at : at + BLOCK] = np.sqrt((apart * apart).mean(1)) <= np.minimum(limits[a], limits[b])
    return first[keep], second[keep]


def _bit_count(x: U64) -> U64:
    """Set bits of each element (numpy has this only from 2.0 on)."""
    one, two, four = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
    x = x - ((x >> np.uint64(1)) & one)
    x = (x & two) + ((x >> np.uint64(2)) & two)
    x = (x + (x >> np.uint64(4))) & four
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)
