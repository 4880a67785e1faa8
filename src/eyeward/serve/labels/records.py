"""The records of review: queues, items, what is handed out, what people answer. All are frozen and closed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from eyeward.annotate.sources import Kind
from eyeward.data.events import LabelEvent, LabelField
from eyeward.data.sample import Severity
from eyeward.policy import Policy
from eyeward.verdict import Rating

UNKNOWN = "unknown"
"""Stands among the categories of a consent for images of which no guard has said a category: they may show anything."""

QueueName = Annotated[str, Field(pattern=r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$", max_length=100)]
_NO_NUL = r"^[^\x00]*$"
"""PostgreSQL keeps no text with NUL in it."""
User = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_NUL)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Stage(StrEnum):
    """In which part somebody says something."""

    rating = "rating"
    """Blind: neither another's answer nor a guard's was shown."""
    adjudication = "adjudication"
    """After all raters have answered, with their answers in view."""


class State(StrEnum):
    """How far an item is."""

    open = "open"
    """Fewer raters have answered than the queue asks for."""
    contested = "contested"
    """All have answered, and they differ."""
    settled = "settled"
    """They agree, or somebody has adjudicated."""


class Order(StrEnum):
    """In which order the items of a queue are handed out."""

    random = "random"
    """By lot, the same for one seed."""
    nearest = "nearest"
    """Nearest to the threshold of the guard first; what has no probability comes last."""
    disagreement = "disagreement"
    """First what policies, guards or earlier raters differ most about."""
    drawn = "drawn"
    """As a sample of `eyeward audit sample` has them, which is by lot as well."""


class Answer(_Record):
    """What somebody says of an image under the policy of its queue."""

    rating: Rating
    category: str = Field(min_length=1)
    """Full label as in the policy, or `NA: None applying`."""
    severity: Severity | None = None
    rationale: Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000, pattern=_NO_NUL)] | None = None

    def values(self) -> dict[LabelField, str | None]:
        """Return it field by field, as events have it; no text is no rationale."""
        return {
            LabelField.rating: self.rating.value,
            LabelField.category: self.category,
            LabelField.severity: None if self.severity is None else self.severity.value,
            LabelField.rationale: self.rationale or None,
        }


class ReviewEvent(LabelEvent):
    """A label event with the queue that it belongs to."""

    id: str = Field(min_length=1, max_length=200)
    user: User
    queue: QueueName
    stage: Stage = Stage.rating

    def plain(self) -> LabelEvent:
        """Return it as `eyeward data` reads it."""
        return LabelEvent.model_validate(self.model_dump(exclude={"queue", "stage"}))


class Claim(_Record):
    """What a guard, or a rater of an earlier queue, said of an item."""

    by: str
    """The name of the guard, or the queue of the rater."""
    policy: str
    policy_hash: str
    rating: Rating | None
    """None where the guard could not judge."""
    category: str | None
    p_unsafe: float | None = None
    threshold: float | None = None
    rationale: str | None = None


class ImagePlace(_Record):
    """Where the bytes of an image lie: a file, or an item of a dataset."""

    file: str | None = None
    source: tuple[str, ...] = ()
    kind: Kind | None = None
    images_per_shard: int | None = None
    image_column: str | None = None
    shard: str | None = None
    index: int | None = None


class QueueSettings(_Record):
    """What is asked about the items of a queue, and of whom."""

    name: QueueName
    policy: Policy
    """Its categories are the ones that people choose from."""
    order: Order = Order.random
    seed: int = 0
    raters: int = Field(default=2, ge=1, le=10)
    """People who answer about each item without seeing each other's answers."""
    raters_adjudicate: bool = False
    """Whether somebody who has rated an item may adjudicate it, for teams of two."""
    most: int = Field(default=10_000, ge=1)
    """Items at most; the first in order are kept."""


class Queue(_Record):
    """A queue as it is kept."""

    settings: QueueSettings
    time: datetime
    user: str
    """Who made it."""
    items: int
    left_out: dict[str, int]
    """Images that are not in it, by reason: `known`, `unreadable`, `same_image`, `beyond_most`."""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.settings.name

    @property
    def policy(self) -> Policy:
        """What its items are labelled under."""
        return self.settings.policy


class Item(_Record):
    """An image in a queue; everything about it, for those who may know."""

    queue: str
    position: int
    """From 0, in the order of the queue."""
    image_sha256: str
    name: str
    """What the dataset calls it. Foreign text: escape it."""
    place: ImagePlace
    claims: tuple[Claim, ...] = ()
    """Those of the queue's own policy first."""
    state: State = State.open


class Offer(_Record):
    """What a blind rater is handed: nothing in it tells what anybody or any guard said."""

    queue: str
    image_sha256: str
    policy: Policy
    revealed: bool
    """Whether this person has asked for the image without blur."""
    until: datetime
    """When it may be given to somebody else; it is taken again, or answered, before."""


class Given(_Record):
    """An answer, and whose it is."""

    user: str
    answer: Answer


class Contested(_Record):
    """What an adjudicator is handed."""

    queue: str
    image_sha256: str
    policy: Policy
    revealed: bool
    until: datetime
    answers: tuple[Given, ...]
    claims: tuple[Claim, ...]
    current: dict[LabelField, str | None]
    """What stands now, field by field; hand it back as `seen`."""


class WhyNothing(StrEnum):
    """Why nobody is handed anything."""

    done = "done"
    """This person has seen all that there is."""
    waiting = "waiting"
    """What is left is in the hands of others; ask again later."""
    consent = "consent"
    """All that is left is of categories that this person does not want to see."""
    cap = "cap"
    """This person has looked at enough for today."""


class Nothing(_Record):
    """No item, and why."""

    reason: WhyNothing


class Annotator(_Record):
    """What somebody agreed to look at, and how much of it there was today."""

    user: str
    consent: frozenset[str] | None
    """Full labels of categories, and `unknown`; None where the person was never asked: then nothing is offered."""
    daily_cap: int
    """Reveals and answers a day, in UTC."""
    used_today: int

    @property
    def left_today(self) -> int:
        """How many reveals and answers are left."""
        return max(0, self.daily_cap - self.used_today)


class Progress(_Record):
    """How far a queue is."""

    items: int
    open: int
    contested: int
    settled: int
    answers: int
    """Of raters, without adjudications."""
    skipped: int


class Aftermath(_Record):
    """What somebody who has answered may see once all raters have."""

    state: State
    own: Answer
    others: tuple[Answer, ...]
    claims: tuple[Claim, ...]


class Shown(_Record):
    """An image that somebody may see: blurred on the server unless `revealed`."""

    queue: str
    image_sha256: str
    place: ImagePlace
    revealed: bool
