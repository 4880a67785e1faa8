"""Verdicts in OpenAI's words: every category of the policy, and never a false `flagged` that should be true."""

from __future__ import annotations

import pytest

from eyeward.guard import Coverage, Request, Scored
from eyeward.images.known import verdict_of_known
from eyeward.policy import Policy
from eyeward.serve.moderation_scores import KNOWN, REVIEW, STANDARD, scores_of
from eyeward.verdict import ModelRef
from tests.serve.world import BRIGHT, DARK, DEFAULT, GREY, Engine, guard, png

ALL = Coverage(DEFAULT.ids, ())
WEAPONS = "O6: Weapons or Substance Abuse"
HATE = "O1: Hate, Humiliation, Harassment"


def judged(*levels: int, policy: Policy = DEFAULT) -> list[Scored]:
    return list(guard(Engine()).score_requests(Request(png(level), policy) for level in levels))


def test_an_unsafe_image_is_flagged_in_our_categories_and_in_theirs() -> None:
    result = scores_of(judged(BRIGHT), DEFAULT, ALL)
    assert result.flagged
    assert result.category_scores[WEAPONS] == pytest.approx(0.75 * BRIGHT / 255)
    assert result.category_scores["illicit"] == result.category_scores[WEAPONS]
    assert result.category_scores["hate"] == result.category_scores[HATE] == pytest.approx(0.25 * BRIGHT / 255)
    assert result.categories[WEAPONS]
    assert result.categories["illicit"]
    assert not result.categories[HATE]
    assert not result.categories["violence"]


def test_a_safe_image_is_not_flagged_and_its_scores_are_numbers_all_the_same() -> None:
    result = scores_of(judged(DARK), DEFAULT, ALL)
    assert not result.flagged
    assert not any(result.categories.values())
    assert result.category_scores[WEAPONS] == pytest.approx(0.75 * DARK / 255)


def test_an_abstention_is_flagged_and_some_category_says_so() -> None:
    result = scores_of(judged(GREY), DEFAULT, ALL)
    assert result.flagged
    assert result.categories[REVIEW]


def test_a_known_image_is_flagged_and_some_category_says_so() -> None:
    verdict = verdict_of_known("0" * 64, None, DEFAULT.ref, ModelRef(name="m", engine="e"))
    result = scores_of([Scored(verdict)], DEFAULT, ALL)
    assert result.flagged
    assert result.categories[KNOWN]
    assert result.category_scores[KNOWN] == 1.0


def test_the_worst_image_of_a_request_counts_in_each_category() -> None:
    result = scores_of(judged(DARK, BRIGHT, DARK), DEFAULT, ALL)
    assert result.flagged
    assert result.category_scores[WEAPONS] == pytest.approx(0.75 * BRIGHT / 255)


def test_what_was_looked_for_is_said_and_nothing_else() -> None:
    result = scores_of(judged(DARK), DEFAULT, ALL)
    assert set(STANDARD) <= set(result.categories)
    assert set(result.categories) == set(result.category_scores) == set(result.applied)
    for key in ("harassment", "hate", "illicit", "self-harm", "sexual", "violence", *DEFAULT.labels):
        assert result.applied[key] == ["image"]
    for key in ("sexual/minors", "self-harm/intent", "violence/graphic", "hate/threatening", "illicit/violent"):
        assert result.applied[key] == []
        assert result.category_scores[key] == 0.0


def test_a_category_that_the_guard_does_not_cover_was_looked_for_in_nothing() -> None:
    result = scores_of(judged(DARK), DEFAULT, Coverage(DEFAULT.ids[1:], ("O1",)))
    assert result.applied[HATE] == result.applied["hate"] == []
    assert result.applied[WEAPONS] == ["image"]


def test_a_category_with_another_name_means_another_thing_whatever_its_id() -> None:
    policy = DEFAULT.rename("O1", "Fruit")
    result = scores_of(judged(BRIGHT, policy=policy), policy, Coverage(policy.ids, ()))
    assert result.applied["hate"] == []
    assert result.applied["O1: Fruit"] == ["image"]


def test_an_error_cannot_be_said_in_these_words() -> None:
    with pytest.raises(ValueError, match="have a rating"):
        scores_of(judged(DARK) + list(guard(Engine()).score_requests([Request(b"no image", DEFAULT)])), DEFAULT, ALL)
    with pytest.raises(ValueError, match="have a rating"):
        scores_of([], DEFAULT, ALL)
