"""Stores in SQLite and in PostgreSQL; each test has an empty one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from eyeward.serve.labels.desk import DeskSettings, ReviewDesk
from eyeward.serve.labels.store import LabelStore
from tests.serve.labels.postgres import Cluster, binaries
from tests.serve.labels.world import EVERYTHING, Clock


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed; `apt-get install postgresql` brings it")
    started = Cluster(programs)
    yield started
    started.end()


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "labels.sqlite")
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.database()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(address: str, clock: Clock) -> Iterator[LabelStore]:
    with LabelStore.open(address, clock) as opened:
        yield opened


@pytest.fixture
def lite(tmp_path: Path, clock: Clock) -> Iterator[LabelStore]:
    """A store in SQLite, for what does not depend on the database."""
    with LabelStore.open(tmp_path / "labels.sqlite", clock) as opened:
        yield opened


@pytest.fixture
def desk(store: LabelStore) -> ReviewDesk:
    """A desk that four people have agreed to everything at."""
    made = ReviewDesk(store, DeskSettings(daily_cap=10))
    for user in ("anna", "ben", "cleo", "dan"):
        made.agree(user, EVERYTHING)
    return made
