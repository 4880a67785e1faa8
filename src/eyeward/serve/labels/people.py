"""What people agreed to look at, and how much of it they have looked at today."""

from __future__ import annotations

import json
from collections.abc import Callable, Set
from datetime import UTC, datetime

import sqlalchemy as sa

from eyeward.data.events import LabelField
from eyeward.errors import UsageError
from eyeward.serve.labels import tables
from eyeward.serve.labels.records import Annotator


class People:
    """Consents and caps, inside of transactions of others."""

    def __init__(self, clock: Callable[[], datetime], daily_cap: int) -> None:
        """Take the cap of those who chose no lower one."""
        self._clock = clock
        self._daily_cap = daily_cap

    def annotator(self, connection: sa.Connection, user: str, lock: bool = False) -> Annotator:
        """Return what somebody agreed to; with `lock`, nothing more is counted for them until the transaction ends."""
        if lock and connection.dialect.name == "postgresql":  # SQLite has one writer at a time
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"eyeward/{user}"))))
        table = tables.consents
        asked = sa.select(table).where(table.c.user == user).order_by(table.c.seq.desc()).limit(1)
        row = connection.execute(asked).mappings().one_or_none()
        own_cap = None if row is None else row["daily_cap"]
        return Annotator(
            user=user,
            consent=None if row is None else frozenset(json.loads(row["categories"])),
            daily_cap=self._daily_cap if own_cap is None else min(own_cap, self._daily_cap),
            used_today=self._used_today(connection, user),
        )

    def agree(
        self, connection: sa.Connection, user: str, categories: frozenset[str], daily_cap: int | None
    ) -> Annotator:
        """Keep what somebody agrees to; what they agreed to before stays, too, and no longer counts."""
        if daily_cap is not None and daily_cap < 0:
            raise UsageError(f"A daily cap is 0 or more, not {daily_cap}.")
        row = {
            "time": self._clock(),
            "user": user,
            "categories": json.dumps(sorted(categories)),
            "daily_cap": None if daily_cap is None else min(daily_cap, self._daily_cap),
        }
        connection.execute(sa.insert(tables.consents), row)
        return self.annotator(connection, user)

    def _used_today(self, connection: sa.Connection, user: str) -> int:
        """Count reveals and answers; every answer has one event about the rating."""
        today = self._clock().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        events, looks = tables.events, tables.looks
        rated = sa.select(sa.func.count()).where(
            events.c.user == user, events.c.time >= today, events.c.field == LabelField.rating.value
        )
        revealed = sa.select(sa.func.count()).where(
            looks.c.user == user, looks.c.time >= today, looks.c.act == "reveal"
        )
        return int(connection.execute(rated).scalar_one()) + int(connection.execute(revealed).scalar_one())


def consents(person: Annotator, categories: Set[str]) -> bool:
    """Whether somebody agreed to see all of these."""
    return person.consent is not None and categories <= person.consent
