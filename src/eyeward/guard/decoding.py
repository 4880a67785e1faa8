"""Decodes images beside the engine, in order, with a bound on what waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from threading import Condition
from typing import Generic, TypeVar

from eyeward.images import DecodedImage, ImageSource, Limits, decode
from eyeward.verdict import Failure

WORKERS = 2

Item = TypeVar("Item")


def pixels_of(decoded: DecodedImage | Failure) -> int:
    """Count the pixels that an image holds in memory."""
    if isinstance(decoded, Failure):
        return 0
    return sum(frame.pixels.width * frame.pixels.height for frame in decoded.frames)


@dataclass(frozen=True, slots=True)
class _Ahead(Generic[Item]):
    """An item that was taken before its consumer wants it."""

    item: Item
    image: Callable[[], DecodedImage | Failure]
    held: bool
    """Whether its pixels count among those that wait."""


class DecodedAhead(Generic[Item]):
    """Items with their images decoded, as many ahead of the consumer as `count`, of about `pixels` pixels together.

    Items in a row with the very same path or bytes share one decoding. The items are taken in the consumer's thread,
    and bytes of at most `at_once` are decoded in it, too, when they are wanted: for a small image that is quicker than
    to have a thread do it. Closing the iterator stops the decoding.
    """

    def __init__(
        self,
        items: Iterable[Item],
        source: Callable[[Item], ImageSource],
        limits: Limits,
        count: int,
        pixels: int,
        at_once: int = 0,
    ) -> None:
        self._items = items
        self._source = source
        self._limits = limits
        self._count = count
        self._pixels = pixels
        self._at_once = at_once
        self._held = 0
        """Pixels that are decoded and not taken."""
        self._taken = 0
        """Items that were taken: the number of the one that is wanted next."""
        self._closed = False
        self._changed = Condition()

    def __iter__(self) -> Iterator[tuple[Item, DecodedImage | Failure]]:
        """Yield every item with its image, in order."""
        waiting: deque[_Ahead[Item]] = deque()
        source: ImageSource | None = None
        pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="eyeward-decode")  # threads start when needed
        try:
            for number, item in enumerate(self._items):
                before, source = source, self._source(item)
                if waiting and source is before and isinstance(source, str | bytes | Path):
                    waiting.append(_Ahead(item, waiting[-1].image, held=False))
                elif isinstance(source, bytes) and len(source) <= self._at_once:
                    waiting.append(_Ahead(item, cache(partial(decode, source, self._limits)), held=False))
                else:
                    waiting.append(_Ahead(item, pool.submit(self._decode, source, number).result, held=True))
                if len(waiting) > self._count:
                    yield self._take(waiting.popleft())
            while waiting:
                yield self._take(waiting.popleft())
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            pool.shutdown(cancel_futures=True)

    def _decode(self, source: ImageSource, number: int) -> DecodedImage | Failure:
        with self._changed:  # the one that is wanted next never waits, or nobody would make room
            self._changed.wait_for(lambda: self._closed or self._held < self._pixels or number == self._taken)
        decoded = decode(source, self._limits)
        with self._changed:
            self._held += pixels_of(decoded)
        return decoded

    def _take(self, ahead: _Ahead[Item]) -> tuple[Item, DecodedImage | Failure]:
        image = ahead.image()
        with self._changed:
            self._held -= pixels_of(image) if ahead.held else 0
            self._taken += 1
            self._changed.notify_all()
        return ahead.item, image
