"""Decisions of reviewers: events that are only ever appended; labels are what they add up to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from eyeward.data.folder import default_policy, numbered_lines
from eyeward.data.report import Report, Tally
from eyeward.data.sample import Sample
from eyeward.errors import DataError, described
from eyeward.policy.schema import Policy
from eyeward.verdict import NA

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
    unknown_category = "unknown_category"
    """The policy does not have the category that was chosen."""
    contradiction = "contradiction"
    """All decisions about the sample together contradict each other; it stays as it was."""


@dataclass(frozen=True)
class Folded:
    """Samples after their events; the report counts events, not samples."""

    samples: tuple[Sample, ...]
    report: Report
    changed: frozenset[int] = field(default_factory=frozenset)
    """Places of the samples that are not what they were."""


def read_events(file: Path) -> list[LabelEvent]:
    """Read events, one a line.

    Raises:
        DataError: with file and line, for a row that is no event.
    """
    events = []
    for number, line in numbered_lines(file):
        try:
            events.append(LabelEvent.model_validate_json(line))
        except ValidationError as problem:
            raise DataError(f"{described(problem)}; mend the line, or take it away.", file, number) from None
    return events


def fold(
    samples: Sequence[tuple[Sample, str]], events: Iterable[LabelEvent], policy_of: Callable[[Sample], Policy]
) -> Folded:
    """Apply events in the order of their time to samples, given with the sha256 of their images.

    Of one field the last decision counts. A changed sample is annotated by the users who changed it. The events of an
    image under a policy count together or not at all, so that a rating and a category that were changed one after the
    other never meet a contradiction half-way.
    """
    kept = [sample for sample, _ in samples]
    places_of: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for place, (sample, sha256) in enumerate(samples):
        places_of[sha256, _hash(sample.policy_hash)].append(place)
    tally = Tally()
    decided: defaultdict[tuple[str, str], list[LabelEvent]] = defaultdict(list)
    known: set[str] = set()
    for event in sorted(events, key=lambda event: (event.time, event.id)):
        key = event.image_sha256, _hash(event.policy_hash)
        if event.id in known:
            tally.discard(NotApplied.repeated, f"The event {event.id} comes twice.")
        elif key not in places_of:
            message = f"The event {event.id} is about an image that has no label under its policy."
            tally.discard(NotApplied.unknown_image, message)
        else:
            decided[key].append(event)
        known.add(event.id)
    changed: set[int] = set()
    for key, about in decided.items():
        places = places_of[key]
        try:
            after = {place: _applied(kept[place], about) for place in places}
        except ValidationError as problem:
            message = f"The decisions about {kept[places[0]].image} cannot stand together: {described(problem)}."
            tally.discard(NotApplied.contradiction, message, len(about))
            continue
        foreign = next((s for s in after.values() if s.category not in (*policy_of(s).labels, NA)), None)
        if foreign is not None:
            message = f"{foreign.image} is {foreign.category!r} by a reviewer, which its policy does not have."
            tally.discard(NotApplied.unknown_category, message, len(about))
            continue
        tally.taken += len(about)
        changed |= {place for place in places if after[place] != kept[place]}
        for place in places:
            kept[place] = after[place]
    return Folded(tuple(kept), tally.report(), frozenset(changed))


def _hash(policy_hash: str | None) -> str:
    return policy_hash or default_policy().hash


def _applied(sample: Sample, events: list[LabelEvent]) -> Sample:
    fields = sample.model_dump() | {event.field.value: event.new for event in events}
    if fields["category"] != sample.category:
        fields["categories"] = ()
    if fields["rating"] != sample.rating and all(event.field is not LabelField.severity for event in events):
        fields["severity"] = None  # it was that of another rating
    if (fields["rating"], fields["category"]) != (sample.rating, sample.category):
        fields["scene"] = None  # a graph that says something else than the label would decide its variants
    if fields["rationale"] != sample.rationale:
        fields["rationale_from"] = None
    after = Sample.model_validate(fields)
    if after == sample:
        return sample
    users = sorted({event.user for event in events})
    return after.model_copy(update={"annotator": ", ".join(users), "decided_by": None})
