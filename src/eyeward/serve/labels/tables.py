"""The tables of a store. Three are only ever appended to, which triggers of the database itself see to."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

APPEND_ONLY = ("label_events", "label_looks", "label_consents")
VERSION_TABLE = "label_version"
"""Where the migration is noted that the tables come from."""


class Moment(sa.types.TypeDecorator[datetime]):
    """A time with its zone; SQLite keeps none, so that all of them are kept in UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Write it in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read it in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""Numbers that count upwards by themselves: the order in which rows were appended."""

metadata = sa.MetaData()

queues = sa.Table(
    "label_queues",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("time", Moment, nullable=False),
    sa.Column("user", sa.String(200), nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("left_out", sa.Text, nullable=False),
)

items = sa.Table(
    "label_items",
    metadata,
    sa.Column("queue", sa.String(100), sa.ForeignKey("label_queues.name"), primary_key=True),
    sa.Column("image_sha256", sa.String(64), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("claims", sa.Text, nullable=False),
    # What the events of the item add up to, written with them in one transaction, so that queues are asked quickly.
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("answers", sa.Integer, nullable=False),
    sa.Index("label_items_in_order", "queue", "state", "position"),
)

categories = sa.Table(
    "label_categories",
    metadata,
    sa.Column("queue", sa.String(100), primary_key=True),
    sa.Column("image_sha256", sa.String(64), primary_key=True),
    sa.Column("category", sa.Text, primary_key=True),
)

events = sa.Table(
    "label_events",
    metadata,
    sa.Column("seq", Counter, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(200), nullable=False, unique=True),
    sa.Column("time", Moment, nullable=False),
    sa.Column("user", sa.String(200), nullable=False),
    sa.Column("image_sha256", sa.String(64), nullable=False),
    sa.Column("field", sa.String(20), nullable=False),
    sa.Column("old", sa.Text),
    sa.Column("new", sa.Text),
    sa.Column("policy_hash", sa.String(64)),
    sa.Column("model", sa.Text),
    sa.Column("revealed", sa.Boolean, nullable=False),
    sa.Column("ms", sa.BigInteger, nullable=False),
    sa.Column("queue", sa.String(100), nullable=False),
    sa.Column("stage", sa.String(20), nullable=False),
    sa.ForeignKeyConstraint(["queue", "image_sha256"], ["label_items.queue", "label_items.image_sha256"]),
    sa.Index("label_events_of_item", "queue", "image_sha256", "user"),
    sa.Index("label_events_of_user", "user", "time"),
    sqlite_autoincrement=True,
)

looks = sa.Table(
    "label_looks",
    metadata,
    sa.Column("seq", Counter, primary_key=True, autoincrement=True),
    sa.Column("time", Moment, nullable=False),
    sa.Column("user", sa.String(200), nullable=False),
    sa.Column("queue", sa.String(100), nullable=False),
    sa.Column("image_sha256", sa.String(64), nullable=False),
    sa.Column("act", sa.String(20), nullable=False),
    sa.Column("ms", sa.BigInteger, nullable=False),
    sa.ForeignKeyConstraint(["queue", "image_sha256"], ["label_items.queue", "label_items.image_sha256"]),
    sa.Index("label_looks_of_item", "queue", "image_sha256", "user"),
    sa.Index("label_looks_of_user", "user", "time"),
    sqlite_autoincrement=True,
)
"""Reveals and skips."""

consents = sa.Table(
    "label_consents",
    metadata,
    sa.Column("seq", Counter, primary_key=True, autoincrement=True),
    sa.Column("time", Moment, nullable=False),
    sa.Column("user", sa.String(200), nullable=False),
    sa.Column("categories", sa.Text, nullable=False),
    sa.Column("daily_cap", sa.Integer),
    sa.Index("label_consents_of_user", "user", "seq"),
    sqlite_autoincrement=True,
)
"""The last one of a person counts."""

leases = sa.Table(
    "label_leases",
    metadata,
    sa.Column("queue", sa.String(100), primary_key=True),
    sa.Column("image_sha256", sa.String(64), primary_key=True),
    sa.Column("user", sa.String(200), primary_key=True),
    sa.Column("stage", sa.String(20), primary_key=True),
    sa.Column("until", Moment, nullable=False),
    sa.Index("label_leases_of_user", "user", "queue"),
)
"""Who has which item in hand; one that has run out still says that it was offered."""
