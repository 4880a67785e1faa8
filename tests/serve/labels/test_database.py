"""Databases are opened so that what is acknowledged is on disk, and with tables that are up to date."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from eyeward.errors import UsageError
from eyeward.serve.labels import database
from eyeward.serve.labels.database import connect
from eyeward.serve.labels.refusals import StoreUnavailable
from eyeward.serve.labels.store import LabelStore
from eyeward.serve.labels.tables import VERSION_TABLE, metadata
from tests.serve.labels.postgres import Cluster
from tests.serve.labels.world import SAFE, queue, said


def test_the_migrations_make_the_tables_that_the_program_asks(store: LabelStore) -> None:
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_a_store_that_is_opened_again_holds_what_it_held(address: str) -> None:
    with LabelStore.open(address) as store:
        queue(store)
        store.append(said(SAFE, "anna"))
        before = store.events()
    with LabelStore.open(address) as again:
        assert again.events() == before
        assert again.queue("near").items == 5


def test_many_may_open_an_empty_store_at_once(address: str) -> None:
    def opened(number: int) -> int:
        with LabelStore.open(address) as store:
            return len(store.queues())

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(opened, range(6))) == [0] * 6


def test_tables_of_a_newer_eyeward_are_left_alone(address: str) -> None:
    with LabelStore.open(address) as store, store.writing() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(UsageError, match=r"newer Eyeward \(their form is '9999'\)"):
        LabelStore.open(address)


def test_a_commit_waits_for_the_disk(address: str) -> None:
    with LabelStore.open(address) as store, store.reading() as connection:
        asked = "PRAGMA synchronous" if connection.dialect.name == "sqlite" else "SHOW synchronous_commit"
        assert connection.exec_driver_sql(asked).scalar_one() in (2, "on")  # 2 is FULL
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"


def test_what_is_written_is_kept_as_a_whole_or_not_at_all(store: LabelStore) -> None:
    queue(store)
    with pytest.raises(RuntimeError), store.writing() as connection:
        connection.execute(sa.text("UPDATE label_items SET answers = 7"))
        raise RuntimeError
    with store.reading() as connection:
        assert connection.execute(sa.text("SELECT sum(answers) FROM label_items")).scalar_one() == 0


@pytest.mark.parametrize(
    ("address", "mend"),
    [
        ("mysql://host/labels", "a file of SQLite or in PostgreSQL, not in mysql"),
        ("sqlite://", "not in sqlite"),
        ("postgresql://host:port/labels", "cannot be read; write postgresql://"),
        ("nowhere/labels.sqlite", "There is no folder nowhere"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused_with_the_mend(address: str, mend: str) -> None:
    with pytest.raises(UsageError, match=mend):
        connect(address)


def test_a_folder_is_no_store_and_a_file_of_something_else_neither(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        LabelStore.open(tmp_path)
    other = tmp_path / "notes.txt"
    other.write_text("no database " * 500, encoding="utf-8")
    with pytest.raises(StoreUnavailable, match="not a database"):
        LabelStore.open(other)


def test_a_server_that_does_not_answer_is_said_to_be_unavailable(cluster: Cluster) -> None:
    address = cluster.database()
    nobody = address.replace(f":{cluster.port}/", ":1/")
    with pytest.raises(StoreUnavailable, match="could not be opened"):
        LabelStore.open(nobody)


def test_a_question_that_takes_too_long_is_given_up_but_tables_are_changed_to_the_end(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = command.upgrade

    def slow(config: Config, revision: str) -> None:
        config.attributes["connection"].exec_driver_sql("SELECT pg_sleep(0.5)")
        upgrade(config, revision)

    monkeypatch.setattr(command, "upgrade", slow)
    monkeypatch.setattr(database, "_STATEMENT_SECONDS", 0.25)
    with LabelStore.open(cluster.database()) as store:
        with pytest.raises(StoreUnavailable, match="statement timeout"), store.reading() as connection:
            connection.exec_driver_sql("SELECT pg_sleep(60)")
        assert store.queues() == [], "the next one is answered"


def test_a_password_stands_in_no_message(cluster: Cluster) -> None:
    address = cluster.database()
    password = address.split(":")[2].split("@")[0]
    with pytest.raises(StoreUnavailable) as refused:
        LabelStore.open(address.replace(f":{cluster.port}/", ":1/"))
    assert password not in str(refused.value)
