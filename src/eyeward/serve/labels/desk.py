"""Who is handed which item, and what they may say of it: blind, with consent, within a daily cap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from eyeward.data.events import LabelField
from eyeward.serve.labels.records import (
    Aftermath,
    Annotator,
    Answer,
    Contested,
    Nothing,
    Offer,
    Progress,
    Shown,
    State,
)
from eyeward.serve.labels.store import LabelStore


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
        raise NotImplementedError

    # People.
    def annotator(self, user: str) -> Annotator:
        """Return what somebody agreed to, and what was used of it today."""
        raise NotImplementedError

    def agree(self, user: str, categories: Iterable[str], daily_cap: int | None = None) -> Annotator:
        """Keep what somebody wants to see from now on: full labels of categories, and `unknown`; events, too.

        What they hold of other categories goes back into its queue. `daily_cap` may only lower that of the desk.

        Raises:
            UsageError: for a cap below 0.
        """
        raise NotImplementedError

    # Raters.
    def take(self, queue: str, user: str) -> Offer | Nothing:
        """Hand somebody the next item, or again the one that they hold.

        Raises:
            NoSuchThing: when there is no such queue.
        """
        raise NotImplementedError

    def shown(self, queue: str, image_sha256: str, user: str) -> Shown:
        """Return where the image is that somebody holds or has answered about, and whether they may see it unblurred.

        Raises:
            NotOffered: when it is not theirs to see.
            NotConsented: when they have withdrawn their consent since.
        """
        raise NotImplementedError

    def reveal(self, queue: str, image_sha256: str, user: str, ms: int = 0) -> Annotator:
        """Log that somebody asks for the image without blur; from now on `shown` says so. Once is enough.

        Raises:
            NotOffered: when they do not hold it.
            NotConsented: when they have withdrawn their consent since.
            CapReached: when it was enough for today.
        """
        raise NotImplementedError

    def skip(self, queue: str, image_sha256: str, user: str, ms: int = 0) -> None:
        """Put an item back; this person is not offered it again, and it costs nothing.

        Raises:
            NotOffered: when they do not hold it.
        """
        raise NotImplementedError

    def answer(
        self, queue: str, image_sha256: str, user: str, answer: Answer, ms: int = 0, submission: str | None = None
    ) -> State:
        """Keep what a blind rater says; until all raters have answered, they may say otherwise again.

        What was begun may be finished when the daily cap is reached. `submission` is a name that is never used twice,
        made with the form: when it comes again, it is kept once.

        Raises:
            Contradictory: when the answer contradicts itself or the policy, with the name of the contradiction.
            NotOffered: when the item was never theirs, was given to others since, or all raters have answered.
            StoreUnavailable: when it was not committed; send it again with the same `submission`.
        """
        raise NotImplementedError

    def own(self, queue: str, image_sha256: str, user: str) -> Answer | None:
        """Return what somebody has answered as a rater."""
        raise NotImplementedError

    def aftermath(self, queue: str, image_sha256: str, user: str) -> Aftermath | None:
        """Return what others and guards said, to somebody who has answered, once all raters have; else None."""
        raise NotImplementedError

    # Adjudicators.
    def take_contested(self, queue: str, user: str) -> Contested | Nothing:
        """Hand somebody the next item that raters differ about; never one that they rated, unless the queue says so.

        Raises:
            NoSuchThing: when there is no such queue.
        """
        raise NotImplementedError

    def contested(self, queue: str, image_sha256: str, user: str) -> Contested:
        """Return an item that all raters have answered, contested or settled, to decide or to decide again.

        Raises:
            NotOffered: when raters have still to answer, or this person rated it and the queue does not allow that.
            NotConsented: when they do not want to see it.
        """
        raise NotImplementedError

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
        raise NotImplementedError

    def progress(self, queue: str) -> Progress:
        """Count the items of a queue by how far they are."""
        raise NotImplementedError
