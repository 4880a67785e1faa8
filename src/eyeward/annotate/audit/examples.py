"""Pictures for an audit: blurred beyond repair, never of images that are known by their hash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eyeward.annotate.audit.frame import KNOWN, Place
from eyeward.annotate.footage import Footage
from eyeward.annotate.item import Item
from eyeward.annotate.query import VERDICTS, connected
from eyeward.annotate.record import read_run
from eyeward.annotate.sources import IMAGES_PER_SHARD, open_source
from eyeward.errors import UsageError
from eyeward.evaluate.report.gallery import data_uri
from eyeward.images import Limits, decode
from eyeward.verdict import Failure, Rating

if TYPE_CHECKING:
    import duckdb

_KINDS: Mapping[str, tuple[str, str]] = {
    "Unsafe, surest first": (f"rating = '{Rating.Unsafe}'", "p_unsafe DESC NULLS LAST"),
    "Review": (f"rating = '{Rating.Review}'", "abs(p_unsafe - threshold)"),
    "Nearest the threshold": ("p_unsafe IS NOT NULL AND threshold IS NOT NULL", "abs(p_unsafe - threshold)"),
}
"""What is shown under each policy: the condition, and the order."""


@dataclass(frozen=True)
class Example:
    """A row with its picture."""

    kind: str
    key: str
    rating: str
    category: str | None
    p_unsafe: float | None
    picture: str | None
    """A small blurred JPEG as a data URI; None where the dataset no longer gives the image that was judged."""


@dataclass(frozen=True)
class _Case:
    kind: str
    place: Place
    key: str
    rating: str
    category: str | None
    p_unsafe: float | None
    sha256: str | None


def examples(folder: Path, most: int, source: Sequence[str] | None = None) -> dict[str, tuple[Example, ...]]:
    """Return at most so many examples of each kind under each policy, by the hash of the policy.

    Raises:
        UsageError: when there is no run, or its dataset is not where it was.
        DataError: when the dataset cannot be read now.
    """
    record = read_run(folder)
    base = connected(folder)
    cases = {policy.hash: list(_cases(base, policy.hash, most)) for policy in record.policies}
    wanted = {case.place: case.sha256 for of_policy in cases.values() for case in of_policy}
    opened = open_source(
        list(source or record.source),
        record.kind,
        record.images_per_shard or IMAGES_PER_SHARD,
        record.image_column,
        sampling=record.sampling,
    )
    limits = Limits(**record.guard.limits)
    pictures: dict[Place, str] = {}
    for shard in opened.shards:
        indices = {place.index for place in wanted if place.shard == shard.name}
        for item in _items(shard.items(), indices):
            place = Place(shard.name, item.index)
            picture = _picture(item, wanted[place], limits)
            if picture is not None:
                pictures[place] = picture
    return {
        hash: tuple(
            Example(case.kind, case.key, case.rating, case.category, case.p_unsafe, pictures.get(case.place))
            for case in of_policy
        )
        for hash, of_policy in cases.items()
    }


def _cases(base: duckdb.DuckDBPyConnection, hash: str, most: int) -> Iterator[_Case]:
    """Yield the rows to be shown, each once.

    A picture that is known by its hash, or has the same bytes or looks as one that is, is not among them.
    """
    known = f"SELECT {{}} FROM {VERDICTS} WHERE {KNOWN} AND {{}} IS NOT NULL"
    shown: set[Place] = set()
    for kind, (condition, order) in _KINDS.items():
        rows: list[tuple[Any, ...]] = base.execute(
            f"SELECT shard, index, key, rating, category, p_unsafe, sha256 FROM {VERDICTS} "
            f"WHERE policy_hash = $1 AND rating IS NOT NULL AND NOT {KNOWN} AND {condition} "
            f"AND sha256 IS NOT NULL AND sha256 NOT IN ({known.format('sha256', 'sha256')}) "
            f"AND coalesce(phash NOT IN ({known.format('phash', 'phash')}), true) "
            f"ORDER BY {order}, shard, index LIMIT {most + len(shown):d}",
            [hash],
        ).fetchall()
        fresh = [row for row in rows if Place(str(row[0]), int(row[1])) not in shown][:most]
        for shard, index, key, rating, category, p_unsafe, sha256 in fresh:
            place = Place(str(shard), int(index))
            shown.add(place)
            yield _Case(kind, place, str(key), str(rating), category, p_unsafe, sha256)


def _items(items: Iterator[Item], indices: set[int]) -> Iterator[Item]:
    """Yield the items with some indices; read no further than the last of them."""
    if not indices:
        return
    try:
        for item in items:
            if item.index in indices:
                yield item
            if item.index >= max(indices):
                return
    except UsageError:  # addresses of images: nothing is fetched for a report
        return


def _picture(item: Item, sha256: str | None, limits: Limits) -> str | None:
    """Return a picture, if it is the image that was judged."""
    if isinstance(item.image, Failure | Footage):
        return None
    decoded = decode(item.image, limits)
    if isinstance(decoded, Failure) or decoded.sha256 != sha256:
        return None
    return data_uri(decoded.frames[0].pixels, original=False)
