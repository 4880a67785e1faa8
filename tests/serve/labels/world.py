"""Queues of images that nobody has to look at, a clock that is told the time, and answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from eyeward.data.events import LabelField
from eyeward.data.sample import Severity
from eyeward.policy import Policy
from eyeward.serve.labels.desk import ReviewDesk
from eyeward.serve.labels.records import (
    Answer,
    Claim,
    Contested,
    ImagePlace,
    Item,
    Offer,
    Queue,
    QueueSettings,
    ReviewEvent,
    Stage,
)
from eyeward.serve.labels.store import LabelStore
from eyeward.verdict import NA, Rating

DEFAULT = Policy.load("default")
HATE, VIOLENCE = DEFAULT.labels[:2]
WEAPONS = "O6: Weapons or Substance Abuse"
START = datetime(2026, 5, 4, 12, tzinfo=UTC)
EVERYTHING = (*DEFAULT.labels, "unknown")

SAFE = Answer(rating=Rating.Safe, category=NA)
UNSAFE = Answer(rating=Rating.Unsafe, category=WEAPONS, severity=Severity.HIGHLY_UNSAFE, rationale="A gun.")
BARELY = Answer(rating=Rating.Safe, category=WEAPONS, severity=Severity.BARELY_SAFE)

_numbers = count()


class Clock:
    """Says what it is told."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)


def sha(number: int) -> str:
    return f"{number:064x}"


def claim(category: str | None = NA, rating: Rating | None = Rating.Safe, **more: Any) -> Claim:
    return Claim(by="mini", policy="default", policy_hash=DEFAULT.hash, rating=rating, category=category, **more)


def queue(
    store: LabelStore, categories: Sequence[str | None] = (NA,) * 5, name: str = "near", **settings: Any
) -> Queue:
    """Make a queue with an item for each category that a guard named; None is an item without a guard."""
    items = [
        Item(
            queue=name,
            position=position,
            image_sha256=sha(position),
            name=f"{position}.png",
            place=ImagePlace(file=f"{position}.png"),
            claims=() if category is None else (claim(category),),
        )
        for position, category in enumerate(categories)
    ]
    return store.add_queue(QueueSettings(name=name, policy=DEFAULT, **settings), items, "owner", {})


def event(
    field: LabelField, new: str | None, user: str = "anna", image: int = 0, stage: Stage = Stage.rating, **more: Any
) -> ReviewEvent:
    values: dict[str, Any] = {
        "id": f"event-{next(_numbers)}",
        "time": START,
        "user": user,
        "image_sha256": sha(image),
        "field": field,
        "old": None,
        "new": new,
        "policy_hash": DEFAULT.hash,
        "revealed": False,
        "ms": 900,
        "queue": "near",
        "stage": stage,
    }
    return ReviewEvent.model_validate(values | more)


def said(answer: Answer, user: str, image: int = 0, stage: Stage = Stage.rating) -> list[ReviewEvent]:
    """Return an answer as events."""
    return [event(field, value, user, image, stage) for field, value in answer.values().items() if value is not None]


def taken(desk: ReviewDesk, user: str, queue: str = "near") -> Offer:
    """Take an item that must be there."""
    offer = desk.take(queue, user)
    assert isinstance(offer, Offer), offer
    return offer


def taken_contested(desk: ReviewDesk, user: str) -> Contested:
    """Take a contested item that must be there."""
    contested = desk.take_contested("near", user)
    assert isinstance(contested, Contested), contested
    return contested


def answered(desk: ReviewDesk, user: str, answer: Answer) -> str:
    """Take an item, answer, and return which one it was."""
    offer = taken(desk, user)
    desk.answer(offer.queue, offer.image_sha256, user, answer)
    return offer.image_sha256
