"""The first tables: queues with their items, events that stay, consents, leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_STAY = ("label_events", "label_looks", "label_consents")


def upgrade() -> None:
    """Make the tables, and the triggers that refuse to change or take away what was appended."""
    name, user, sha256 = sa.String(100), sa.String(200), sa.String(64)
    moment = sa.DateTime(timezone=True)
    counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "label_queues",
        sa.Column("name", name, primary_key=True),
        sa.Column("time", moment, nullable=False),
        sa.Column("user", user, nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("items", sa.Integer, nullable=False),
        sa.Column("left_out", sa.Text, nullable=False),
    )
    op.create_table(
        "label_items",
        sa.Column("queue", name, sa.ForeignKey("label_queues.name"), primary_key=True),
        sa.Column("image_sha256", sha256, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("claims", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("answers", sa.Integer, nullable=False),
    )
    op.create_index("label_items_in_order", "label_items", ["queue", "state", "position"])
    op.create_table(
        "label_categories",
        sa.Column("queue", name, primary_key=True),
        sa.Column("image_sha256", sha256, primary_key=True),
        sa.Column("category", sa.Text, primary_key=True),
    )
    op.create_table(
        "label_events",
        sa.Column("seq", counter, primary_key=True, autoincrement=True),
        sa.Column("id", user, nullable=False, unique=True),
        sa.Column("time", moment, nullable=False),
        sa.Column("user", user, nullable=False),
        sa.Column("image_sha256", sha256, nullable=False),
        sa.Column("field", sa.String(20), nullable=False),
        sa.Column("old", sa.Text),
        sa.Column("new", sa.Text),
        sa.Column("policy_hash", sha256),
        sa.Column("model", sa.Text),
        sa.Column("revealed", sa.Boolean, nullable=False),
        sa.Column("ms", sa.BigInteger, nullable=False),
        sa.Column("queue", name, nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.ForeignKeyConstraint(["queue", "image_sha256"], ["label_items.queue", "label_items.image_sha256"]),
        sqlite_autoincrement=True,
    )
    op.create_index("label_events_of_item", "label_events", ["queue", "image_sha256", "user"])
    op.create_index("label_events_of_user", "label_events", ["user", "time"])
    op.create_table(
        "label_looks",
        sa.Column("seq", counter, primary_key=True, autoincrement=True),
        sa.Column("time", moment, nullable=False),
        sa.Column("user", user, nullable=False),
        sa.Column("queue", name, nullable=False),
        sa.Column("image_sha256", sha256, nullable=False),
        sa.Column("act", sa.String(20), nullable=False),
        sa.Column("ms", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["queue", "image_sha256"], ["label_items.queue", "label_items.image_sha256"]),
        sqlite_autoincrement=True,
    )
    op.create_index("label_looks_of_item", "label_looks", ["queue", "image_sha256", "user"])
    op.create_index("label_looks_of_user", "label_looks", ["user", "time"])
    op.create_table(
        "label_consents",
        sa.Column("seq", counter, primary_key=True, autoincrement=True),
        sa.Column("time", moment, nullable=False),
        sa.Column("user", user, nullable=False),
        sa.Column("categories", sa.Text, nullable=False),
        sa.Column("daily_cap", sa.Integer),
        sqlite_autoincrement=True,
    )
    op.create_index("label_consents_of_user", "label_consents", ["user", "seq"])
    op.create_table(
        "label_leases",
        sa.Column("queue", name, primary_key=True),
        sa.Column("image_sha256", sha256, primary_key=True),
        sa.Column("user", user, primary_key=True),
        sa.Column("stage", sa.String(20), primary_key=True),
        sa.Column("until", moment, nullable=False),
    )
    op.create_index("label_leases_of_user", "label_leases", ["user", "queue"])
    _let_them_stay()


def _let_them_stay() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in _STAY:
            for act in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is only ever appended to'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION label_rows_stay() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION '% is only ever appended to', TG_TABLE_NAME; END $$"
    )
    for table in _STAY:
        op.execute(
            f"CREATE TRIGGER {table}_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION label_rows_stay()"
        )
