"""Crosswalks that ship agree with themselves and with the default policy; what is not covered is said."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from eyeward.guard.crosswalk import FOLDER, Cover, Crosswalk, reading_of
from eyeward.policy import Category, Policy
from eyeward.verdict import NA, Rating

DEFAULT = Policy.load("default")
SHIPPED = sorted(path.stem for path in FOLDER.glob("*.yaml"))
NUDITY, SEXUAL = DEFAULT.category("O4").label, DEFAULT.category("O3").label


@pytest.mark.parametrize("name", SHIPPED)
def test_a_crosswalk_speaks_of_every_category_of_the_default_policy_and_of_no_other(name: str) -> None:
    crosswalk = Crosswalk.load(name)
    assert {id: cover.name for id, cover in crosswalk.categories.items()} == {c.id: c.name for c in DEFAULT.categories}
    assert crosswalk.guard == name
    assert crosswalk.source
    assert all(cover.because for cover in crosswalk.categories.values())


@pytest.mark.parametrize(
    ("name", "covered", "partly"),
    [
        ("nudenet", ("O4",), ("O3",)),
        ("moderations", ("O2", "O3", "O7"), ("O4", "O8", "O9")),
        ("llama_guard", ("O1", "O3", "O5", "O7"), ("O2", "O4", "O6", "O8")),
    ],
)
def test_coverage_of_the_default_policy(name: str, covered: tuple[str, ...], partly: tuple[str, ...]) -> None:
    coverage = Crosswalk.load(name).coverage(DEFAULT)
    assert (coverage.covered, coverage.partly) == (covered, partly)
    assert sorted((*coverage.covered, *coverage.not_covered)) == sorted(DEFAULT.ids)
    assert set(partly) <= set(coverage.not_covered)


def test_the_published_lists_of_labels_are_whole() -> None:
    assert [len(Crosswalk.load(name).labels) for name in ("moderations", "nudenet", "llama_guard")] == [13, 18, 14]
    assert set(Crosswalk.load("moderations").seen_labels) == {
        "self-harm",
        "self-harm/intent",
        "self-harm/instructions",
        "sexual",
        "violence",
        "violence/graphic",
    }


def test_a_category_of_the_same_id_and_another_name_is_not_covered() -> None:
    policy = DEFAULT.only("O4").rename("O4", "Occupational Hazards")
    crosswalk = Crosswalk.load("nudenet")
    assert crosswalk.coverage(policy).not_covered == ("O4",)
    assert crosswalk.reading(policy, {"BUTTOCKS_EXPOSED": 0.9}).p_unsafe_raw == 0.0


def test_a_category_in_which_everything_is_allowed_needs_no_eye() -> None:
    coverage = Crosswalk.load("nudenet").coverage(DEFAULT.only("O4", "O6").non_violating("O6"))
    assert (coverage.covered, coverage.not_covered) == (("O4", "O6"), ())


def test_a_category_in_which_nothing_is_allowed_is_seen_in_part_at_best() -> None:
    """NudeNet finds bare bodies; under a ban of nudity swimwear is forbidden, too, and no label is about it."""
    coverage = Crosswalk.load("nudenet").coverage(DEFAULT.only("O4", "O6").sensitive("O4", "O6"))
    assert (coverage.covered, coverage.partly, coverage.not_covered) == ((), ("O4",), ("O4", "O6"))


def test_the_worst_label_of_a_forbidden_category_counts() -> None:
    scores = {"FACE_MALE": 0.99, "BUTTOCKS_EXPOSED": 0.6, "MALE_GENITALIA_EXPOSED": 0.3}
    reading = Crosswalk.load("nudenet").reading(DEFAULT, scores)
    assert (reading.rating, reading.category, reading.p_unsafe_raw) == (None, None, 0.6)
    unsafe = reading.categories[Rating.Unsafe]
    assert unsafe[NUDITY] == pytest.approx(0.6 / 0.9)
    assert unsafe[SEXUAL] == pytest.approx(0.3 / 0.9)
    assert NA not in unsafe
    assert reading.categories[Rating.Safe][NA] == pytest.approx(0.4)
    assert sum(reading.categories[Rating.Safe].values()) == pytest.approx(1.0)


def test_what_is_allowed_is_seen_and_is_no_violation() -> None:
    policy = DEFAULT.non_violating("O4")
    reading = Crosswalk.load("nudenet").reading(policy, {"BUTTOCKS_EXPOSED": 0.9, "ANUS_EXPOSED": 0.2})
    assert reading.p_unsafe_raw == 0.2
    assert NUDITY not in reading.categories[Rating.Unsafe]
    assert max(reading.categories[Rating.Safe].items(), key=lambda item: item[1])[0] == NUDITY


@pytest.mark.parametrize("policy", [DEFAULT, DEFAULT.non_violating(*DEFAULT.ids)])
def test_probabilities_add_up_where_nothing_was_found(policy: Policy) -> None:
    reading = reading_of(policy, {})
    assert reading.p_unsafe_raw == 0.0
    assert [sum(shares.values()) for shares in reading.categories.values()] == pytest.approx([1.0, 1.0])
    assert reading.categories[Rating.Safe][NA] == 1.0


def test_a_policy_of_its_own_is_not_covered() -> None:
    policy = Policy(name="mine", categories=(Category(id="X1", name="Kites", should_not=("kites",)),))
    assert Crosswalk.load("moderations").coverage(policy).not_covered == ("X1",)


def good() -> dict[str, Any]:
    return {
        "guard": "x",
        "source": "somewhere",
        "categories": {"O1": {"name": "A", "cover": Cover.whole, "because": "a"}},
        "labels": {"a": {"means": ["O1"]}},
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": {"a": {"means": ["O2"]}}}, "mean O2"),
        ({"labels": {"a": {}}}, "no label for images means it"),
        ({"labels": {"a": {"means": ["O1"], "images": False}}}, "no label for images means it"),
        ({"categories": {"O1": {"name": "A", "cover": "none", "because": "a"}}}, "a label for images means it"),
        ({"labels": {}}, "at least 1"),
        ({"more": 1}, "more"),
    ],
)
def test_a_crosswalk_that_contradicts_itself_is_refused(change: dict[str, Any], said: str) -> None:
    Crosswalk.model_validate(good())
    with pytest.raises(ValidationError, match=said):
        Crosswalk.model_validate({**good(), **change})
