"""Images of annotation runs that people may be asked about, in SQL so that any number of them will do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eyeward.annotate.arrow import arrow
from eyeward.annotate.audit.frame import KNOWN, Place
from eyeward.annotate.query import VERDICTS, connected, view
from eyeward.errors import PASSING, ErrorType, UsageError
from eyeward.policy import Policy
from eyeward.serve.labels.records import Claim, Order
from eyeward.verdict import Rating

if TYPE_CHECKING:
    import duckdb

_EARLIER, _CHOSEN, _PLACES = "earlier", "chosen", "places"
_WITH_PIXELS = ", ".join(f"'{error}'" for error in sorted({*PASSING, ErrorType.unparsable_answer}))
"""Errors of images that can be looked at."""


@dataclass(frozen=True)
class Candidate:
    """An image of a run."""

    image_sha256: str
    place: Place
    key: str
    claims: tuple[Claim, ...]


class Candidates:
    """The images of a run under one policy, without those that are known by their hash, or cannot be looked at."""

    def __init__(
        self,
        run: Path,
        policy: Policy,
        against: Sequence[Path] = (),
        earlier: Mapping[str, Sequence[Claim]] | None = None,
    ) -> None:
        """Look at the verdicts of runs, and at what earlier raters said, by the sha256 of the image.

        Raises:
            UsageError: when there is no run, or it did not ask about the policy.
        """
        self._base = connected(run)
        self._policy = policy
        self._earlier = earlier or {}
        names = [VERDICTS]
        for number, other in enumerate(against):
            names.append(f"other_{number}")
            view(self._base, names[-1], other)
        columns = (
            "sha256, phash, shard, index, key, status, rating, category, rationale, p_unsafe, threshold, notes, "
            "policy_name, policy_hash, model_name, error_type"
        )
        tables = (f"SELECT {number} AS run, {columns} FROM {name}" for number, name in enumerate(names))
        union = " UNION ALL ".join(tables)
        self._base.execute(f"CREATE TEMP TABLE known AS SELECT DISTINCT sha256, phash FROM ({union}) WHERE {KNOWN}")
        hidden = (
            "(coalesce(sha256 IN (SELECT sha256 FROM known WHERE sha256 IS NOT NULL), false) "
            "OR coalesce(phash IN (SELECT phash FROM known WHERE phash IS NOT NULL), false))"
        )
        self._base.execute(f"CREATE VIEW said AS SELECT *, {hidden} AS hidden FROM ({union})")
        seen = f"sha256 IS NOT NULL AND (rating IS NOT NULL OR error_type IN ({_WITH_PIXELS}))"
        self._mine = f"(SELECT * FROM said WHERE run = 0 AND policy_hash = '{policy.hash}')"
        self._seen = f"(SELECT * FROM {self._mine} WHERE {seen} AND NOT hidden)"
        rows, known, unseen, images = self._one(
            f"SELECT count(*), count(*) FILTER (hidden), count(*) FILTER (NOT hidden AND NOT ({seen})), "
            f"count(DISTINCT sha256) FILTER (NOT hidden AND {seen}) FROM {self._mine}"
        )
        if not rows:
            raise UsageError(f"The run in {run} did not ask about the policy {policy.name!r} ({policy.hash[:12]}…).")
        self.images = int(images)
        self.left_out = {"known": int(known), "unreadable": int(unseen)}
        self.left_out["same_image"] = int(rows) - int(known) - int(unseen) - self.images

    def first(self, order: Order, seed: int, most: int) -> list[Candidate]:
        """Return the first images in an order; equal ones by lot."""
        lot = f"md5(concat('{seed:d}/', sha256))"
        if order is Order.disagreement:
            self._register(_EARLIER, self._said_earlier())
            claims = (
                "SELECT sha256, rating IS DISTINCT FROM 'Safe' AS flagged, category, p_unsafe FROM said "
                f"WHERE rating IS NOT NULL UNION ALL SELECT * FROM {_EARLIER}"
            )
            differ = (
                "SELECT sha256, count(DISTINCT flagged) AS ratings, count(DISTINCT category) AS categories, "
                f"coalesce(max(p_unsafe) - min(p_unsafe), 0) AS spread FROM ({claims}) GROUP BY sha256"
            )
            rows = f"{self._once()} LEFT JOIN ({differ}) USING (sha256)"
            by = f"ratings DESC NULLS LAST, categories DESC NULLS LAST, spread DESC NULLS LAST, {lot}"
        else:
            rows = self._once()
            by = f"abs(p_unsafe - threshold) NULLS LAST, {lot}" if order is Order.nearest else lot
        found = self._asked(f"SELECT sha256, shard, index, key FROM {rows} ORDER BY {by} LIMIT {most:d}")
        return self._with_claims(found)

    def at(self, places: Sequence[Place]) -> list[Candidate]:
        """Return the images at some places, in their order, each once."""
        self._register(_PLACES, _table_of(places))
        found = self._asked(
            f'SELECT sha256, shard, index, key FROM {self._seen} JOIN {_PLACES} USING (shard, "index") '
            "QUALIFY row_number() OVER (PARTITION BY sha256 ORDER BY number) = 1 ORDER BY number"
        )
        return self._with_claims(found)

    def _once(self) -> str:
        """Return in SQL the rows that can be asked about, of each image the first."""
        return (
            f"(SELECT * FROM {self._seen} "
            'QUALIFY row_number() OVER (PARTITION BY sha256 ORDER BY shard, "index") = 1) AS mine'
        )

    def _with_claims(self, found: Sequence[tuple[Any, ...]]) -> list[Candidate]:
        """Add what everybody said of these images: under our policy first, in the order of the runs."""
        self._register(_CHOSEN, arrow().table({"sha256": arrow().array([row[0] for row in found], "string")}))
        claims: dict[str, list[Claim]] = {row[0]: [] for row in found}
        for sha256, model, name, hash, rating, category, p_unsafe, threshold, rationale in self._asked(
            "SELECT sha256, model_name, policy_name, policy_hash, rating, category, p_unsafe, threshold, rationale "
            f"FROM said SEMI JOIN {_CHOSEN} USING (sha256) "
            'QUALIFY row_number() OVER (PARTITION BY sha256, run, policy_hash ORDER BY shard, "index") = 1 '
            f"ORDER BY (policy_hash = '{self._policy.hash}') DESC, run, policy_name, policy_hash"
        ):
            claims[sha256].append(
                Claim(
                    by=model,
                    policy=name,
                    policy_hash=hash,
                    rating=None if rating is None else Rating(rating),
                    category=category,
                    p_unsafe=p_unsafe,
                    threshold=threshold,
                    rationale=rationale,
                )
            )
        return [
            Candidate(sha256, Place(shard, int(index)), key, (*claims[sha256], *self._earlier.get(sha256, ())))
            for sha256, shard, index, key in found
        ]

    def _said_earlier(self) -> Any:
        """Return what earlier raters said as a table; they are as sure as one can be."""
        said = [(sha256, claim) for sha256, claims in self._earlier.items() for claim in claims]
        flagged = [claim.rating is not Rating.Safe for _, claim in said]
        return arrow().table(
            {
                "sha256": arrow().array([sha256 for sha256, _ in said], "string"),
                "flagged": arrow().array(flagged, "bool"),
                "category": arrow().array([claim.category for _, claim in said], "string"),
                "p_unsafe": arrow().array([float(unsafe) for unsafe in flagged], "float64"),
            }
        )

    def _register(self, name: str, table: Any) -> None:
        self._base.register(name, table)

    def _one(self, sql: str) -> tuple[Any, ...]:
        return self._asked(sql)[0]

    def _asked(self, sql: str) -> list[tuple[Any, ...]]:
        return self._base.execute(sql).fetchall()


def images_at(run: Path, policy: Policy, places: Sequence[Place]) -> dict[Place, str]:
    """Return the sha256 of the images at some places of a run.

    Raises:
        UsageError: when there is no run.
    """
    base: duckdb.DuckDBPyConnection = connected(run)
    base.register(_PLACES, _table_of(places))
    rows = base.execute(
        f'SELECT shard, "index", sha256 FROM {VERDICTS} SEMI JOIN {_PLACES} USING (shard, "index") '
        "WHERE policy_hash = $1 AND sha256 IS NOT NULL",
        [policy.hash],
    ).fetchall()
    return {Place(str(shard), int(index)): str(sha256) for shard, index, sha256 in rows}


def _table_of(places: Sequence[Place]) -> Any:
    return arrow().table(
        {
            "shard": arrow().array([place.shard for place in places], "string"),
            "index": arrow().array([place.index for place in places], "int64"),
            "number": arrow().array(range(len(places)), "int64"),
        }
    )
