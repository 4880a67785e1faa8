"""Decisions of reviewers: events that are only ever appended; labels are what they add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from eyeward.data.report import Report, Tally
from eyeward.data.sample import Sample
from eyeward.errors import described

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class LabelField(StrEnum):
    """What a reviewer can change."""

    rating = "rating"
    category = "category"
    severity = "severity"
    rationale = "rationale"


class LabelEvent(BaseModel):
    """One decision about one field of one image."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    """Never used twice; an event that comes again is the same event."""
    time: AwareDatetime
    user: str
    image_sha256: Sha256
    field: LabelField
    old: str | None
    """What the reviewer saw."""
    new: str | None
    policy_hash: Sha256 | None = None
    """The policy that was shown; None for the default one."""
    model: str | None = None
    """The guard whose verdict was shown, if any."""
    revealed: bool
    """Whether the unblurred image was asked for."""
    ms: int = Field(ge=0)
    """Time from showing to deciding."""


class NotApplied(StrEnum):
    """Why an event changes no label."""

    unknown_image = "unknown_image"
    """There is no sample of this image under this policy."""
    repeated = "repeated"
    """An event with this id was applied already."""
    contradiction = "contradiction"
    """All decisions about the sample together contradict each other; it stays as it was."""


@dataclass(frozen=True)
class Folded:
    """Samples after their events; the report counts events, not samples."""

    samples: tuple[Sample, ...]
    report: Report
    changed: frozenset[int] = field(default_factory=frozenset)
    """Places of the samples that are not what they were."""


def fold(samples: Iterable[Sample], events: Iterable[LabelEvent], sha256_of: Callable[[Sample], str]) -> Folded:
    """Apply events in the order of their time to the samples of their images; of one field the last decision counts.

    A changed sample is annotated by the users who changed it. The events of a sample count together or not at all, so
    that a rating and a category that were changed one after the other never meet a contradiction half-way.
    """
    kept = list(samples)
    place_of = {(sha256_of(sample), sample.policy_hash): place for place, sample in enumerate(kept)}
    tally = Tally()
    decided: dict[int, list[LabelEvent]] = {}
    known: set[str] = set()
    for event in sorted(events, key=lambda event: (event.time, event.id)):
        place = place_of.get((event.image_sha256, event.policy_hash))
        if event.id in known:
            tally.discard(NotApplied.repeated, f"The event {event.id} comes twice.")
        elif place is None:
            message = f"The event {event.id} is about an image that has no label under its policy."
            tally.discard(NotApplied.unknown_image, message)
        else:
            decided.setdefault(place, []).append(event)
        known.add(event.id)
    changed: set[int] = set()
    for place, about in decided.items():
        try:
            after = _applied(kept[place], about)
        except ValidationError as problem:
            message = f"The decisions about {kept[place].image} cannot stand together: {described(problem)}."
            tally.discard(NotApplied.contradiction, message, len(about))
            continue
        tally.taken += len(about)
        if after != kept[place]:
            changed.add(place)
            kept[place] = after
    return Folded(tuple(kept), tally.report(), frozenset(changed))


def _applied(sample: Sample, events: list[LabelEvent]) -> Sample:
    fields = sample.model_dump() | {event.field.value: event.new for event in events}
    if fields["category"] != sample.category:
        fields["categories"] = ()
    if fields["rationale"] != sample.rationale:
        fields["rationale_from"] = None
    after = Sample.model_validate(fields)
    if after == sample:
        return sample
    users = sorted({event.user for event in events})
    return after.model_copy(update={"annotator": ", ".join(users), "decided_by": None})
