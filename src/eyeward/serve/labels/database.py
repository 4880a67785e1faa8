"""Connections that acknowledge nothing before it is on disk, to SQLite and PostgreSQL; tables that are up to date."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from eyeward.errors import MissingExtra, UsageError
from eyeward.serve.labels.tables import VERSION_TABLE

MIGRATIONS = Path(__file__).parent / "migrations"
_WAIT_SECONDS = 30
"""For others who write."""
_STATEMENT_SECONDS = 60.0
"""What one question may take on PostgreSQL; by then whoever asked it has gone. Changing tables may take longer."""
_LOCK = 0x65796577617264
"""Held on PostgreSQL while tables are changed: the letters of eyeward."""
_WRITES = "eyeward_writes"


def connect(address: str | Path) -> sa.Engine:
    """Return an engine; nothing is asked of the database yet.

    Raises:
        UsageError: when the address makes no sense.
        MissingExtra: when the driver of PostgreSQL is not installed.
    """
    url = _url(address)
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, connect_args={"timeout": _WAIT_SECONDS})
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        import psycopg  # noqa: F401
    except ImportError as missing:
        raise MissingExtra("postgres", "A store in PostgreSQL") from missing
    engine = sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    sa.event.listen(engine, "connect", _prepare_postgres)
    return engine


def writing(engine: sa.Engine) -> sa.Engine:
    """Return the same engine for transactions that are going to write."""
    return engine.execution_options(eyeward_writes=True)


def migrate(engine: sa.Engine) -> None:
    """Bring the tables up to date, all or nothing; others wait meanwhile.

    Raises:
        UsageError: when they are of a newer Eyeward.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with writing(engine).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        found = revision(connection)
        if found is not None and found not in known:
            raise UsageError(
                f"The tables are of a newer Eyeward (their form is {found!r}); use that one, or a newer one."
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def revision(connection: sa.Connection) -> str | None:
    """Return the migration that the tables come from, None where there are none."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()
    return None if found is None else str(found)


def _url(address: str | Path) -> URL:
    if isinstance(address, Path) or "://" not in address:
        file = Path(address)
        if not file.parent.is_dir():
            raise UsageError(f"There is no folder {file.parent} for the store {file.name}; make it.")
        if file.is_dir():
            raise UsageError(f"{file} is a folder; name a file for the store, such as {file / 'labels.sqlite'}.")
        return URL.create("sqlite", database=str(file))
    try:
        url = make_url(address.replace("postgres://", "postgresql://", 1))
    except (ArgumentError, ValueError):
        raise UsageError("The address of the store cannot be read; write postgresql://USER@HOST/NAME.") from None
    backend = url.get_backend_name()
    if backend == "sqlite" and url.database not in (None, "", ":memory:"):
        return url.set(drivername="sqlite")
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    raise UsageError(
        f"A store lies in a file of SQLite or in PostgreSQL, not in {url.drivername}; name a file, or write "
        "postgresql://USER@HOST/NAME."
    )


def _prepare_sqlite(connection: Any, record: object) -> None:
    """Let SQLAlchemy begin transactions, and SQLite write each to disk before it says that it is kept."""
    connection.isolation_level = None
    with closing(connection.cursor()) as cursor:
        _use_write_ahead_log(cursor)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")


def _use_write_ahead_log(cursor: sqlite3.Cursor) -> None:
    """Switch to it; when several switch a new file at once, SQLite does not let them wait, so that we do."""
    patience = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: sa.Connection) -> None:
    """Take the lock of writers at once: a transaction that read first could not have it later."""
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_postgres(connection: Any, record: object) -> None:
    """Wait for the disk even where the server is set not to, and for no lock and no answer for ever."""
    with closing(connection.cursor()) as cursor:
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        cursor.execute(f"SET lock_timeout = '{_WAIT_SECONDS}s'")
        cursor.execute(f"SET statement_timeout = '{1000 * _STATEMENT_SECONDS:.0f}ms'")
    connection.commit()
