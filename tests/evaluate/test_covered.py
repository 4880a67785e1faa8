"""Numbers on what a guard covers: which questions count, and how its answers are read there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.engine.scored_labels import answer_of
from eyeward.errors import ErrorType, PolicyError
from eyeward.evaluate.breakdown import in_natural_order
from eyeward.evaluate.covered import CoveredMetrics, GuardCoverage, PolicyCoverage, as_covered, on_covered
from eyeward.evaluate.outcome import Outcome, OutcomeKind, category_id
from eyeward.evaluate.summary import Metrics, summarise
from eyeward.guard import Guard
from eyeward.guard.card import EyewardCard
from eyeward.guard.loading import rule_of
from eyeward.guard.profiles.scored_labels import ScoredLabelsProfile
from eyeward.policy import Policy
from eyeward.verdict import ModelRef, Note, Rating, Review, ReviewReason, Verdict
from tests.engine.remote.moderation_answers import SEEN
from tests.evaluate.hand_made import EXEMPT, NUDITY, POLICY, REVIEW, SAFE, UNSAFE, WEAPONS, outcome, said
from tests.evaluate.worlds import guard as by_brightness
from tests.fakes import FakeEngine

SEXUAL = POLICY.category("O3").label
NUDENET = PolicyCoverage(covered=("O4",), not_covered=("O1", "O2", "O3", "O5", "O6", "O7", "O8", "O9"), partly=("O3",))
COVERAGE = GuardCoverage(policies={POLICY.hash: NUDENET})
BLIND = Note.categories_not_covered.value


def blind(p_unsafe: float = 0.1, threshold: float | None = 0.5, policy: Policy = POLICY, **changes: object) -> Verdict:
    """Make the verdict of a guard that found nothing, and knows that it sees some categories only."""
    unsure = {"rating": REVIEW, "review": Review(reason=ReviewReason.out_of_scope), "threshold": threshold}
    return said(SAFE, p_unsafe, policy=policy).model_copy(update={**unsure, "notes": (BLIND,), **changes})


def scored(guard: str, scores: Mapping[str, float]) -> Guard:
    """Return a guard of others whose engine gives these scores, and none to the other labels."""
    card = EyewardCard(name=guard, profile=guard)

    def answer(prompt: Prompt) -> RawAnswer:
        return answer_of({slot.name: scores.get(slot.name, 0.0) for slot in prompt.form.label_slots})

    return Guard(FakeEngine(answer), ScoredLabelsProfile(card), ModelRef(name=guard, engine="fake"), rule_of(card))


ROWS = [
    outcome(UNSAFE, said(UNSAFE, category=NUDITY), "a.png", category=NUDITY, number=0),
    outcome(UNSAFE, blind(), "b.png", category=NUDITY, number=1),
    outcome(SAFE, blind(), "c.png", category=NUDITY, number=2),
    outcome(SAFE, blind(0.05), "d.png", number=3),
    outcome(SAFE, said(UNSAFE, category=SEXUAL), "e.png", number=4),
    outcome(SAFE, said(ErrorType.deadline), "f.png", number=5),
    outcome(UNSAFE, blind(), "g.png", category=WEAPONS, number=6),
    outcome(SAFE, blind(), "h.png", category=WEAPONS, number=7),
    outcome(UNSAFE, said(UNSAFE, category=SEXUAL), "i.png", category=SEXUAL, number=8),
]
"""A guard that sees nudity, and sexual content in part; the last three are about what it does not cover."""


def measured(rows: list[Outcome], coverage: GuardCoverage = COVERAGE) -> Metrics:
    return summarise({"hand": rows}, {POLICY.hash: POLICY}, "photos", 100, {"hand": coverage})


def covered_of(metrics: Metrics) -> CoveredMetrics:
    (guard,) = metrics.guards
    assert guard.covered is not None
    return guard.covered


def test_questions_count_whose_right_category_is_covered_or_none() -> None:
    found = on_covered(ROWS, COVERAGE)
    assert [o.question.image for o in found.outcomes] == ["a.png", "b.png", "c.png", "d.png", "e.png", "f.png"]
    assert found.left_out == {"O6": 2, "O3": 1}


def test_a_review_about_other_categories_is_lifted_and_all_else_stands() -> None:
    found = on_covered(ROWS, COVERAGE)
    assert [o.verdict.rating for o in found.outcomes] == [UNSAFE, SAFE, SAFE, SAFE, UNSAFE, None]
    assert (found.read_as_answers, found.found_elsewhere) == (3, 1)
    assert all(o.verdict.review is None and o.verdict.notes == () for o in found.outcomes)


def test_both_sets_of_numbers_stand_beside_each_other_with_trivial_guards_on_the_same_questions() -> None:
    metrics = measured(ROWS)
    everything, covered = metrics.guards[0].tables.overall, covered_of(metrics)
    assert (everything["recall"].value, everything["specificity"].value) == (0.5, 0.0)
    assert (covered.tables.overall["recall"].value, covered.tables.overall["specificity"].value) == (0.5, 0.5)
    assert (covered.questions, covered.images, covered.left_out) == (6, 6, {"O3": 1, "O6": 2})
    assert covered.outcomes == {"ok": 5, "unparsable": 0, "failed": 1, "review": 0}
    assert tuple(covered.counts.model_dump().values()) == (1, 1, 2, 2)
    assert list(covered.tables.by_category) == ["O4", "NA"]
    assert {name: (found["recall"].value, found["accuracy"].count) for name, found in covered.trivial.items()} == {
        "always Safe": (0.0, 6),
        "always Unsafe": (1.0, 6),
    }
    assert covered.in_words(9) == (
        "6 of 9 questions; left out, by right category: O3 1, O6 2. 3 x Review, only about other categories, is "
        "lifted. 1 x Unsafe for a category that it does not cover stands."
    )


def test_the_ranking_uses_the_probabilities_of_lifted_reviews() -> None:
    rows = [
        outcome(UNSAFE, said(UNSAFE, 0.9, NUDITY), "a.png", category=NUDITY),
        outcome(SAFE, blind(0.2), "b.png"),
        outcome(SAFE, blind(0.3), "c.png"),
    ]
    metrics = measured(rows)
    assert metrics.guards[0].tables.overall["auroc"].value == 0.0  # without a rating they rank as surely wrong
    assert covered_of(metrics).tables.overall["auroc"].value == 1.0


def test_a_guard_that_covers_all_questions_has_the_same_numbers_twice() -> None:
    rows = [outcome(UNSAFE, said(UNSAFE), "a.png"), outcome(SAFE, said(REVIEW), "b.png")]
    whole = GuardCoverage(policies={POLICY.hash: PolicyCoverage(covered=POLICY.ids)})
    metrics = measured(rows, whole)
    covered = covered_of(metrics)
    assert covered.tables == metrics.guards[0].tables
    assert covered.trivial["always Safe"] == metrics.trivial["always Safe"].overall
    assert covered.in_words(2) == "It covers all 2 questions."


def test_a_guard_that_covers_nothing_has_no_numbers_and_no_question_is_lost() -> None:
    """Under such a policy nothing could be asked, so that images without a category do not count either."""
    nothing = GuardCoverage(policies={POLICY.hash: PolicyCoverage(covered=(), not_covered=POLICY.ids)})
    covered = covered_of(measured(ROWS, nothing))
    assert (covered.questions, sum(covered.left_out.values())) == (0, len(ROWS))
    assert {estimate.value for estimate in covered.tables.overall.values()} == {None}
    assert list(covered.left_out) == ["O3", "O4", "O6", "NA"]


def test_an_exempt_category_is_covered_by_any_guard_under_the_policy_that_exempts_it() -> None:
    exempt = POLICY.non_violating("O6")
    more = NUDENET.model_copy(update={"covered": ("O4", "O6")})
    both = GuardCoverage(policies={POLICY.hash: NUDENET, exempt.hash: more})
    rows = [
        outcome(UNSAFE, blind(), "a.png", category=WEAPONS),
        outcome(SAFE, blind(policy=exempt), "a.png", category=WEAPONS, changes=EXEMPT, unchanged=UNSAFE),
    ]
    covered = covered_of(measured(rows, both))
    assert (covered.questions, covered.left_out) == (1, {"O6": 1})
    overall = covered.tables.overall
    assert overall["policy_exception_rate"] == covered.trivial["always Safe"]["policy_exception_rate"]
    assert overall["loosened_flips"].count == 0  # it was never right about the weapon where that is forbidden


def test_a_policy_with_words_that_were_never_met_does_not_count() -> None:
    unread = PolicyCoverage(covered=("O4",), not_covered=("O6",), unknown_words={"O6": ("bazooka",)})
    assert on_covered(ROWS, GuardCoverage(policies={POLICY.hash: unread})).outcomes == ()


@pytest.mark.parametrize(
    "verdict",
    [
        said(REVIEW),
        blind(review=Review(reason=ReviewReason.out_of_scope, scope_distance=9.0)),
        blind(notes=(Note.policy_words_unknown.value,)),
        blind(notes=(Note.frames_sampled.value, BLIND)),
        blind(0.7),
        said(UNSAFE),
        said(ErrorType.unparsable_answer),
    ],
    ids=["band", "scope", "words", "frames", "above the threshold", "unsafe", "error"],
)
def test_a_verdict_with_another_reason_is_never_made_safe(verdict: Verdict) -> None:
    assert as_covered(verdict) is verdict


def test_a_lifted_review_that_lies_inside_the_band_is_review_by_the_band() -> None:
    lifted = as_covered(blind(0.3), (0.3, 0.6))
    assert (lifted.rating, lifted.review) == (REVIEW, Review(reason=ReviewReason.band, band=(0.3, 0.6)))
    assert as_covered(blind(0.29), (0.3, 0.6)).rating is Rating.Safe
    unknown = blind(p_unsafe_raw=None).model_copy(update={"p_unsafe": None})
    assert as_covered(unknown, (0.3, 0.6)).rating is Rating.Review


def test_a_service_that_decides_by_itself_is_taken_at_its_word() -> None:
    assert as_covered(blind(0.7, threshold=None)).rating is Rating.Safe


def test_the_band_of_the_guard_decides_what_its_lifted_reviews_become() -> None:
    banded = COVERAGE.model_copy(update={"review_band": (0.07, 0.2)})
    lifted = on_covered(ROWS, banded)
    assert [o.verdict.rating for o in lifted.outcomes] == [UNSAFE, REVIEW, REVIEW, SAFE, UNSAFE, None]


def test_a_lifted_verdict_is_one_that_could_have_been_given() -> None:
    for verdict in (blind(0.1), blind(0.4)):
        lifted = as_covered(verdict, (0.3, 0.6))
        assert Verdict.model_validate(lifted.model_dump()) == lifted


levels = st.sampled_from([0.0, 0.1, 0.29, 0.3, 0.45, 0.5, 0.6, 0.61, 0.9, 1.0])


@settings(max_examples=60)
@given(
    st.fixed_dictionaries(dict.fromkeys(SEEN, levels)),
    st.sampled_from([0.3, 0.5]),
    st.one_of(st.just((0.3, 0.6)), st.sets(st.sampled_from(POLICY.ids), max_size=3)),
)
def test_a_verdict_read_again_is_what_the_guard_says_to_the_covered_categories_alone(
    scores: dict[str, float], threshold: float, band_or_exempt: tuple[float, float] | set[str]
) -> None:
    guard, policy = scored("moderations", scores).with_threshold(threshold), POLICY
    if isinstance(band_or_exempt, tuple):
        guard = guard.with_review_band(*band_or_exempt)
    elif band_or_exempt:
        policy = POLICY.non_violating(*sorted(band_or_exempt))
    image = Image.new("RGB", (8, 8))
    coverage = GuardCoverage.of(guard, [policy])
    here = coverage.policies[policy.hash]
    verdict = guard.assess(image, policy)
    assume(verdict.rating is not UNSAFE or category_id(verdict.category) not in here.not_covered)
    read, asked = as_covered(verdict, coverage.review_band), guard.assess(image, policy.only(*here.covered))
    assert (read.rating, read.review) == (asked.rating, asked.review)


def test_what_a_real_guard_covers_is_recorded_by_policy() -> None:
    exempt = POLICY.non_violating("O6")
    found = GuardCoverage.of(scored("nudenet", {}).with_review_band(0.3, 0.6), [POLICY, exempt])
    assert found.policies[POLICY.hash] == NUDENET
    assert found.policies[exempt.hash].covered == ("O4", "O6")
    assert found.review_band == (0.3, 0.6)
    assert GuardCoverage.model_validate_json(found.model_dump_json()) == found


def test_a_policy_that_cannot_be_asked_is_nothing_that_a_guard_disclaims(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its questions fail, and failures stay in every denominator."""

    def refuse(guard: Guard, policy: Policy) -> None:
        raise PolicyError("It holds a mark of the model's own.")

    monkeypatch.setattr(Guard, "coverage", refuse)
    found = GuardCoverage.of(by_brightness(), [POLICY])
    assert found.policies[POLICY.hash].covered == POLICY.ids


def test_a_guard_whose_coverage_is_not_known_has_numbers_on_everything_alone(tmp_path: Path) -> None:
    metrics = summarise({"hand": ROWS}, {}, "photos", 100)
    assert metrics.guards[0].covered is None
    metrics.write(tmp_path)
    assert Metrics.read(tmp_path) == metrics


def test_ids_stand_in_their_natural_order() -> None:
    assert in_natural_order(["NA", "O10", "O2", "A1"]) == ["A1", "O2", "O10", "NA"]


def test_every_kind_of_outcome_stays_in_the_denominator_of_what_is_covered() -> None:
    kinds = [said(REVIEW), said(ErrorType.unparsable_answer), said(ErrorType.deadline), said(UNSAFE, category=NUDITY)]
    rows = [outcome(UNSAFE, v, f"{n}.png", category=NUDITY) for n, v in enumerate(kinds)]
    covered = covered_of(measured([*rows, outcome(UNSAFE, blind(), "x.png")]))
    assert covered.outcomes == dict.fromkeys([kind.value for kind in OutcomeKind], 1)
    assert covered.tables.overall["recall"].value == 0.25
    assert covered.trivial["always Unsafe"]["recall"].value == 1.0
    assert covered.left_out == {"O6": 1}
