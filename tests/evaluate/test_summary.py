"""What stands in metrics.json."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyeward.errors import ErrorType, UsageError
from eyeward.evaluate.summary import Metrics, rationale_shares, summarise
from tests.evaluate.hand_made import EXEMPT, NUDITY, POLICY, REVIEW, SAFE, UNSAFE, WEAPONS, outcome, said

POLICIES = {POLICY.hash: POLICY}
OUTCOMES = [
    outcome(UNSAFE, said(UNSAFE), "a.png", severity="highly_unsafe"),
    outcome(UNSAFE, said(SAFE), "b.png", severity="moderately_unsafe"),
    outcome(UNSAFE, said(UNSAFE, category=WEAPONS), "c.png", category=NUDITY, severity="highly_unsafe"),
    outcome(SAFE, said(SAFE, category=WEAPONS), "d.png", category=WEAPONS, severity="barely_safe"),
    outcome(SAFE, said(REVIEW), "e.png", severity="generally_safe"),
    outcome(SAFE, said(ErrorType.unparsable_answer), "f.png", severity="generally_safe"),
    outcome(SAFE, said(ErrorType.deadline), "g.png", severity="generally_safe"),
]


@pytest.fixture(scope="module")
def metrics() -> Metrics:
    other = [o.model_copy(update={"guard": "other", "verdict": said(UNSAFE)}) for o in OUTCOMES]
    return summarise({"hand": OUTCOMES, "other": other}, POLICIES, "photos", resamples=200)


def test_every_outcome_is_counted_by_its_kind(metrics: Metrics) -> None:
    hand = metrics.guards[0]
    assert hand.outcomes == {"ok": 4, "unparsable": 1, "failed": 1, "review": 1}
    assert hand.errors == {"unparsable_answer": 1, "deadline": 1}
    assert tuple(hand.counts.model_dump().values()) == (2, 1, 3, 1)
    assert tuple(hand.counts_answered_only.model_dump().values()) == (2, 1, 0, 1)


def test_there_is_a_table_for_each_category_severity_and_clarity(metrics: Metrics) -> None:
    tables = metrics.guards[0].tables
    assert list(tables.by_category) == ["O4", "O6", "NA"]
    assert {id: found["accuracy"].value for id, found in tables.by_category.items()} == {
        "O4": 1.0,
        "O6": pytest.approx(2 / 3),
        "NA": 0.0,
    }
    assert {name: found["accuracy"].value for name, found in tables.by_severity.items()} == {
        "highly_unsafe": 1.0,
        "moderately_unsafe": 0.0,
        "barely_safe": 1.0,
        "generally_safe": 0.0,
    }
    assert {name: found["accuracy"].count for name, found in tables.by_clarity.items()} == {"ambiguous": 2, "clear": 5}
    assert tables.by_category["NA"]["review_share"].value == pytest.approx(1 / 3)


def test_several_policies_have_tables_of_their_own(metrics: Metrics) -> None:
    assert metrics.guards[0].tables.by_policy == {}
    exempt = POLICY.non_violating("O6")
    twin = POLICY.sensitive("O6")
    rows = [
        outcome(UNSAFE, said(UNSAFE), "a.png"),
        outcome(SAFE, said(UNSAFE, policy=exempt.renamed("exempt")), "a.png", changes=EXEMPT, unchanged=UNSAFE),
        outcome(UNSAFE, said(UNSAFE, policy=twin), "a.png", changes=EXEMPT, unchanged=UNSAFE),
    ]
    found = summarise({"hand": rows}, POLICIES, "photos", resamples=100)
    names = [f"default {POLICY.hash[:8]}", "exempt", f"default {twin.hash[:8]}"]
    assert list(found.guards[0].tables.by_policy) == names == list(found.trivial["always Safe"].by_policy)
    assert [found.guards[0].tables.by_policy[name]["accuracy"].value for name in names] == [1.0, 0.0, 1.0]


def test_trivial_guards_stand_beside_every_table(metrics: Metrics) -> None:
    assert list(metrics.trivial) == ["always Safe", "always Unsafe"]
    for tables in metrics.trivial.values():
        assert tables.by_category.keys() == metrics.guards[0].tables.by_category.keys()
        assert tables.overall["balanced_accuracy"].value == 0.5
    assert metrics.trivial["always Safe"].by_category["O4"]["recall"].value == 0.0


def test_named_categories_are_counted_under_the_right_ones(metrics: Metrics) -> None:
    assert metrics.guards[0].named_categories == {
        "O4": {"O6": 1},
        "O6": {"NA": 1, "O6": 2},
        "NA": {"failed": 1, "review": 1, "unparsable": 1},
    }


def test_every_pair_of_guards_is_compared(metrics: Metrics) -> None:
    (comparison,) = metrics.comparisons
    assert (comparison.first, comparison.second, comparison.questions) == ("hand", "other", 7)
    assert (comparison.mcnemar.first_better, comparison.mcnemar.second_better) == (1, 1)


def test_metrics_are_read_as_they_were_written(metrics: Metrics, tmp_path: Path) -> None:
    metrics.write(tmp_path)
    assert Metrics.read(tmp_path) == metrics
    assert "NaN" not in (tmp_path / "metrics.json").read_text()
    with pytest.raises(UsageError, match="cannot be read"):
        Metrics.read(tmp_path / "elsewhere")


def test_nothing_to_count_is_said() -> None:
    with pytest.raises(UsageError, match="no outcomes"):
        summarise({}, POLICIES, "photos")


def test_faults_of_rationales_are_shares_of_those_that_were_written() -> None:
    rows = [
        outcome(UNSAFE, said(UNSAFE, rationale="It is a weapon, which violates the policy."), "a.png"),
        outcome(UNSAFE, said(UNSAFE, rationale="The image is safe."), "b.png"),
        outcome(SAFE, said(SAFE), "c.png"),
        outcome(SAFE, said(ErrorType.deadline), "d.png"),
    ]
    shares = rationale_shares(rows, POLICIES)
    assert {share.count for share in shares.values()} == {2}
    assert {name: share.value for name, share in shares.items() if share.value} == {
        "contradicts_rating": 0.5,
        "any_fault": 0.5,
    }
    assert rationale_shares(rows[2:], POLICIES) == {}
