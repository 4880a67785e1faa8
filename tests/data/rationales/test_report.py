"""Every sample is in one number of the report, and every refused attempt in another."""

from __future__ import annotations

from eyeward.data.rationales.faults import RationaleFault
from eyeward.data.rationales.guidance import Guidance
from eyeward.data.rationales.ledger import Taught, Trouble
from eyeward.data.rationales.origin import Obstacle, RefusedAttempt, Writer
from eyeward.data.rationales.report import Count
from eyeward.errors import ErrorType
from eyeward.verdict import ModelRef

MINI = ModelRef(name="mini", revision="1", engine="local")
TWO = RefusedAttempt(
    teacher="mini",
    guidance=Guidance.plain,
    objections=(RationaleFault.too_long, RationaleFault.repeats_itself),
)
LATE = RefusedAttempt(teacher="mini", guidance=Guidance.opened, objections=(ErrorType.deadline,))


def test_counts_add_up() -> None:
    count = Count(kept=2)
    count.written[Writer.teacher] += 3
    count.without(Obstacle.cut.value, "a.png: cut")
    count.without(Obstacle.cut.value, "b.png: cut")
    report = count.report([], 0)
    assert report.samples == 7
    assert report.written == {"teacher": 3}
    assert [(item.reason, item.rows, item.examples) for item in report.without] == [
        ("cut", 2, ("a.png: cut", "b.png: cut"))
    ]


def test_attempts_are_counted_by_why_they_were_refused() -> None:
    report = Count().report(
        [
            Taught(place=0, rationale="A knife.", teacher=MINI, guidance=Guidance.opened, refused=(TWO, LATE)),
            Taught(place=1, refused=(TWO,), troubles=(Trouble(obstacle=ErrorType.deadline, message="Late."),)),
            Taught(place=2, troubles=(Trouble(obstacle=ErrorType.not_found, message="No file."),)),
        ],
        4,
    )
    assert (report.asked, report.attempts, report.missing_images) == (2, 4, 4)
    assert report.unsettled == 0
    late = Taught(place=3, refused=(LATE,))
    assert Count().report([late], 0).unsettled == 1
    assert report.accepted == {"opened": 1}
    assert report.refused == {"repeats_itself": 2, "too_long": 2, "deadline": 1}
    assert {item.reason: item.examples for item in report.troubles} == {
        "deadline": ("Late.",),
        "not_found": ("No file.",),
    }
