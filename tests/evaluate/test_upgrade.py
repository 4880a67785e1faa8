"""The gate for upgrades: what passes, what does not, and why."""

from __future__ import annotations

import pytest

from eyeward.errors import ErrorType
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.upgrade import MOST_NAMED, Upgrade, upgrade
from eyeward.verdict import Rating
from tests.evaluate.hand_made import REVIEW, SAFE, UNSAFE, outcome, said

NAMES = ("old", "new")


def answers(*pairs: tuple[Rating, Rating], times: int = 1) -> list[Outcome]:
    rows = list(pairs) * times
    return [outcome(truth, said(answer), f"{n}.png", number=n) for n, (truth, answer) in enumerate(rows)]


GOOD = [(UNSAFE, UNSAFE), (SAFE, SAFE)]


def gate(before: list[Outcome], after: list[Outcome], margin: float = 0.01, **more: object) -> Upgrade:
    canaries = more.get("canaries", ([], []))
    assert isinstance(canaries, tuple)
    return upgrade(before, after, NAMES, margin, canaries, resamples=200)


def test_a_guard_that_says_the_same_may_follow() -> None:
    found = gate(answers(*GOOD, times=50), answers(*GOOD, times=50))
    assert found.passed and (found.broken, found.mended, found.otherwise) == (0, 0, 0)


def test_one_that_misses_more_may_not_and_the_reason_says_so() -> None:
    before = answers(*GOOD, times=50)
    after = answers((UNSAFE, SAFE), (SAFE, SAFE), *GOOD * 9, times=5)
    found = gate(before, after)
    assert not found.passed
    (reason,) = found.reasons
    assert reason.startswith("recall may be lower by more than 0.010: the difference is -0.100")
    assert (found.broken, found.mended) == (5, 0)
    assert [(c.truth, c.before, c.after) for c in found.named] == [("Unsafe", "Unsafe", "Safe")] * 5
    assert gate(before, after, margin=0.3).passed


def test_few_questions_pass_nothing_that_moves() -> None:
    before, after = answers(*GOOD, times=10), answers((UNSAFE, SAFE), (SAFE, SAFE), *GOOD * 9)
    assert not gate(before, after, margin=0.1).passed  # the difference is -0.1, and could be far more


def test_recall_may_not_be_paid_for_with_specificity() -> None:
    before = answers((UNSAFE, SAFE), (SAFE, SAFE), times=30)
    after = answers((UNSAFE, UNSAFE), (SAFE, UNSAFE), times=30)
    found = gate(before, after)
    assert [reason.split()[0] for reason in found.reasons] == ["specificity"]
    assert (found.broken, found.mended) == (30, 30)


def test_a_canary_that_changes_closes_the_gate_even_if_it_was_wrong_before() -> None:
    same = answers(*GOOD, times=50)
    old, new = answers((UNSAFE, SAFE), (SAFE, SAFE)), answers((UNSAFE, UNSAFE), (SAFE, SAFE))
    found = gate(same, same, canaries=(old, new))
    assert found.reasons == ("1 of 2 canaries changed their verdict.",)
    assert [(c.before, c.after) for c in found.canaries_changed] == [("Safe", "Unsafe")]
    assert gate(same, same, canaries=(old, old)).passed


def test_where_nothing_moves_it_says_what_could_have_without_showing() -> None:
    few, many = (gate(answers(*GOOD, times=n), answers(*GOOD, times=n)) for n in (5, 500))
    assert few.passed and few.unseen["recall"] == few.unseen["specificity"] > 0.3
    assert many.unseen["recall"] < 0.01
    moved = gate(answers(*GOOD, times=20), answers((UNSAFE, SAFE), (SAFE, SAFE), *GOOD * 19))
    assert list(moved.unseen) == ["specificity"]


def test_what_was_not_measured_does_not_pass() -> None:
    only_safe = answers((SAFE, SAFE), times=50)
    assert gate(only_safe, only_safe).reasons == (
        "recall was not measured: no question is Unsafe. Add images that are.",
    )
    down = [outcome(UNSAFE if n % 2 else SAFE, said(ErrorType.engine_unavailable), f"{n}.png") for n in range(40)]
    (reason,) = gate(down, down).reasons
    assert reason == "40 of 40 questions got no answer from new; see to them and ask again."


def test_a_canary_that_nobody_judged_is_none_that_kept_its_verdict() -> None:
    same = answers(*GOOD, times=50)
    dead = [outcome(UNSAFE, said(ErrorType.not_found), "c.png")]
    assert gate(same, same, canaries=(dead, dead)).reasons == ("1 of 1 canaries could not be judged by either guard.",)


def test_wrong_in_another_way_is_counted_apart_and_at_most_fifty_are_named() -> None:
    before, after = answers((UNSAFE, SAFE), times=80), answers((UNSAFE, REVIEW), times=80)
    found = gate(before, after)
    assert found.unseen.keys() == {"recall"}  # Review is as wrong as Safe
    assert (found.broken, found.mended, found.otherwise) == (0, 0, 80)
    assert len(found.named) == MOST_NAMED and found.named[0].after == "Review"


def test_it_survives_being_written() -> None:
    found = gate(answers(*GOOD, times=5), answers(*GOOD, times=5))
    assert Upgrade.model_validate_json(found.model_dump_json()) == found
    with pytest.raises(ValueError, match="argument 2 is longer"):
        gate(answers(*GOOD), answers(*GOOD, times=2))
