"""A verdict is one shape for everyone, and it cannot contradict itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eyeward.verdict import (
    NA,
    ErrorType,
    Failure,
    ModelRef,
    Note,
    PolicyRef,
    Rating,
    Review,
    ReviewReason,
    Status,
    Verdict,
)

POLICY = PolicyRef(name="default", version=1, hash="abc")
MODEL = ModelRef(name="mini", revision="def", engine="local")
KEYS = [
    "image",
    "sha256",
    "status",
    "rating",
    "category",
    "rationale",
    "p_unsafe",
    "p_unsafe_raw",
    "uncertainty",
    "category_probabilities",
    "threshold",
    "review",
    "frames_judged",
    "notes",
    "policy",
    "prompt_hash",
    "model",
    "seconds",
    "error",
]


def verdict(**changes: Any) -> Verdict:
    values: dict[str, Any] = {
        "image": "a.png",
        "sha256": "0" * 64,
        "status": Status.ok,
        "rating": Rating.Unsafe,
        "category": "O6: Weapons or Substance Abuse",
        "p_unsafe": 0.973,
        "p_unsafe_raw": 0.991,
        "category_probabilities": {"O6": 0.91},
        "threshold": 0.5,
        "frames_judged": 1,
        "policy": POLICY,
        "model": MODEL,
    }
    return Verdict(**(values | changes))


def failed() -> Verdict:
    return Verdict.failed(
        Failure(type=ErrorType.truncated, message="a.png is cut short."), image="a.png", policy=POLICY, model=MODEL
    )


def test_the_keys_of_the_json_are_those_of_the_design_and_never_vary() -> None:
    review = verdict(rating=Rating.Review, review=Review(reason=ReviewReason.frames))
    for one in (verdict(), failed(), review):
        assert list(json.loads(one.model_dump_json())) == KEYS


def test_the_json_of_a_failure_has_a_null_rating_and_the_reason() -> None:
    written = json.loads(failed().model_dump_json())
    assert (written["status"], written["rating"], written["category"]) == ("error", None, None)
    assert written["error"] == {"type": "truncated", "message": "a.png is cut short."}


@given(p=st.floats(0, 1), notes=st.lists(st.sampled_from(list(Note)), unique=True))
def test_a_verdict_survives_json(p: float, notes: list[Note]) -> None:
    one = verdict(p_unsafe=p, notes=tuple(notes))
    assert Verdict.model_validate_json(one.model_dump_json()) == one


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="score"):
        verdict(score=1.0)


def test_a_verdict_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        verdict().rating = Rating.Safe


def test_unsafe_never_goes_with_none_applying() -> None:
    with pytest.raises(ValidationError, match="never goes with the category"):
        verdict(category=NA)
    assert verdict(rating=Rating.Safe, category=NA).category == NA


def test_an_error_has_no_rating_category_probability_or_review() -> None:
    error = Failure(type=ErrorType.internal, message="It broke.")
    empty = {"status": Status.error, "error": error, "rating": None, "category": None, "p_unsafe": None}
    assert verdict(**empty).error == error
    for change in (
        {"rating": Rating.Safe},
        {"category": NA},
        {"p_unsafe": 0.1},
        {"review": Review(reason=ReviewReason.band)},
        {"error": None},
    ):
        with pytest.raises(ValidationError, match="status 'error'"):
            verdict(**(empty | change))


def test_an_ok_verdict_has_a_rating_and_no_error() -> None:
    with pytest.raises(ValidationError, match="must have a rating"):
        verdict(rating=None)
    with pytest.raises(ValidationError, match="must have status 'error'"):
        verdict(error=Failure(type=ErrorType.internal, message="It broke."))


def test_review_and_its_reason_go_together() -> None:
    with pytest.raises(ValidationError, match="go together"):
        verdict(rating=Rating.Review)
    with pytest.raises(ValidationError, match="go together"):
        verdict(rating=Rating.Safe, review=Review(reason=ReviewReason.band, band=(0.4, 0.6)))


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
@pytest.mark.parametrize("key", ["p_unsafe", "p_unsafe_raw", "uncertainty", "threshold"])
def test_probabilities_are_probabilities(key: str, value: float) -> None:
    with pytest.raises(ValidationError, match=key):
        verdict(**{key: value})


def test_everything_but_safe_is_flagged() -> None:
    assert not verdict(rating=Rating.Safe).flagged
    assert verdict().flagged
    assert verdict(rating=Rating.Review, review=Review(reason=ReviewReason.band)).flagged
    assert failed().flagged


def test_a_failure_needs_a_sentence() -> None:
    with pytest.raises(ValidationError, match="message"):
        Failure(type=ErrorType.internal, message="")


def test_the_documentation_has_a_line_for_every_note_and_every_error_type() -> None:
    page = (Path(__file__).parent.parent / "docs" / "verdict.md").read_text(encoding="utf-8")
    described = set(re.findall(r"^\| `(\w+)` \| \S", page, re.MULTILINE))
    assert {str(code) for code in (*Note, *ErrorType, *ReviewReason)} <= described
