"""Images that look the same and of which the guard says different things: one of the verdicts is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from eyeward.annotate.audit.frame import KNOWN
from eyeward.annotate.query import VERDICTS

if TYPE_CHECKING:
    import duckdb

MOST_GROUPS, MOST_MEMBERS = 50, 20


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LookAlike(_Record):
    """An image of a group."""

    shard: str
    index: int
    key: str
    rating: str
    """Or `error`."""
    p_unsafe: float | None


class LookAlikes(_Record):
    """Images with one perceptual hash that are rated otherwise."""

    phash: str
    """All 64 bits of it, as hexadecimal digits."""
    images: int
    """All of the group, listed or not."""
    known: int
    """Those that a list of known images names: they count as Unsafe, and are not listed."""
    members: tuple[LookAlike, ...]
    """At most twenty, some of every rating, the highest probability first."""


class Likeness(_Record):
    """What perceptual hashes tell under one policy. Images look the same where their hashes are equal, bit for bit."""

    groups: int | None
    """Groups of at least two images; None where there are no hashes."""
    apart: int | None
    """Those of them that are rated otherwise, an error being one way."""
    listed: tuple[LookAlikes, ...]
    """The first fifty of these, those with the widest gap of probabilities first."""


def likeness(base: duckdb.DuckDBPyConnection, policy_hash: str) -> Likeness:
    """Group the images of a run by how they look."""

    def asked(sql: str) -> Sequence[tuple[Any, ...]]:
        return base.execute(sql, [policy_hash]).fetchall()

    rows = (
        'SELECT shard, "index", key, phash, p_unsafe, abs(p_unsafe - coalesce(threshold, 0.5)) AS sure, '
        f"coalesce(rating, 'error') AS said, {KNOWN} AS known FROM {VERDICTS} "
        "WHERE policy_hash = $1 AND phash IS NOT NULL"
    )
    groups = (
        "SELECT phash, count(*) AS images, count(*) FILTER (known) AS known, count(DISTINCT said) AS ways, "
        f"max(p_unsafe) - min(p_unsafe) AS gap FROM ({rows}) GROUP BY phash"
    )
    ((hashes, several, apart),) = asked(
        f"SELECT count(*), count(*) FILTER (images > 1), count(*) FILTER (ways > 1) FROM ({groups})"
    )
    if not hashes:
        return Likeness(groups=None, apart=None, listed=())
    first = f"SELECT * FROM ({groups}) WHERE ways > 1 ORDER BY gap DESC NULLS LAST, phash LIMIT {MOST_GROUPS}"
    in_turn = (
        'SELECT *, row_number() OVER (PARTITION BY phash, said ORDER BY sure DESC NULLS LAST, shard, "index") AS turn '
        f"FROM ({rows}) SEMI JOIN ({first}) USING (phash) WHERE NOT known"
    )
    members: dict[int, list[LookAlike]] = {}
    for phash, *member in asked(
        f'SELECT phash, shard, "index", key, said, p_unsafe FROM ({in_turn}) QUALIFY row_number() OVER '
        f'(PARTITION BY phash ORDER BY turn, said, shard, "index") <= {MOST_MEMBERS} '
        'ORDER BY p_unsafe DESC NULLS LAST, shard, "index"'
    ):
        members.setdefault(phash, []).append(LookAlike(**dict(zip(LookAlike.model_fields, member, strict=True))))
    listed = [
        LookAlikes(phash=f"{phash:016x}", images=images, known=known, members=tuple(members.get(phash, ())))
        for phash, images, known, *_ in asked(first)
    ]
    return Likeness(groups=several, apart=apart, listed=tuple(listed))
