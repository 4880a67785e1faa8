"""How images look, as numbers, made beside the guard: perceptual hashes, and what `eyeward monitor` compares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from eyeward.annotate.footage import Footage
from eyeward.annotate.item import Item
from eyeward.images import Limits, decode, perceptual_hash
from eyeward.images.statistics import Statistics, statistics_of
from eyeward.verdict import Failure


@dataclass(frozen=True, slots=True)
class Look:
    """How one image looks; what was not asked for, and of what is no image, is None."""

    phash: int | None = None
    statistics: Statistics | None = None


NO_LOOK = Look()


class Looks:
    """Looks of the items that pass through, each asked for once; they cost a decoding of their own."""

    def __init__(self, limits: Limits, phash: bool, statistics: bool) -> None:
        """Decode within these limits, for one of both or both."""
        self._limits = limits
        self._phash = phash
        self._statistics = statistics
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="eyeward-looks")
        self._looks: dict[int, Future[Look]] = {}

    def __enter__(self) -> Self:
        """Be there."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop what was not begun."""
        self._pool.shutdown(cancel_futures=True)

    def passing(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items, and begin to look at each."""
        for item in items:
            self._looks[item.index] = self._pool.submit(self._look, item)
            yield item

    def of(self, item: Item) -> Look:
        """Return the look of the first frame, the same however often it is asked for in a row."""
        for passed in [index for index in self._looks if index < item.index]:
            del self._looks[passed]
        return self._looks[item.index].result()

    def _look(self, item: Item) -> Look:
        if isinstance(item.image, Failure | Footage):
            return NO_LOOK
        decoded = decode(item.image, self._limits)
        if isinstance(decoded, Failure):
            return NO_LOOK
        picture = decoded.frames[0].pixels
        return Look(
            phash=perceptual_hash(picture) if self._phash else None,
            statistics=statistics_of(picture) if self._statistics else None,
        )
