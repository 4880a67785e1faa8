"""A label is explained anew, each time in another way or by another teacher, until nothing is wrong with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from eyeward.data.rationales.faults import RationaleFault, rationale_faults
from eyeward.data.rationales.grounds import Grounds, with_grounds
from eyeward.data.rationales.guidance import Guidance
from eyeward.data.rationales.ledger import Taught, Trouble
from eyeward.data.rationales.origin import Objection, Obstacle, RefusedAttempt
from eyeward.data.rationales.teacher import Explanandum, Said, Teacher
from eyeward.data.sample import Sample
from eyeward.errors import ErrorType
from eyeward.policy.schema import Policy

MOST_RETRIES = 8
_Way = tuple[Guidance, int]
"""How, and which teacher by number."""

_HOPELESS = frozenset(
    {
        Obstacle.out_of_scope,
        Obstacle.unknown_words,
        Obstacle.policy_refused,
        ErrorType.engine_unavailable,
        ErrorType.deadline,
    }
)
"""Whatever a teacher is asked about this image under this policy, it would say the same."""


@dataclass
class Lesson:
    """One label on its way to a reason."""

    place: int
    """Of its sample in the data set."""
    wanted: Explanandum
    grounds: Grounds
    refused: list[RefusedAttempt] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    dismissed: set[int] = field(default_factory=set)
    """Teachers that need not be asked again, by number."""


def explain(
    lessons: Sequence[Lesson], teachers: Sequence[Teacher], retries: int, done: Callable[[Taught], None]
) -> None:
    """Ask for reasons in rounds, and hand each over as soon as it is settled.

    Every way to ask is tried with every teacher before the next way, so that a retry is as different as it can be. A
    label is asked `retries` times more than once, or as often as there are ways.
    """
    ways = [(guidance, number) for guidance in Guidance for number in range(len(teachers))]
    waiting = [(lesson, iter(ways)) for lesson in lessons]
    while waiting:
        asked: dict[_Way, list[tuple[Lesson, Iterator[_Way]]]] = {}
        for lesson, left in waiting:
            way = None if len(lesson.refused) > retries else _next(lesson, left, teachers)
            if way is None:
                done(_given_up(lesson))
            else:
                asked.setdefault(way, []).append((lesson, left))
        waiting = []
        for (guidance, number), group in asked.items():
            teacher = teachers[number]
            said = teacher.explain([lesson.wanted for lesson, _ in group], guidance)
            for (lesson, left), answer in zip(group, said, strict=True):
                text, objections = _checked(lesson, answer)
                if not objections:
                    done(_accepted(lesson, teacher, guidance, text, answer.text))
                    continue
                name = teacher.guard.model.name
                lesson.refused.append(RefusedAttempt(teacher=name, guidance=guidance, objections=objections))
                if answer.obstacle is not None and answer.message:
                    lesson.troubles.append(Trouble(obstacle=answer.obstacle, message=answer.message))
                if not _HOPELESS.isdisjoint(objections):
                    lesson.dismissed.add(number)
                waiting.append((lesson, left))


def faults_of(text: str, sample: Sample, policy: Policy) -> tuple[RationaleFault, ...]:
    """Return what is wrong with the reason of a sample, in the order of the names."""
    return tuple(sorted(rationale_faults(text, sample.rating, sample.category, policy)))


def _next(lesson: Lesson, left: Iterator[_Way], teachers: Sequence[Teacher]) -> _Way | None:
    for guidance, number in left:
        if number not in lesson.dismissed and teachers[number].understands(guidance, lesson.wanted):
            return guidance, number
    return None


def _checked(lesson: Lesson, said: Said) -> tuple[str, tuple[Objection, ...]]:
    """Return the reason as it is kept, and what is wrong with it.

    What the teacher wrote is checked by itself first: the sentence that says what decides may not hide that it argues
    for the other rating.
    """
    if said.obstacle is not None:
        return "", (said.obstacle,)
    sample, policy = lesson.wanted.sample, lesson.wanted.policy
    text = with_grounds(said.text, lesson.grounds)
    return text, faults_of(said.text, sample, policy) or faults_of(text, sample, policy)


def _accepted(lesson: Lesson, teacher: Teacher, guidance: Guidance, text: str, written: str) -> Taught:
    return Taught(
        place=lesson.place,
        rationale=text,
        teacher=teacher.guard.model,
        guidance=guidance,
        grounds_added=text != written,
        refused=tuple(lesson.refused),
        troubles=tuple(lesson.troubles),
    )


def _given_up(lesson: Lesson) -> Taught:
    return Taught(place=lesson.place, refused=tuple(lesson.refused), troubles=tuple(lesson.troubles))
