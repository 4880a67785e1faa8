"""The store of label events: append-only, in SQLite or PostgreSQL; what was acknowledged is never lost."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from eyeward.data.events import LabelField
from eyeward.errors import UsageError
from eyeward.serve.labels import tables
from eyeward.serve.labels.database import connect, migrate, writing
from eyeward.serve.labels.fold import LabelRow, fold
from eyeward.serve.labels.records import (
    UNKNOWN,
    Claim,
    ImagePlace,
    Item,
    Queue,
    QueueSettings,
    ReviewEvent,
    Stage,
    State,
)
from eyeward.serve.labels.refusals import Conflict, Contradictory, NoSuchThing, StoreUnavailable, Taken
from eyeward.verdict import NA, Rating

_CLAIMS = TypeAdapter(tuple[Claim, ...])
_EVENT_COLUMNS = tuple(ReviewEvent.model_fields)


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


class LabelStore:
    """Queues, their items and events. Safe to use from several threads and several processes."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], datetime]) -> None:
        """Take a database whose tables are up to date."""
        self._engine = engine
        self._writing = writing(engine)
        # SQLite lets waiting writers sleep and look again; those of one process wait for each other without that.
        self._turn: AbstractContextManager[Any] = threading.Lock() if engine.dialect.name == "sqlite" else nullcontext()
        self.clock = clock
        # Rows change only with events, and events only grow in number: how many there are says which rows these are.
        self._rows: dict[str, tuple[tuple[Any, ...], list[LabelRow]]] = {}

    @classmethod
    def open(cls, address: str | Path, clock: Callable[[], datetime] | None = None) -> Self:
        """Open a store, and bring its tables up to date: a path is SQLite, `postgresql://…` is PostgreSQL.

        Raises:
            UsageError: when the address makes no sense, or the tables are of a newer Eyeward.
            MissingExtra: when the driver of PostgreSQL is not installed.
            StoreUnavailable: when the database does not answer.
        """
        engine = connect(address)
        try:
            with _answering("opened"):
                migrate(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, clock or utc_now)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection to read with.

        Raises:
            StoreUnavailable: when the database does not answer.
        """
        with _answering("read"), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Give a connection to write with; what was written is committed when it is left, or nothing of it.

        Raises:
            StoreUnavailable: when it was not committed.
        """
        with _answering("written"), self._turn, self._writing.begin() as connection:
            yield connection

    def queues(self) -> list[Queue]:
        """Return all queues, the newest first."""
        order = tables.queues.c.time.desc(), tables.queues.c.name
        with self.reading() as connection:
            return [_queue(row) for row in connection.execute(sa.select(tables.queues).order_by(*order)).mappings()]

    def queue(self, name: str) -> Queue:
        """Return a queue.

        Raises:
            NoSuchThing: when there is none of this name.
        """
        with self.reading() as connection:
            return self.queue_in(connection, name)

    def add_queue(
        self, settings: QueueSettings, items: Iterable[Item], user: str, left_out: Mapping[str, int]
    ) -> Queue:
        """Keep a queue with its items, which cannot be changed later.

        Raises:
            UsageError: when it has no items, or there is a queue of this name.
        """
        rows = [_item_row(item) for item in items]
        if not rows:
            why = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in sorted(left_out.items()))
            raise UsageError(f"The queue {settings.name!r} would be empty{f' (left out: {why})' if why else ''}.")
        touched = [
            {"queue": item["queue"], "image_sha256": item["image_sha256"], "category": category}
            for item in rows
            for category in falls_under(_CLAIMS.validate_json(item["claims"]))
        ]
        queue = {
            "name": settings.name,
            "time": self.clock(),
            "user": user,
            "settings": settings.model_dump_json(),
            "items": len(rows),
            "left_out": json.dumps(dict(left_out)),
        }
        try:
            with self.writing() as connection:
                connection.execute(sa.insert(tables.queues), queue)
                connection.execute(sa.insert(tables.items), rows)
                if touched:
                    connection.execute(sa.insert(tables.categories), touched)
        except Taken as problem:
            raise UsageError(f"There is a queue {settings.name!r} already; choose another name.") from problem
        return self.queue(settings.name)

    def categories(self, queue: str) -> list[str]:
        """Return what the images of a queue fall under by guards and raters, `unknown` too: what consent is about."""
        column = tables.categories.c.category
        asked = sa.select(column).where(tables.categories.c.queue == queue).distinct().order_by(column)
        with self.reading() as connection:
            return [str(category) for category in connection.execute(asked).scalars()]

    def items(self, queue: str) -> list[Item]:
        """Return the items of a queue in order, with all that is known of them: not for raters."""
        asked = sa.select(tables.items).where(tables.items.c.queue == queue).order_by(tables.items.c.position)
        with self.reading() as connection:
            return [_item(row) for row in connection.execute(asked).mappings()]

    def item(self, queue: str, image_sha256: str) -> Item:
        """Return an item.

        Raises:
            NoSuchThing: when it is not in that queue.
        """
        with self.reading() as connection:
            return self.item_in(connection, queue, image_sha256)

    def append(self, events: Sequence[ReviewEvent]) -> None:
        """Append events, all or none; they are committed when this returns. An event that comes again is kept once.

        It checks nothing about who may say what, which `ReviewDesk` does.

        Raises:
            NoSuchThing: for an image that is not in the queue.
            Conflict: when `old` of an adjudication is not what stands now.
            Contradictory: when what the events add up to contradicts itself or the policy.
            StoreUnavailable: when they were not committed.
        """
        by_item: defaultdict[tuple[str, str], list[ReviewEvent]] = defaultdict(list)
        for event in events:
            by_item[event.queue, event.image_sha256].append(event)
        with self.writing() as connection:
            for (queue, image_sha256), about in sorted(by_item.items(), key=lambda pair: pair[0]):
                self.item_in(connection, queue, image_sha256, lock=True)
                self.append_in(connection, self.queue_in(connection, queue).settings, image_sha256, about)

    def events(self, queue: str | None = None, image_sha256: str | None = None) -> list[ReviewEvent]:
        """Return events in the order in which they were appended."""
        with self.reading() as connection:
            return self.events_in(connection, queue, image_sha256)

    def rows(self, queue: str) -> list[LabelRow]:
        """Return what the events of each item add up to, in the order of the queue.

        Raises:
            NoSuchThing: when there is no such queue.
        """
        column, kept = tables.items.c.image_sha256, tables.events.c
        asked = sa.select(column).where(tables.items.c.queue == queue).order_by(tables.items.c.position)
        counted = sa.select(sa.func.count(), sa.func.max(kept.seq)).where(kept.queue == queue)
        with self.reading() as connection:
            settings = self.queue_in(connection, queue).settings
            until = tuple(connection.execute(counted).one())
            remembered = self._rows.get(queue)
            if remembered is not None and remembered[0] == until:
                return list(remembered[1])
            images = [str(image) for image in connection.execute(asked).scalars()]
            events = self.events_in(connection, queue)
        of_item: defaultdict[str, list[ReviewEvent]] = defaultdict(list)
        for event in events:
            of_item[event.image_sha256].append(event)
        rows = [fold(image, of_item[image], settings) for image in images]
        self._rows[queue] = until, rows
        return list(rows)

    # Inside of a transaction.
    def queue_in(self, connection: sa.Connection, name: str, lock: bool = False) -> Queue:
        """Return a queue; with `lock`, nobody else gets so far until the end of the transaction."""
        asked = sa.select(tables.queues).where(tables.queues.c.name == name)
        row = connection.execute(asked.with_for_update() if lock else asked).mappings().one_or_none()
        if row is None:
            raise NoSuchThing(f"There is no queue {name!r}.")
        return _queue(row)

    def item_in(self, connection: sa.Connection, queue: str, image_sha256: str, lock: bool = False) -> Item:
        """Return an item; with `lock`, nobody else gets so far until the end of the transaction."""
        table = tables.items
        asked = sa.select(table).where(table.c.queue == queue, table.c.image_sha256 == image_sha256)
        row = connection.execute(asked.with_for_update() if lock else asked).mappings().one_or_none()
        if row is None:
            raise NoSuchThing(f"The image {image_sha256[:16]}… is not in the queue {queue!r}.")
        return _item(row)

    def touched_in(self, connection: sa.Connection, queue: str, image_sha256: str) -> set[str]:
        """Return what an image falls under by guards and raters."""
        table = tables.categories
        asked = sa.select(table.c.category).where(table.c.queue == queue, table.c.image_sha256 == image_sha256)
        return set(connection.execute(asked).scalars())

    def events_in(
        self, connection: sa.Connection, queue: str | None = None, image_sha256: str | None = None
    ) -> list[ReviewEvent]:
        """Return events in the order in which they were appended."""
        table = tables.events
        asked = sa.select(*(table.c[name] for name in _EVENT_COLUMNS)).order_by(table.c.seq)
        if queue is not None:
            asked = asked.where(table.c.queue == queue)
        if image_sha256 is not None:
            asked = asked.where(table.c.image_sha256 == image_sha256)
        return [_event(row) for row in connection.execute(asked)]

    def append_in(
        self, connection: sa.Connection, settings: QueueSettings, image_sha256: str, events: Sequence[ReviewEvent]
    ) -> LabelRow:
        """Append events of one item, which is locked, and note what they add up to."""
        before = self.events_in(connection, settings.name, image_sha256)
        fresh = self._unknown(connection, events)
        current = fold(image_sha256, before, settings).current
        for event in fresh:
            if event.stage is Stage.adjudication and event.old != current[event.field]:
                raise conflict(event.field, current)
        after = fold(image_sha256, [*before, *fresh], settings)
        if fresh and after.contradiction is not None:
            raise Contradictory(
                after.contradiction, f"The events about {image_sha256[:16]}… cannot stand: {after.contradiction}."
            )
        if fresh:
            connection.execute(sa.insert(tables.events), [_event_row(event) for event in fresh])
            here = tables.items.c.queue == settings.name, tables.items.c.image_sha256 == image_sha256
            noted = {"state": after.state.value, "answers": len(after.answers)}
            connection.execute(sa.update(tables.items).where(*here).values(noted))
            self._touch(connection, settings.name, image_sha256, {g.answer.category for g in after.answers} - {NA})
        return after

    def _unknown(self, connection: sa.Connection, events: Sequence[ReviewEvent]) -> list[ReviewEvent]:
        """Return the events that are not kept yet, each once."""
        table = tables.events
        asked = sa.select(*(table.c[name] for name in _EVENT_COLUMNS)).where(table.c.id.in_([e.id for e in events]))
        kept = {event.id: event for event in map(_event, connection.execute(asked))}
        fresh: list[ReviewEvent] = []
        for event in events:
            if event.id not in kept:
                kept[event.id] = event
                fresh.append(event)
            elif _said(kept[event.id]) != _said(event):
                raise Taken(f"There is another event with the id {event.id!r}; an id is never used twice.")
        return fresh

    def _touch(self, connection: sa.Connection, queue: str, image_sha256: str, said: set[str]) -> None:
        """Note categories that raters named: others are asked for their consent to them, too."""
        known = self.touched_in(connection, queue, image_sha256)
        fresh = [{"queue": queue, "image_sha256": image_sha256, "category": name} for name in sorted(said - known)]
        if fresh:
            connection.execute(sa.insert(tables.categories), fresh)


