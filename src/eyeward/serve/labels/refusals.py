"""Why something is not taken in or handed out; nothing is ever overwritten or dropped instead."""

from __future__ import annotations

from collections.abc import Mapping

from eyeward.data.events import LabelField
from eyeward.errors import EyewardError


class LabelRefused(EyewardError):
    """Something that the store or the desk does not do: a word for machines, a sentence for people."""

    kind = "refused"


class StoreUnavailable(LabelRefused):
    """The database does not answer, or has not committed: what was to be kept may not be kept. Send it again."""

    kind = "store_unavailable"


class Taken(LabelRefused):
    """A name or an id that is in use already."""

    kind = "taken"


class NoSuchThing(LabelRefused):
    """A queue, or an image of a queue, that does not exist."""

    kind = "not_found"


class Contradictory(LabelRefused):
    """A label that contradicts itself or its policy; `name` says how."""

    kind = "contradiction"

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        """A value of `eyeward.data.sample.Contradiction`, or `unknown_category`."""
        super().__init__(message)


class Conflict(LabelRefused):
    """Somebody else has decided since: `current` is what stands now. Look at it, then decide again."""

    kind = "conflict"

    def __init__(self, message: str, current: Mapping[LabelField, str | None]) -> None:
        self.current = dict(current)
        super().__init__(message)


class NotOffered(LabelRefused):
    """An image that is not in the hands of this person: never offered, given to another since, or finished."""

    kind = "not_offered"


class NotConsented(LabelRefused):
    """An image of a category that this person does not want to see."""

    kind = "not_consented"


class CapReached(LabelRefused):
    """This person has looked at enough for today."""

    kind = "cap_reached"
