"""The store of label events: append-only, in SQLite or PostgreSQL; what was acknowledged is never lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from eyeward.serve.labels.records import Item, Queue, ReviewEvent


class LabelStore:
    """Queues, their items and events. Safe to use from several threads and several processes."""

    @classmethod
    def open(cls, address: str | Path, clock: Callable[[], datetime] | None = None) -> Self:
        """Open a store, and bring its tables up to date: a path is SQLite, `postgresql://…` is PostgreSQL.

        Raises:
            UsageError: when the address makes no sense, or the tables are of a newer Eyeward.
            MissingExtra: when SQLAlchemy, or the driver of PostgreSQL, is not installed.
            StoreUnavailable: when the database does not answer.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close all connections."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def queues(self) -> list[Queue]:
        """Return all queues, the newest first."""
        raise NotImplementedError

    def queue(self, name: str) -> Queue:
        """Return a queue.

        Raises:
            NoSuchThing: when there is none of this name.
        """
        raise NotImplementedError

    def items(self, queue: str) -> list[Item]:
        """Return the items of a queue in order, with all that is known of them: not for raters."""
        raise NotImplementedError

    def item(self, queue: str, image_sha256: str) -> Item:
        """Return an item.

        Raises:
            NoSuchThing: when it is not in that queue.
        """
        raise NotImplementedError

    def append(self, events: Sequence[ReviewEvent]) -> None:
        """Append events, all or none; they are committed when this returns. An event that comes again is kept once.

        It checks nothing about who may say what, which `ReviewDesk` does.

        Raises:
            NoSuchThing: for an image that is not in the queue.
            Conflict: when `old` of an adjudication is not what stands now.
            StoreUnavailable: when they were not committed.
        """
        raise NotImplementedError

    def events(self, queue: str | None = None, image_sha256: str | None = None) -> list[ReviewEvent]:
        """Return events in the order in which they were appended."""
        raise NotImplementedError