def falls_under(claims: Sequence[Claim]) -> set[str]:
    """Return what an image may show by what was said of it: categories, and `unknown` where nobody can tell."""
    named = {claim.category for claim in claims if claim.category is not None}
    unsure = not named or any(claim.rating is not Rating.Safe and claim.category in (None, NA) for claim in claims)
    return (named - {NA}) | ({UNKNOWN} if unsure else set())


def conflict(field: LabelField, current: Mapping[LabelField, str | None]) -> Conflict:
    """Return the refusal of a decision upon something that does not stand any more."""
    return Conflict(
        f"Somebody else has decided since: the {field} is {current[field]!r} now. Look at it, then decide again.",
        current,
    )


@contextmanager
def _answering(done: str) -> Iterator[None]:
    """Turn failures of the database into a refusal that says what to do."""
    try:
        yield
    except IntegrityError as problem:
        raise Taken("Something of this name or id is there already; nothing was kept.") from problem
    except SQLAlchemyError as problem:
        cause = str(getattr(problem, "orig", None) or problem).strip().partition("\n")[0]
        raise StoreUnavailable(f"The store could not be {done} ({cause}); try again.") from problem


def _said(event: ReviewEvent) -> dict[str, Any]:
    """Return an event without the time, which is another when it is sent again."""
    return event.model_dump(exclude={"time", "ms"})


