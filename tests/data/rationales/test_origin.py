"""Where a rationale is from is a typed record beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from eyeward.data.rationales.faults import RationaleFault
from eyeward.data.rationales.guidance import Guidance
from eyeward.data.rationales.origin import Obstacle, RationaleOrigin, RefusedAttempt, Writer
from eyeward.data.sample import Sample
from eyeward.errors import ErrorType
from eyeward.verdict import ModelRef
from tests.data.rationales.classroom import sample

TEACHER = ModelRef(name="mini", revision="abc", engine="local")
OBJECTIONS = (RationaleFault.too_long, Obstacle.cut, ErrorType.deadline)
ORIGIN = RationaleOrigin(
    writer=Writer.teacher,
    teacher=TEACHER,
    guidance=Guidance.opened,
    refused=(RefusedAttempt(teacher="mini", guidance=Guidance.plain, objections=OBJECTIONS),),
)


def test_it_is_read_back_with_the_types_of_its_objections() -> None:
    read = Sample.model_validate_json(sample(rationale="Because.", rationale_from=ORIGIN).to_json())
    assert read.rationale_from == ORIGIN
    assert [type(item) for item in read.rationale_from.refused[0].objections] == [RationaleFault, Obstacle, ErrorType]
    assert read.rationale_from.attempts == 2


def test_no_objection_stands_for_two_things() -> None:
    values = [item.value for kind in (RationaleFault, Obstacle, ErrorType) for item in kind]
    assert len(set(values)) == len(values)


def test_labels_from_before_the_field_are_read() -> None:
    line = json.loads(sample(rationale="Because.").to_json())
    del line["rationale_from"]
    assert Sample.model_validate(line).rationale_from is None


@pytest.mark.parametrize(
    "fields",
    [
        {"writer": "teacher"},
        {"writer": "teacher", "teacher": TEACHER},
        {"writer": "rules", "teacher": TEACHER, "guidance": "plain"},
        {"writer": "scene", "guidance": "plain"},
        {"writer": "somebody"},
        {"writer": "rules", "note": "free text"},
        {"writer": "rules", "refused": [{"teacher": "mini", "guidance": "plain", "objections": ["it was bad"]}]},
    ],
)
def test_a_record_that_says_nothing_clear_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RationaleOrigin.model_validate(fields)


def test_a_rationale_that_is_not_there_has_no_origin() -> None:
    with pytest.raises(ValidationError, match="a rationale that is not there"):
        sample(rationale_from=ORIGIN)
