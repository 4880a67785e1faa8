"""Runs migrations on the connection that `database.migrate` hands over, inside of its transaction."""

from __future__ import annotations

from alembic import context

from eyeward.serve.labels.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
context.run_migrations()