def _queue(row: sa.RowMapping) -> Queue:
    return Queue(
        settings=QueueSettings.model_validate_json(row["settings"]),
        time=row["time"],
        user=row["user"],
        items=row["items"],
        left_out=json.loads(row["left_out"]),
    )


def _item(row: sa.RowMapping) -> Item:
    return Item(
        queue=row["queue"],
        position=row["position"],
        image_sha256=row["image_sha256"],
        name=row["name"],
        place=ImagePlace.model_validate_json(row["place"]),
        claims=_CLAIMS.validate_json(row["claims"]),
        state=State(row["state"]),
    )


def _item_row(item: Item) -> dict[str, Any]:
    return {
        "queue": item.queue,
        "image_sha256": item.image_sha256,
        "position": item.position,
        "name": item.name,
        "place": item.place.model_dump_json(),
        "claims": _CLAIMS.dump_json(item.claims).decode("utf-8"),
        "state": State.open.value,
        "answers": 0,
    }


def _event(row: sa.Row[*tuple[Any, ...]]) -> ReviewEvent:
    """Return a row as an event without checking it again: tens of thousands are read for one page."""
    values = dict(zip(_EVENT_COLUMNS, row, strict=True))
    return ReviewEvent.model_construct(
        **values | {"field": LabelField(values["field"]), "stage": Stage(values["stage"])}
    )


def _event_row(event: ReviewEvent) -> dict[str, Any]:
    values = event.model_dump()
    return values | {"field": event.field.value, "stage": event.stage.value}
