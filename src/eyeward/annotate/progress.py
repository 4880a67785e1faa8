"""How far a run is, in the numbers that tell whether to wait, to look or to stop it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from eyeward.annotate.shard_file import Counts
from eyeward.verdict import Rating, Verdict

ERROR = "error"


@dataclass(frozen=True, slots=True)
class Rows:
    """Images that were judged, and what came of them."""

    images: int = 0
    ratings: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """What one of several workers has done so far, as it says itself."""

    settled: Rows = Rows()
    """Of finished shards."""
    under_way: Rows = Rows()
    """Of the shard under way."""
    shard: str | None = None
    """The shard under way."""
    shards_done: int = 0
    shards_before: int = 0
    images_here: int = 0
    images_per_second: float = 0.0
    unread: dict[str, str] = field(default_factory=dict)

    def abandoned(self) -> Part:
        """Return what is left of it when the worker is dead: the shard under way will be judged again."""
        return replace(self, under_way=Rows(), shard=None, images_per_second=0.0)


@dataclass
class Progress:
    """Counts of a run that is under way; what earlier starts have finished is in them."""

    shards: int
    """Shards that this process is to see done."""
    shards_done: int = 0
    shards_before: int = 0
    """Of those that are done: what was done when it began, or was done by others."""
    images: int = 0
    """Images of finished shards, and of the one under way."""
    ratings: Counter[str] = field(default_factory=Counter)
    """Rows by rating; those without one under `error`."""
    errors: Counter[str] = field(default_factory=Counter)
    """Rows by type of error."""
    images_here: int = 0
    """Images that this process has judged, or its workers."""
    shard: str | None = None
    """The shard under way; of several one."""
    unread: dict[str, str] = field(default_factory=dict)
    """Shards that could not be read, and why."""
    workers: dict[str, Part] = field(default_factory=dict)
    """What each of several workers has done, by its name; empty where this process judges itself."""
    notes: list[str] = field(default_factory=list)
    """Sentences for people, such as that a worker has died; each is to be said once."""
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        """Start the clock."""
        self.start()
        self._under_way: tuple[int, Counter[str], Counter[str]] = (0, Counter(), Counter())

    def start(self) -> None:
        """Start the clock anew."""
        self._began = self.clock()

    def begin(self, shard: str) -> None:
        """Note that a shard is under way."""
        self.shard = shard
        self._under_way = (0, Counter(), Counter())

    def add(self, verdict: Verdict, is_first: bool) -> None:
        """Count a row of the shard under way; `is_first` is the first of its image."""
        images, ratings, errors = self._under_way
        self._under_way = (images + is_first, ratings, errors)
        self.images += is_first
        self.images_here += is_first
        word = ERROR if verdict.rating is None else verdict.rating.value
        ratings[word] += 1
        self.ratings[word] += 1
        if verdict.error is not None:
            errors[verdict.error.type.value] += 1
            self.errors[verdict.error.type.value] += 1

    def finish(self) -> None:
        """Note that the shard under way is done."""
        self.shards_done += 1
        self.shard = None

    def abandon(self) -> None:
        """Forget the shard under way: it will be judged again, or another process has it."""
        images, ratings, errors = self._under_way
        self.images -= images
        self.ratings -= ratings
        self.errors -= errors
        self.shard = None

    def found(self, counts: Counts) -> None:
        """Count a shard that is done already."""
        self.shards_done += 1
        self.shards_before += 1
        self.images += counts.images
        self.ratings.update(counts.ratings)
        self.errors.update(counts.errors)

    def part(self) -> Part:
        """Return what was done so far, to send it to whoever adds up."""
        images, ratings, errors = self._under_way if self.shard is not None else (0, Counter[str](), Counter[str]())
        return Part(
            settled=Rows(self.images - images, dict(self.ratings - ratings), dict(self.errors - errors)),
            under_way=Rows(images, dict(ratings), dict(errors)),
            shard=self.shard,
            shards_done=self.shards_done,
            shards_before=self.shards_before,
            images_here=self.images_here,
            images_per_second=self.images_per_second,
            unread=dict(self.unread),
        )

    def add_up(self, found: Part, workers: Mapping[str, Part]) -> None:
        """Count what was found done and what each of several workers has done, in place of all that was counted."""
        parts = [found, *workers.values()]
        self.workers = dict(workers)
        self.shards_done = sum(part.shards_done for part in parts)
        self.shards_before = sum(part.shards_before for part in parts)
        self.images_here = sum(part.images_here for part in parts)
        self.unread = {name: why for part in parts for name, why in part.unread.items()}
        self.shard = next((part.shard for part in parts if part.shard is not None), None)
        settled = _sum(part.settled for part in parts)
        self._under_way = _sum(part.under_way for part in parts)
        self.images = settled[0] + self._under_way[0]
        self.ratings = settled[1] + self._under_way[1]
        self.errors = settled[2] + self._under_way[2]

    @property
    def rows(self) -> int:
        """Rows that were counted."""
        return self.ratings.total()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self.clock() - self._began

    @property
    def images_per_second(self) -> float:
        """What this process does, or its workers together."""
        return self.images_here / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """A guess by the mean length of finished shards; None while nothing is known."""
        left = self.shards - self.shards_done - len(self.unread)
        if left == 0:
            return 0.0
        if not self.shards_done or not self.images_here:
            return None
        under_way = self._under_way[0] if self.shard is not None else 0
        mean = (self.images - under_way) / self.shards_done
        return max(0.0, left * mean - under_way) / self.images_per_second

    def share(self, word: Rating | str) -> float | None:
        """Return the share of a rating, or of errors, among all rows; None while there are none."""
        return self.ratings[str(word)] / self.rows if self.rows else None


def _sum(rows: Iterable[Rows]) -> tuple[int, Counter[str], Counter[str]]:
    images, ratings, errors = 0, Counter[str](), Counter[str]()
    for some in rows:
        images += some.images
        ratings.update(some.ratings)
        errors.update(some.errors)
    return images, ratings, errors


Watch = Callable[[Progress], None]
"""Is told after every row and every shard; it decides for itself when to say something."""
