"""Labels are what events add up to: who said what, whether raters agree, and what stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from eyeward.data.events import LabelField
from eyeward.data.sample import Severity, contradiction
from eyeward.errors import described
from eyeward.policy import Policy
from eyeward.serve.labels.records import Answer, Given, QueueSettings, ReviewEvent, Stage, State
from eyeward.serve.labels.refusals import Contradictory
from eyeward.verdict import NA, Rating

Values = dict[LabelField, str | None]

UNKNOWN_CATEGORY = "unknown_category"
"""The name of the contradiction between a label and its policy."""
NOT_AN_ANSWER = "not_an_answer"
"""The name of values that are no ratings or no severities at all."""


class LabelRow(BaseModel):
    """What the events of one item add up to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_sha256: str
    state: State
    label: Answer | None
    """What stands, of a settled item only."""
    answers: tuple[Given, ...]
    """Of raters, in the order in which they answered first."""
    adjudicator: str | None
    """Who decided last."""
    current: dict[LabelField, str | None]
    """What stands field by field; of a contested item what its raters have in common."""
    contradiction: str | None = None
    """The name of what keeps a label from standing; only events from elsewhere have one."""

    @property
    def users(self) -> tuple[str, ...]:
        """Who had a part in it."""
        adjudicator = () if self.adjudicator is None else (self.adjudicator,)
        return tuple(sorted({*(given.user for given in self.answers), *adjudicator}))


def check(answer: Answer, policy: Policy) -> None:
    """Refuse an answer that contradicts itself or its policy.

    Raises:
        Contradictory: with the name of the contradiction.
    """
    if answer.category not in (*policy.labels, NA):
        raise Contradictory(
            UNKNOWN_CATEGORY,
            f"The policy {policy.name!r} has no category {answer.category!r}; it has {', '.join(policy.labels)}, {NA}.",
        )
    found = contradiction(answer.rating, answer.category, severity=answer.severity)
    if found is not None:
        raise Contradictory(found[0].value, found[1])


def fold(image_sha256: str, events: Iterable[ReviewEvent], settings: QueueSettings) -> LabelRow:
    """Add up the events of one item of a queue, in the order in which they were appended.

    Of one person and one field the last event counts. Raters agree when ratings and categories are the same, and
    severities where they named them; the first reason that was given stands. What an adjudicator says stands before
    all that.
    """
    by_user: dict[str, Values] = {}
    decided: Values = {}
    adjudicator: str | None = None
    for event in events:
        if event.stage is Stage.adjudication:
            decided[event.field] = event.new
            adjudicator = event.user
        else:
            by_user.setdefault(event.user, {})[event.field] = event.new
    wrong: str | None = None
    answers: list[Given] = []
    for user, values in by_user.items():
        answer, problem = _read(values, settings.policy)
        wrong = wrong or problem
        if answer is not None:
            answers.append(Given(user=user, answer=answer))
    complete = len(answers) >= settings.raters
    common = _common([given.answer for given in answers]) if complete else _nothing()
    current = common | decided
    label, state = None, State.open
    if complete or adjudicator is not None:
        label, problem = _read(current, settings.policy) if adjudicator is not None or _agree(answers) else (None, None)
        wrong = problem or wrong
        state = State.settled if label is not None else State.contested
    return LabelRow(
        image_sha256=image_sha256,
        state=state,
        label=label,
        answers=tuple(answers),
        adjudicator=adjudicator,
        current=current,
        contradiction=wrong,
    )


def deciding(row: LabelRow, events: Sequence[ReviewEvent]) -> list[ReviewEvent]:
    """Return the last event of each field that says what stands in a settled row."""
    if row.label is None:
        return []
    found: dict[LabelField, ReviewEvent] = {}
    stands = row.label.values()
    for event in events:
        if event.new == stands[event.field]:
            found[event.field] = event
    return list(found.values())


def _read(values: Mapping[LabelField, str | None], policy: Policy) -> tuple[Answer | None, str | None]:
    """Return values as an answer, or the name of what is wrong; neither while rating or category are missing."""
    if values.get(LabelField.rating) is None or values.get(LabelField.category) is None:
        return None, None
    try:
        answer = answer_of(values)
        check(answer, policy)
    except Contradictory as problem:
        return None, problem.name
    return answer, None


def answer_of(values: Mapping[LabelField, str | None]) -> Answer:
    """Return values as an answer.

    Raises:
        Contradictory: when they are none.
    """
    try:
        return Answer.model_validate({field.value: value for field, value in values.items()})
    except ValidationError as problem:
        raise Contradictory(NOT_AN_ANSWER, f"That is no answer: {described(problem)}.") from None


def _agree(answers: Sequence[Given]) -> bool:
    severities = {given.answer.severity for given in answers} - {None}
    labels = {(given.answer.rating, given.answer.category) for given in answers}
    return len(labels) == 1 and len(severities) <= 1


def _common(answers: Sequence[Answer]) -> Values:
    """Return what answers have in common; a reason only where they agree otherwise."""
    ratings: set[Rating] = {answer.rating for answer in answers}
    categories = {answer.category for answer in answers}
    severities: set[Severity] = {answer.severity for answer in answers if answer.severity is not None}
    alone = len(ratings) == len(categories) == 1
    reasons = [answer.rationale for answer in answers if answer.rationale] if alone else []
    return {
        LabelField.rating: next(iter(ratings)).value if len(ratings) == 1 else None,
        LabelField.category: next(iter(categories)) if len(categories) == 1 else None,
        LabelField.severity: next(iter(severities)).value if alone and len(severities) == 1 else None,
        LabelField.rationale: reasons[0] if reasons else None,
    }


def _nothing() -> Values:
    return dict.fromkeys(LabelField)
