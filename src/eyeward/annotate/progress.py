"""How far a run is, in the numbers that tell whether to wait, to look or to stop it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from eyeward.annotate.shard_file import Counts
from eyeward.verdict import Rating, Verdict

ERROR = "error"


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
    """Images that this process has judged."""
    shard: str | None = None
    """The shard under way."""
    unread: dict[str, str] = field(default_factory=dict)
    """Shards that could not be read, and why."""
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        """Start the clock."""
        self._began = self.clock()
        self._under_way: tuple[int, Counter[str], Counter[str]] = (0, Counter(), Counter())

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
        """What this process does."""
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


Watch = Callable[[Progress], None]
"""Is told after every row and every shard; it decides for itself when to say something."""
