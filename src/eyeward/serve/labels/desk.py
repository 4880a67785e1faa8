"""Who is handed which item, and what they may say of it: blind, with consent, within a daily cap."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from eyeward.data.events import LabelField
from eyeward.errors import UsageError
from eyeward.serve.labels.fold import LabelRow, Values, check, fold
from eyeward.serve.labels.hands import Hands
from eyeward.serve.labels.people import People, consents
from eyeward.serve.labels.records import (
    Aftermath,
    Annotator,
    Answer,
    Contested,
    Item,
    Nothing,
    Offer,
    Progress,
    Queue,
    ReviewEvent,
    Shown,
    Stage,
    State,
    WhyNothing,
)
from eyeward.serve.labels.refusals import CapReached, NotConsented, NotOffered
from eyeward.serve.labels.store import LabelStore, conflict, falls_under

_SUBMISSION = re.compile(r"[A-Za-z0-9_-]{8,100}")
_LONGEST_MS = 24 * 60 * 60 * 1000
"""A page that was left open for longer tells nothing."""


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """How items are handed out."""

    daily_cap: int = 300
    """Reveals and answers of a person a day (UTC); a person may choose less."""
    lease: timedelta = timedelta(minutes=15)
    """How long an item stays in the hands of somebody who neither answers nor comes back."""


class ReviewDesk:
    """The desk between a store and people. Safe to use from several threads and several processes."""

    def __init__(self, store: LabelStore, settings: DeskSettings | None = None) -> None:
        """Hand out the items of a store."""
        chosen = settings or DeskSettings()
        self.store = store
        self._hands = Hands(store.clock, chosen.lease)
        self._people = People(store.clock, chosen.daily_cap)

    # People.
    def annotator(self, user: str) -> Annotator:
        """Return what somebody agreed to, and what was used of it today."""
        with self.store.reading() as connection:
            return self._people.annotator(connection, user)

    def agree(self, user: str, categories: Iterable[str], daily_cap: int | None = None) -> Annotator:
        """Keep what somebody wants to see from now on: full labels of categories, and `unknown`; events, too.

        What they hold of other categories goes back into its queue. `daily_cap` may only lower that of the desk.

        Raises:
            UsageError: for a cap below 0.
        """
        with self.store.writing() as connection:
            person = self._people.agree(connection, user, frozenset(categories), daily_cap)
            for queue, image_sha256 in self._hands.held_by(connection, user):
                if not consents(person, self.store.touched_in(connection, queue, image_sha256)):
                    self._hands.give_back(connection, queue, image_sha256, user)
            return person

    # Raters.
    def take(self, queue: str, user: str) -> Offer | Nothing:
        """Hand somebody the next item, or again the one that they hold.

        Raises:
            NoSuchThing: when there is no such queue.
        """
        with self.store.writing() as connection:
            asked = self.store.queue_in(connection, queue, lock=True)
            found = self._next(connection, asked, user, Stage.rating)
            if isinstance(found, Nothing):
                return found
            item = self.store.item_in(connection, queue, found)
            return Offer(
                queue=queue,
                image_sha256=found,
                policy=asked.policy,
                revealed=self._hands.revealed(connection, item, user),
                until=self._hands.take(connection, item, user, Stage.rating),
            )

    def shown(self, queue: str, image_sha256: str, user: str) -> Shown:
        """Return where the image is that somebody holds or has answered about, and whether they may see it unblurred.

        Raises:
            NotOffered: when it is not theirs to see.
            NotConsented: when they have withdrawn their consent since.
        """
        with self.store.reading() as connection:
            item = self._theirs(connection, queue, image_sha256, user)
            revealed = self._hands.revealed(connection, item, user)
        return Shown(queue=queue, image_sha256=image_sha256, place=item.place, revealed=revealed)

    def reveal(self, queue: str, image_sha256: str, user: str, ms: int = 0) -> Annotator:
        """Log that somebody asks for the image without blur; from now on `shown` says so. Once is enough.

        Raises:
            NotOffered: when they do not hold it.
            NotConsented: when they have withdrawn their consent since.
            CapReached: when it was enough for today.
        """
        with self.store.writing() as connection:
            item = self._theirs(connection, queue, image_sha256, user)
            person = self._people.annotator(connection, user, lock=True)
            if self._hands.revealed(connection, item, user):
                return person
            if not person.left_today:
                raise CapReached(
                    f"{person.used_today} reveals and answers are enough for today; go on tomorrow, or answer without "
                    "seeing more."
                )
            self._hands.look(connection, item, user, "reveal", _limited(ms))
            return self._people.annotator(connection, user)

    def skip(self, queue: str, image_sha256: str, user: str, ms: int = 0) -> None:
        """Put an item back; this person is not offered it again, and it costs nothing.

        Raises:
            NotOffered: when they do not hold it.
        """
        with self.store.writing() as connection:
            item = self.store.item_in(connection, queue, image_sha256)
            if not self._hands.offered(connection, item, user):
                raise _not_theirs(item)
            self._hands.look(connection, item, user, "skip", _limited(ms))
            self._hands.give_back(connection, queue, image_sha256, user)

    def answer(
        self, queue: str, image_sha256: str, user: str, answer: Answer, ms: int = 0, submission: str | None = None
    ) -> State:
        """Keep what a blind rater says; until all raters have answered, they may say otherwise again.

        What was begun may be finished when the daily cap is reached. `submission` is a name that is never used twice,
        made with the form: when it comes again with the same answer, it is kept once.

        Raises:
            Contradictory: when the answer contradicts itself or the policy, with the name of the contradiction.
            NotOffered: when the item was never theirs, was given to others since, or all raters have answered.
            StoreUnavailable: when it was not committed; send it again with the same `submission`.
        """
        with self.store.writing() as connection:
            asked = self.store.queue_in(connection, queue)
            item = self.store.item_in(connection, queue, image_sha256, lock=True)
            events = self.store.events_in(connection, queue, image_sha256)
            row = fold(image_sha256, events, asked.settings)
            own = _own(row, user)
            if _came_before(events, user, submission):
                if own == answer:
                    return row.state
                submission = None
            check(answer, asked.policy)
            if own is None and not self._hands.may_answer(connection, item, user, asked.settings.raters):
                raise _not_theirs(item)
            if row.state is not State.open:
                raise NotOffered("All raters have answered about this image; what they differ about is adjudicated.")
            before: Values = own.values() if own is not None else dict.fromkeys(LabelField)
            said = answer.values()
            always = {LabelField.rating, LabelField.category} if own is None else set()
            changed = [field for field in LabelField if field in always or said[field] != before[field]]
            return self._keep(connection, asked, item, user, changed, before, said, Stage.rating, ms, submission)

    def own(self, queue: str, image_sha256: str, user: str) -> Answer | None:
        """Return what somebody has answered as a rater."""
        with self.store.reading() as connection:
            return _own(self._row(connection, queue, image_sha256), user)

    def aftermath(self, queue: str, image_sha256: str, user: str) -> Aftermath | None:
        """Return what others and guards said, to somebody who has answered, once all raters have; else None."""
        with self.store.reading() as connection:
            item = self.store.item_in(connection, queue, image_sha256)
            row = self._row(connection, queue, image_sha256)
        own = _own(row, user)
        if own is None or row.state is State.open:
            return None
        others = tuple(given.answer for given in row.answers if given.user != user)
        return Aftermath(state=row.state, own=own, others=others, claims=item.claims)

    # Adjudicators.
    def take_contested(self, queue: str, user: str) -> Contested | Nothing:
        """Hand somebody the next item that raters differ about; never one that they rated, unless the queue says so.

        Raises:
            NoSuchThing: when there is no such queue.
        """
        with self.store.writing() as connection:
            asked = self.store.queue_in(connection, queue, lock=True)
            found = self._next(connection, asked, user, Stage.adjudication)
            return found if isinstance(found, Nothing) else self._contested(connection, asked, found, user)

    def contested(self, queue: str, image_sha256: str, user: str) -> Contested:
        """Return an item that all raters have answered, contested or settled, to decide or to decide again.

        Raises:
            NotOffered: when raters have still to answer, or this person rated it and the queue does not allow that.
            NotConsented: when they do not want to see it.
        """
        with self.store.writing() as connection:
            asked = self.store.queue_in(connection, queue, lock=True)
            return self._contested(connection, asked, image_sha256, user)

    def adjudicate(
        self,
        queue: str,
        image_sha256: str,
        user: str,
        answer: Answer,
        seen: Mapping[LabelField, str | None],
        ms: int = 0,
        submission: str | None = None,
    ) -> State:
        """Keep a decision; `seen` is the `current` that was decided upon.

        Raises:
            Conflict: when somebody else has decided since.
            Contradictory, NotOffered, StoreUnavailable: as `answer`.
        """
        with self.store.writing() as connection:
            asked = self.store.queue_in(connection, queue)
            item = self.store.item_in(connection, queue, image_sha256, lock=True)
            events = self.store.events_in(connection, queue, image_sha256)
            row = fold(image_sha256, events, asked.settings)
            said = answer.values()
            if _came_before(events, user, submission):
                if row.current == said:
                    return row.state
                submission = None
            check(answer, asked.policy)
            _may_adjudicate(asked, row, user)
            if not self._hands.offered(connection, item, user, Stage.adjudication):
                raise _not_theirs(item)
            changed_since = [field for field in LabelField if seen.get(field) != row.current[field]]
            if changed_since:
                raise conflict(changed_since[0], row.current)
            always = (LabelField.rating, LabelField.category)
            changed = [field for field in LabelField if field in always or said[field] != row.current[field]]
            return self._keep(
                connection, asked, item, user, changed, row.current, said, Stage.adjudication, ms, submission
            )

    def progress(self, queue: str) -> Progress:
        """Count the items of a queue by how far they are.

        Raises:
            NoSuchThing: when there is no such queue.
        """
        with self.store.reading() as connection:
            asked = self.store.queue_in(connection, queue)
            return self._hands.progress(connection, asked)

    def _next(self, connection: sa.Connection, queue: Queue, user: str, stage: Stage) -> str | Nothing:
        """Return the image that somebody is handed next, or why there is none."""
        held = self._hands.held(connection, queue.name, user, stage)
        if held is not None:
            return held
        person = self._people.annotator(connection, user, lock=True)
        if person.consent is None:
            return Nothing(reason=WhyNothing.consent)
        if not person.left_today:
            return Nothing(reason=WhyNothing.cap)
        return self._hands.next(connection, queue.settings, user, stage, person.consent)

    def _contested(self, connection: sa.Connection, queue: Queue, image_sha256: str, user: str) -> Contested:
        item = self.store.item_in(connection, queue.name, image_sha256)
        row = self._row(connection, queue.name, image_sha256)
        _may_adjudicate(queue, row, user)
        touched = self.store.touched_in(connection, queue.name, image_sha256)
        _require_consent(self._people.annotator(connection, user), touched)
        return Contested(
            queue=queue.name,
            image_sha256=image_sha256,
            policy=queue.policy,
            revealed=self._hands.revealed(connection, item, user),
            until=self._hands.take(connection, item, user, Stage.adjudication),
            answers=row.answers,
            claims=item.claims,
            current=row.current,
        )

    def _row(self, connection: sa.Connection, queue: str, image_sha256: str) -> LabelRow:
        settings = self.store.queue_in(connection, queue).settings
        return fold(image_sha256, self.store.events_in(connection, queue, image_sha256), settings)

    def _theirs(self, connection: sa.Connection, queue: str, image_sha256: str, user: str) -> Item:
        """Return an item that somebody holds, or has said something about."""
        item = self.store.item_in(connection, queue, image_sha256)
        if not (self._hands.holds(connection, item, user) or self._hands.answered(connection, item, user)):
            raise _not_theirs(item)
        _require_consent(self._people.annotator(connection, user), falls_under(item.claims))
        return item

    def _keep(
        self,
        connection: sa.Connection,
        queue: Queue,
        item: Item,
        user: str,
        fields: Iterable[LabelField],
        before: Mapping[LabelField, str | None],
        said: Mapping[LabelField, str | None],
        stage: Stage,
        ms: int,
        submission: str | None,
    ) -> State:
        """Append what somebody said, field by field, and take the item out of their hands."""
        revealed = self._hands.revealed(connection, item, user)
        time, name = self.store.clock(), submission or uuid.uuid4().hex
        model = item.claims[0].by if stage is Stage.adjudication and item.claims else None
        events = [
            ReviewEvent(
                id=f"{name}-{field.value}",
                time=time,
                user=user,
                image_sha256=item.image_sha256,
                field=field,
                old=before[field],
                new=said[field],
                policy_hash=queue.policy.hash,
                model=model,
                revealed=revealed,
                ms=_limited(ms),
                queue=queue.name,
                stage=stage,
            )
            for field in fields
        ]
        row = self.store.append_in(connection, queue.settings, item.image_sha256, events)
        self._hands.give_back(connection, queue.name, item.image_sha256, user)
        return row.state


def _require_consent(person: Annotator, categories: Set[str]) -> None:
    if not consents(person, categories):
        raise NotConsented("This image may show something that you do not want to see; take the next one.")


def _limited(ms: int) -> int:
    return max(0, min(ms, _LONGEST_MS))


def _own(row: LabelRow, user: str) -> Answer | None:
    return next((given.answer for given in row.answers if given.user == user), None)


def _came_before(events: Iterable[ReviewEvent], user: str, submission: str | None) -> bool:
    """Whether something was kept under this name already; a page that the browser brings back has it still."""
    if submission is None:
        return False
    if _SUBMISSION.fullmatch(submission) is None:
        raise UsageError("The name of a submission is 8 to 100 letters, digits, '-' or '_'.")
    return any(event.user == user and event.id.rpartition("-")[0] == submission for event in events)


def _may_adjudicate(queue: Queue, row: LabelRow, user: str) -> None:
    if row.state is State.open:
        raise NotOffered("Not all raters have answered about this image; it is adjudicated after that.")
    if not queue.settings.raters_adjudicate and any(given.user == user for given in row.answers):
        raise NotOffered("You have rated this image; somebody else adjudicates it.")


def _not_theirs(item: Item) -> NotOffered:
    return NotOffered(
        f"The image {item.image_sha256[:16]}… is not in your hands: it was never offered to you, or somebody else has "
        "answered since. Take the next one."
    )
