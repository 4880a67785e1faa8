from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eyeward.data.changes import StanceChanged
from eyeward.data.sample import Contradiction, Sample, Severity, Split, contradiction
from eyeward.policy import Policy, Stance
from eyeward.verdict import NA, Rating
from tests.data.drawn import DEFAULT, LABELS, samples

WEAPONS = "O6: Weapons or Substance Abuse"
HATE = "O1: Hate, Humiliation, Harassment"


@given(samples())
def test_a_sample_is_read_back_from_its_line(sample: Sample) -> None:
    line = sample.to_json()
    assert "\n" not in line
    assert Sample.model_validate_json(line) == sample
    assert list(json.loads(line)) == list(Sample.model_fields)


@pytest.mark.parametrize(
    ("rating", "category", "categories", "severity", "reason"),
    [
        (Rating.Unsafe, NA, (), None, Contradiction.unsafe_without_category),
        (Rating.Review, WEAPONS, (), None, Contradiction.rating_is_no_label),
        (Rating.Safe, WEAPONS, (), Severity.MODERATELY_UNSAFE, Contradiction.severity_against_rating),
        (Rating.Unsafe, WEAPONS, (), Severity.BARELY_SAFE, Contradiction.severity_against_rating),
        (Rating.Unsafe, WEAPONS, (HATE,), None, Contradiction.category_not_among_categories),
        (Rating.Safe, NA, (NA, HATE), None, Contradiction.none_beside_others),
    ],
)
def test_a_contradiction_is_refused_by_name(
    rating: Rating, category: str, categories: tuple[str, ...], severity: Severity | None, reason: Contradiction
) -> None:
    found = contradiction(rating, category, categories, severity)
    assert found is not None and found[0] is reason
    with pytest.raises(ValidationError, match=reason):
        Sample(image="a.png", group="g", rating=rating, category=category, categories=categories, severity=severity)


def test_an_exception_may_be_safe_whatever_the_severity_of_its_image() -> None:
    sample = Sample(
        image="a.png",
        group="g",
        category=WEAPONS,
        rating=Rating.Safe,
        severity=Severity.HIGHLY_UNSAFE,
        policy=Policy.load("default").non_violating("O6"),
        changes=(StanceChanged(category="O6", to=Stance.non_violating),),
    )
    assert sample.augmented


@given(st.sampled_from(LABELS), st.sampled_from(list(Severity)))
def test_the_two_upper_severities_are_unsafe(category: str, severity: Severity) -> None:
    agreeing = Sample(image="a.png", group="g", category=category, rating=severity.rating, severity=severity)
    assert (agreeing.rating is Rating.Unsafe) == ("_unsafe" in severity)


@pytest.mark.parametrize("image", ["/etc/passwd", "../a.png", "images/../../a.png"])
def test_an_image_outside_of_the_folder_is_refused(image: str) -> None:
    with pytest.raises(ValidationError, match="leads out of the folder"):
        Sample(image=image, group="g", category=NA, rating=Rating.Safe)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "stance_changed", "category": "O6"},
        {"kind": "stance_changed", "category": "O6", "to": "allowed"},
        {"kind": "v2", "category": "O6"},
        "_v2",
    ],
)
def test_a_change_is_a_typed_record_or_refused(change: object) -> None:
    line = json.loads(Sample(image="a.png", group="g", category=NA, rating=Rating.Safe).to_json())
    with pytest.raises(ValidationError):
        Sample.model_validate({**line, "changes": [change]})


def test_a_policy_is_a_policy_or_a_hash() -> None:
    line = json.loads(Sample(image="a.png", group="g", category=NA, rating=Rating.Safe).to_json())
    policy = Policy.load("children")
    inline = Sample.model_validate({**line, "policy": policy.model_dump(mode="json")})
    by_hash = Sample.model_validate({**line, "policy": policy.hash, "split": "test"})
    assert inline.policy_hash == by_hash.policy_hash == policy.hash
    assert by_hash.split is Split.TEST
    for default in (DEFAULT.model_dump(mode="json"), DEFAULT, DEFAULT.hash):
        assert Sample.model_validate({**line, "policy": default}).policy is None
    with pytest.raises(ValidationError, match="neither a policy nor"):
        Sample.model_validate({**line, "policy": "children"})
    with pytest.raises(ValidationError, match="no categories"):
        Sample.model_validate({**line, "policy": {"name": "x", "categories": []}})
