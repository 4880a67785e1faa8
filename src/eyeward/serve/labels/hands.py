"""Which item is in whose hands, and which one comes next."""

from __future__ import annotations

from collections.abc import Callable, Set
from datetime import datetime, timedelta

import sqlalchemy as sa

from eyeward.serve.labels import tables
from eyeward.serve.labels.records import (
    Item,
    Nothing,
    Progress,
    Queue,
    QueueSettings,
    Stage,
    State,
    WhyNothing,
)

_items, _events, _looks = tables.items, tables.events, tables.looks
_leases, _categories = tables.leases, tables.categories
Condition = sa.ColumnElement[bool]


class Hands:
    """Leases and looks, inside of transactions of others."""

    def __init__(self, clock: Callable[[], datetime], lease: timedelta) -> None:
        """Let a lease run out after some time."""
        self._clock = clock
        self._lease = lease

    def take(self, connection: sa.Connection, item: Item, user: str, stage: Stage) -> datetime:
        """Put an item into somebody's hands, or leave it there for longer; return until when."""
        until = self._clock() + self._lease
        key = {"queue": item.queue, "image_sha256": item.image_sha256, "user": user, "stage": stage.value}
        here = [_leases.c[name] == value for name, value in key.items()]
        if not connection.execute(sa.update(_leases).where(*here).values(until=until)).rowcount:
            connection.execute(sa.insert(_leases), key | {"until": until})
        return until

    def give_back(self, connection: sa.Connection, queue: str, image_sha256: str, user: str) -> None:
        """Take an item out of somebody's hands."""
        here = _leases.c.queue == queue, _leases.c.image_sha256 == image_sha256, _leases.c.user == user
        connection.execute(sa.delete(_leases).where(*here))

    def held(self, connection: sa.Connection, queue: str, user: str, stage: Stage) -> str | None:
        """Return the image of a queue that somebody holds."""
        asked = (
            sa.select(_leases.c.image_sha256)
            .where(_leases.c.queue == queue, _leases.c.user == user, _leases.c.stage == stage.value, self._lasts())
            .order_by(_leases.c.until)
            .limit(1)
        )
        found = connection.execute(asked).scalar_one_or_none()
        return None if found is None else str(found)

    def held_by(self, connection: sa.Connection, user: str) -> list[tuple[str, str]]:
        """Return queue and image of all that somebody was handed and has not given back, run out or not."""
        asked = sa.select(_leases.c.queue, _leases.c.image_sha256).where(_leases.c.user == user).distinct()
        return [(str(queue), str(image)) for queue, image in connection.execute(asked)]

    def offered(self, connection: sa.Connection, item: Item, user: str, stage: Stage | None = None) -> bool:
        """Whether somebody was handed an item and has not given it back, run out or not."""
        conditions = [*_of(_leases, item, user)]
        if stage is not None:
            conditions.append(_leases.c.stage == stage.value)
        return _any(connection, sa.select(_leases.c.user).where(*conditions))

    def holds(self, connection: sa.Connection, item: Item, user: str) -> bool:
        """Whether somebody holds an item now."""
        return _any(connection, sa.select(_leases.c.user).where(*_of(_leases, item, user), self._lasts()))

    def answered(self, connection: sa.Connection, item: Item, user: str) -> bool:
        """Whether somebody has said something about an item."""
        return _any(connection, sa.select(_events.c.seq).where(*_of(_events, item, user)))

    def revealed(self, connection: sa.Connection, item: Item, user: str) -> bool:
        """Whether somebody has asked for an image without blur."""
        return _any(connection, sa.select(_looks.c.seq).where(*_of(_looks, item, user), _looks.c.act == "reveal"))

    def look(self, connection: sa.Connection, item: Item, user: str, act: str, ms: int) -> None:
        """Log a reveal or a skip."""
        row = {"time": self._clock(), "user": user, "queue": item.queue, "image_sha256": item.image_sha256}
        connection.execute(sa.insert(_looks), row | {"act": act, "ms": ms})

    def may_answer(self, connection: sa.Connection, item: Item, user: str, raters: int) -> bool:
        """Whether somebody was handed an item that still has a place for their answer."""
        if not self.offered(connection, item, user, Stage.rating):
            return False
        if self.holds(connection, item, user):
            return True
        here = _items.c.queue == item.queue, _items.c.image_sha256 == item.image_sha256
        return _any(connection, sa.select(_items.c.image_sha256).where(*here, self._has_place(user, raters)))

    def next(
        self, connection: sa.Connection, settings: QueueSettings, user: str, stage: Stage, consent: Set[str]
    ) -> str | Nothing:
        """Return the first image of a queue that somebody may be handed, or why there is none."""
        wanted = State.open if stage is Stage.rating else State.contested
        rest = [_items.c.queue == settings.name, _items.c.state == wanted.value, ~_said(_looks, user, act="skip")]
        if stage is Stage.rating or not settings.raters_adjudicate:
            rest.append(~_said(_events, user, stage=Stage.rating.value))
        free = self._has_place(user, settings.raters) if stage is Stage.rating else ~self._in_other_hands(user, stage)
        agreed = ~_others_than(consent)
        asked = sa.select(_items.c.image_sha256).where(*rest).order_by(_items.c.position).limit(1)
        found = connection.execute(asked.where(agreed, free).with_for_update()).scalar_one_or_none()
        if found is not None:
            return str(found)
        if _any(connection, asked.where(agreed)):
            return Nothing(reason=WhyNothing.waiting)
        return Nothing(reason=WhyNothing.consent if _any(connection, asked) else WhyNothing.done)

    def progress(self, connection: sa.Connection, queue: Queue) -> Progress:
        """Count the items of a queue."""
        columns = _items.c.state, sa.func.count(), sa.func.sum(_items.c.answers)
        asked = sa.select(*columns).where(_items.c.queue == queue.name).group_by(_items.c.state)
        counted = {State(state): (int(items), int(answers)) for state, items, answers in connection.execute(asked)}
        skips = sa.select(sa.func.count()).where(_looks.c.queue == queue.name, _looks.c.act == "skip")
        return Progress(
            items=queue.items,
            open=counted.get(State.open, (0, 0))[0],
            contested=counted.get(State.contested, (0, 0))[0],
            settled=counted.get(State.settled, (0, 0))[0],
            answers=sum(answers for _, answers in counted.values()),
            skipped=int(connection.execute(skips).scalar_one()),
        )

    def _lasts(self) -> Condition:
        return _leases.c.until > self._clock()

    def _has_place(self, user: str, raters: int) -> Condition:
        """Whether fewer have answered, or hold it in order to, than are asked."""
        held = (
            sa.select(sa.func.count())
            .where(_here(_leases), _leases.c.user != user, _leases.c.stage == Stage.rating.value, self._lasts())
            .correlate(_items)
            .scalar_subquery()
        )
        return _items.c.answers + held < raters

    def _in_other_hands(self, user: str, stage: Stage) -> Condition:
        others = _leases.c.user != user, _leases.c.stage == stage.value, self._lasts()
        return sa.exists().where(_here(_leases), *others).correlate(_items)


def _any(connection: sa.Connection, asked: sa.Select[tuple[object]]) -> bool:
    return connection.execute(asked.limit(1)).first() is not None


def _of(table: sa.Table, item: Item, user: str) -> list[Condition]:
    return [table.c.queue == item.queue, table.c.image_sha256 == item.image_sha256, table.c.user == user]


def _here(table: sa.Table) -> Condition:
    """Join a table to items."""
    return sa.and_(table.c.queue == _items.c.queue, table.c.image_sha256 == _items.c.image_sha256)


def _said(table: sa.Table, user: str, **equal: str) -> Condition:
    """Whether somebody is in a table with an item."""
    more = [table.c[name] == value for name, value in equal.items()]
    return sa.exists().where(_here(table), table.c.user == user, *more).correlate(_items)


def _others_than(consent: Set[str]) -> Condition:
    """Whether an item falls under something besides what somebody agreed to, by guards or by raters."""
    others = _categories.c.category.not_in(sorted(consent))
    return sa.exists().where(_here(_categories), others).correlate(_items)
