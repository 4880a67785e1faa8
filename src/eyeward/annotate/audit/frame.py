"""The rows of one policy that labels can be drawn from, asked in SQL so that any number of them will do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eyeward.annotate.arrow import arrow
from eyeward.annotate.audit.strata import BINS_A_LOGIT, Histogram, Stratum, bin_start
from eyeward.annotate.query import VERDICTS
from eyeward.verdict import Note, Rating

if TYPE_CHECKING:
    import duckdb

KNOWN = f"coalesce(list_contains(notes, '{Note.hash_match}'), false)"
"""Rows about images that were known by their hash: they are Unsafe, and are shown to nobody."""
_SCORE = f"coalesce(p_unsafe, CASE rating WHEN '{Rating.Unsafe}' THEN 1.0 WHEN '{Rating.Review}' THEN 0.5 ELSE 0.0 END)"
"""What the guard says as a number; a guard without probabilities says its rating."""
_CLIPPED = f"least(greatest({_SCORE}, 1e-9), 1 - 1e-9)"
_PLACES = "places"


@dataclass(frozen=True)
class Place:
    """Where a row stands."""

    shard: str
    index: int


@dataclass(frozen=True)
class Said:
    """What the guard says of an image."""

    score: float
    unsafe: bool
    category: str | None


@dataclass(frozen=True)
class Drawn:
    """An image that is to be labelled."""

    place: Place
    key: str
    stratum: int


class Frame:
    """The rated rows of one policy, without images that are known by their hash."""

    def __init__(self, base: duckdb.DuckDBPyConnection, policy_hash: str) -> None:
        """Look at the verdicts of a run."""
        self._base = base
        self._hash = policy_hash
        self._rows = f"(SELECT * FROM {VERDICTS} WHERE policy_hash = $1 AND rating IS NOT NULL AND NOT {KNOWN})"

    def left_out(self) -> tuple[int, int]:
        """Return how many images are known by their hash, and how many have no rating."""
        found = self._asked(
            f"SELECT count(*) FILTER (rating IS NOT NULL AND {KNOWN}), count(*) FILTER (rating IS NULL) "
            f"FROM {VERDICTS} WHERE policy_hash = $1"
        )
        return int(found[0][0]), int(found[0][1])

    def histograms(self) -> dict[Rating, Histogram]:
        """Return the scores of each rating in bins of log odds."""
        bins = self._asked(
            f"SELECT rating, floor({BINS_A_LOGIT} * ln({_CLIPPED} / (1 - {_CLIPPED})))::INT, count(*) "
            f"FROM {self._rows} GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return {
            rating: [(bin_start(bin), int(count)) for word, bin, count in bins if word == rating.value]
            for rating in Rating
        }

    def counted(self, strata: Sequence[Stratum]) -> dict[int, tuple[int, float]]:
        """Return the images of each stratum, and the mean of their scores, by number."""
        found = self._asked(
            f"SELECT {_number(strata)} AS stratum, count(*), favg({_SCORE}) FROM {self._rows} GROUP BY 1"
        )
        return {
            int(stratum): (int(count), round(float(mean), 12)) for stratum, count, mean in found if stratum is not None
        }

    def said_by_category(self, strata: Sequence[Stratum]) -> dict[str, dict[int, tuple[int, float]]]:
        """Return the rows rated Unsafe and the sums of their scores, by category and by number of the stratum."""
        found: dict[str, dict[int, tuple[int, float]]] = {}
        for category, stratum, count, total in self._asked(
            f"SELECT category, {_number(strata)} AS stratum, count(*), fsum({_SCORE}) FROM {self._rows} "
            f"WHERE rating = '{Rating.Unsafe}' AND category IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
        ):
            found.setdefault(str(category), {})[int(stratum)] = (int(count), round(float(total), 9))
        return found

    def draw(self, strata: Sequence[Stratum], seed: int) -> list[Drawn]:
        """Draw from each stratum as many images as it says, by lot; the order of the result tells nothing of them."""
        found: list[Drawn] = []
        for stratum in strata:
            rows = self._asked(
                f"SELECT shard, index, key FROM {self._rows} WHERE {_number(strata)} = {stratum.number} "
                f"ORDER BY md5(concat('{seed:d}/', index, '/', shard)), shard, index LIMIT {stratum.drawn:d}"
            )
            found += [Drawn(Place(str(shard), int(index)), str(key), stratum.number) for shard, index, key in rows]
        return sorted(found, key=lambda drawn: _shuffled(drawn.place, seed))

    def said(self, places: Sequence[Place]) -> Mapping[Place, Said]:
        """Return what the guard says of some images."""
        table = arrow().table(
            {
                "shard": arrow().array([place.shard for place in places], "string"),
                "index": arrow().array([place.index for place in places], "int64"),
            }
        )
        self._base.register(_PLACES, table)
        found = self._asked(
            f"SELECT shard, index, {_SCORE}, rating = '{Rating.Unsafe}', category "
            f'FROM {self._rows} SEMI JOIN {_PLACES} USING (shard, "index")'
        )
        self._base.unregister(_PLACES)
        return {Place(str(row[0]), int(row[1])): Said(float(row[2]), bool(row[3]), row[4]) for row in found}

    def _asked(self, sql: str) -> list[tuple[Any, ...]]:
        return self._base.execute(sql, [self._hash]).fetchall()


def _shuffled(place: Place, seed: int) -> bytes:
    """Return by what a place is sorted; it has nothing to do with the lot that it was drawn by."""
    return hashlib.sha256(f"{seed}/{place.index}/{place.shard}".encode()).digest()


def _number(strata: Sequence[Stratum]) -> str:
    """Return in SQL the number of the stratum that a row is in."""
    cases = " ".join(
        f"WHEN rating = '{s.rating}' AND {_SCORE} >= '{s.at_least!r}'::DOUBLE"
        + ("" if s.below is None else f" AND {_SCORE} < '{s.below!r}'::DOUBLE")
        + f" THEN {s.number}"
        for s in strata
    )
    return f"(CASE {cases} END)"
