"""Perceptual hashes of images, made beside the guard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from eyeward.annotate.item import Item
from eyeward.images import Limits, decode, perceptual_hash
from eyeward.verdict import Failure


class Looks:
    """Hashes of the items that pass through, each asked for once; they cost a decoding of their own."""

    def __init__(self, limits: Limits) -> None:
        """Decode within these limits."""
        self._limits = limits
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="eyeward-phash")
        self._hashes: dict[int, Future[int | None]] = {}

    def __enter__(self) -> Self:
        """Be there."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop what was not begun."""
        self._pool.shutdown(cancel_futures=True)

    def passing(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items, and begin to hash each."""
        for item in items:
            self._hashes[item.index] = self._pool.submit(self._hash, item)
            yield item

    def of(self, item: Item) -> int | None:
        """Return the hash of the first frame, the same however often it is asked for in a row; None for no image."""
        for passed in [index for index in self._hashes if index < item.index]:
            del self._hashes[passed]
        return self._hashes[item.index].result()

    def _hash(self, item: Item) -> int | None:
        if isinstance(item.image, Failure):
            return None
        decoded = decode(item.image, self._limits)
        return None if isinstance(decoded, Failure) else perceptual_hash(decoded.frames[0].pixels)
