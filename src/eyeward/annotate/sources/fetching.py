"""Images by their addresses, several fetched at once, in the order of their items."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from eyeward.annotate.item import Item
from eyeward.images.fetch import Fetched, Fetcher
from eyeward.verdict import Failure

AT_ONCE = 16


def fetched(items: Iterable[tuple[Item, str | None]], fetcher: Fetcher, at_once: int = AT_ONCE) -> Iterator[Item]:
    """Yield items with what was fetched for each that has an address; twice `at_once` wait at most."""
    waiting: deque[tuple[Item, Future[Fetched | Failure] | None]] = deque()
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="eyeward-fetch")
    try:
        for item, url in items:
            waiting.append((item, None if url is None else pool.submit(fetcher.fetch_now, url)))
            if len(waiting) > 2 * at_once:
                yield _arrived(*waiting.popleft())
        while waiting:
            yield _arrived(*waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _arrived(item: Item, future: Future[Fetched | Failure] | None) -> Item:
    if future is None:
        return item
    found = future.result()
    return replace(item, image=found if isinstance(found, Failure) else found.data)
