"""Near duplicates among many images, and the groups that they make.

Two images are near each other when few bits of their perceptual hashes differ and their thumbnails are alike up to
brightness and contrast. Pairs are found without comparing all: of the four quarters of two hashes that differ in at
most d bits, one differs in at most d // 4 (multi-index hashing: Norouzi, Punjani, Fleet, CVPR 2012), so looking up
every quarter with that many bits turned finds them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from eyeward.errors import UsageError

NEAR_BITS = 7
"""Of 64: where copies resized, compressed or trimmed by a fiftieth lie."""
LIKENESS = 0.95
"""Correlation of two thumbnails; different drawings on the same paper stay below."""
MOST_NEAR_BITS = 11
_FLAT = 8.0
"""Grey levels: a thumbnail that deviates less from its mean (in all, as a root of squares) shows nothing."""
_QUARTERS, _BITS = 4, 16
_AT_ONCE = 1 << 19
"""Candidate pairs that are compared together."""


def near_pairs(
    hashes: NDArray[np.uint64],
    thumbnails: NDArray[np.uint8] | None = None,
    bits: int = NEAR_BITS,
    likeness: float = LIKENESS,
) -> Iterator[tuple[int, int]]:
    """Yield each pair (i < j) whose hashes differ in at most `bits` and whose thumbnails are alike, once.

    `hashes` is [images], `thumbnails` [images, levels]. Of images that are the same in both, only the first is paired
    with others; the rest are paired with the first.

    Raises:
        UsageError: for more bits than can be looked up.
    """
    if not 0 <= bits <= MOST_NEAR_BITS:
        raise UsageError(f"Near duplicates differ in 0 to {MOST_NEAR_BITS} bits, not {bits}.")
    first_with: dict[bytes, int] = {}
    for number, hash in enumerate(hashes):
        same = first_with.setdefault(
            hash.tobytes() + (b"" if thumbnails is None else thumbnails[number].tobytes()), number
        )
        if same != number:
            yield same, number
    distinct = np.fromiter(first_with.values(), dtype=np.int64, count=len(first_with))
    for low, high in _near(hashes[distinct], bits):
        ones, others = distinct[low], distinct[high]
        if thumbnails is not None:
            alike = _likeness(thumbnails[ones], thumbnails[others]) >= likeness
            ones, others = ones[alike], others[alike]
        yield from zip(ones.tolist(), others.tolist(), strict=True)


def _likeness(ones: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the correlation of pairs of thumbnails, [pairs]; two that show nothing are alike, one is like no other."""
    one, other = (levels.astype(np.float32) - levels.mean(axis=1, keepdims=True) for levels in (ones, others))
    lengths = np.linalg.norm(one, axis=1), np.linalg.norm(other, axis=1)
    flat = lengths[0] < _FLAT, lengths[1] < _FLAT
    products = np.einsum("ij,ij->i", one, other) / np.maximum(lengths[0] * lengths[1], 1.0)
    found: NDArray[np.float32] = np.where(flat[0] | flat[1], (flat[0] & flat[1]).astype(np.float32), products)
    return found


def _near(hashes: NDArray[np.uint64], bits: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield near pairs (low < high) in blocks, each pair at the first quarter and turn that finds it."""
    quarters = [(hashes >> np.uint64(_BITS * place) & np.uint64(0xFFFF)).astype(np.int64) for place in range(_QUARTERS)]
    radius = bits // _QUARTERS
    turns = [sum(1 << bit for bit in chosen) for n in range(radius + 1) for chosen in combinations(range(_BITS), n)]
    for place, quarter in enumerate(quarters):
        order = np.argsort(quarter, kind="stable")
        ordered = quarter[order]
        for turn in turns:
            start = np.searchsorted(ordered, quarter ^ turn, side="left")
            end = np.searchsorted(ordered, quarter ^ turn, side="right")
            for low, high in _expanded(order, start, end):
                close = np.bitwise_count(hashes[low] ^ hashes[high]) <= bits
                low, high = low[close], high[close]
                for before in quarters[:place]:
                    new = np.bitwise_count(before[low] ^ before[high]) > radius
                    low, high = low[new], high[new]
                if len(low):
                    yield low, high


def _expanded(
    order: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield, block by block, item i beside every item of `order[start[i]:end[i]]` that is greater than i."""
    counts = end - start
    cumulative = np.cumsum(counts)
    begin = 0
    while begin < len(counts):
        done = cumulative[begin - 1] if begin else 0
        stop = max(begin + 1, int(np.searchsorted(cumulative, done + _AT_ONCE, side="right")))
        block = counts[begin:stop]
        low = np.repeat(np.arange(begin, stop), block)
        offsets = np.arange(len(low)) - np.repeat(np.cumsum(block) - block, block)
        high = order[np.repeat(start[begin:stop], block) + offsets]
        later = high > low
        yield low[later], high[later]
        begin = stop


class Groups:
    """Items that were joined, directly or through others (union-find); a group is named by its smallest item."""

    def __init__(self, items: int) -> None:
        self._above = list(range(items))

    def join(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Join the two items of each pair."""
        for one, other in pairs:
            first, second = self.of(one), self.of(other)
            self._above[max(first, second)] = min(first, second)

    def of(self, item: int) -> int:
        """Return the smallest item of an item's group."""
        while self._above[item] != item:
            self._above[item] = self._above[self._above[item]]
            item = self._above[item]
        return item
