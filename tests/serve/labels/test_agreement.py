"""Kappa and alpha are what the literature computes by hand, and what scikit-learn says."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from eyeward.serve.labels.agreement import (
    Agreement,
    agreement,
    cohen_kappa,
    krippendorff_alpha,
    mean_kappa,
    nominal,
    ordinal,
    queue_agreement,
)
from eyeward.serve.labels.desk import ReviewDesk
from eyeward.serve.labels.store import LabelStore
from eyeward.verdict import NA
from tests.serve.labels.world import (
    BARELY,
    EVERYTHING,
    SAFE,
    UNSAFE,
    VIOLENCE,
    WEAPONS,
    answered,
    queue,
    taken_contested,
)

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability": examples A, B and C.
MEG, OWEN = "0100000010", "1110010000"
BEN, GERRY = "aabbdcccedda", "babbbccceddd"
FOUR = (
    "123321412...",  # what four observers said of twelve units; a point is nothing
    "1233224125.3",
    ".3332342251.",
    "12332441251.",
)


def units(*raters: str) -> list[list[str]]:
    return [[value for value in said if value != "."] for said in zip(*raters, strict=True)]


def test_alpha_of_two_observers_is_that_of_the_literature() -> None:
    assert krippendorff_alpha(units(MEG, OWEN), nominal) == pytest.approx(0.095, abs=5e-4)
    assert krippendorff_alpha(units(BEN, GERRY), nominal) == pytest.approx(0.692, abs=5e-4)


def test_alpha_of_four_observers_with_gaps_is_that_of_the_literature() -> None:
    assert krippendorff_alpha(units(*FOUR), nominal) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(units(*FOUR), ordinal("12345")) == pytest.approx(0.815, abs=5e-4)


def test_kappa_of_a_table_is_that_of_the_literature() -> None:
    # Cohen 1960, table 1: 200 people, three diagnoses; by hand (140/200 - 0.41) / (1 - 0.41).
    table = ((88, 14, 18), (10, 40, 10), (2, 6, 12))
    pairs = [(one, other) for one, row in enumerate(table) for other, count in enumerate(row) for _ in range(count)]
    assert cohen_kappa(pairs) == pytest.approx(0.492, abs=5e-4)


def test_without_a_choice_there_is_no_agreement_to_speak_of() -> None:
    assert cohen_kappa([]) is None
    assert cohen_kappa([("a", "a")] * 5) is None
    assert krippendorff_alpha([], nominal) is None
    assert krippendorff_alpha([["a", "a"]] * 5, nominal) is None
    assert krippendorff_alpha([["a"], ["b"]], nominal) is None
    assert agreement([{"anna": "a"}, {}]) == Agreement(0, None, None, None)


def test_kappas_of_pairs_are_weighted_by_the_items_they_share() -> None:
    of_two = [{"anna": a, "ben": b} for a, b in zip("aabb", "aaba", strict=True)]
    of_others = [{"anna": a, "cleo": b} for a, b in zip("ab", "ba", strict=True)]
    assert mean_kappa(of_two) == pytest.approx(0.5)
    assert mean_kappa(of_others) == pytest.approx(-1)
    assert mean_kappa(of_two + of_others) == pytest.approx((4 * 0.5 - 2) / 6)


_answers = st.sampled_from("abc")
_pairs = st.lists(st.tuples(_answers, _answers), min_size=1, max_size=30)
_units = st.lists(st.lists(_answers, max_size=4), max_size=15)


@given(_pairs)
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    found = cohen_kappa(pairs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it divides by zero where we say None
        theirs = float(cohen_kappa_score(*map(list, zip(*pairs, strict=True))))
    assert math.isnan(theirs) if found is None else found == pytest.approx(theirs)


@given(_pairs)
def test_kappa_does_not_ask_who_is_first(pairs: list[tuple[str, str]]) -> None:
    found, turned = cohen_kappa(pairs), cohen_kappa([(other, one) for one, other in pairs])
    assert found == (None if turned is None else pytest.approx(turned))


@given(_units, st.randoms(use_true_random=False))
def test_alpha_is_at_most_one_and_depends_on_no_order_and_no_names(units: list[list[str]], random: object) -> None:
    found = krippendorff_alpha(units, nominal)
    mixed = [sorted(unit, reverse=True) for unit in reversed(units)]
    renamed: Sequence[Sequence[str]] = [[{"a": "x", "b": "y", "c": "a"}[value] for value in unit] for unit in mixed]
    again = krippendorff_alpha(renamed, nominal)
    assert found == (None if again is None else pytest.approx(again))
    assert found is None or found <= 1
    alone = krippendorff_alpha([*units, ["a"], []], nominal)
    assert found == (None if alone is None else pytest.approx(alone))


@given(_units)
def test_alpha_is_one_where_all_agree_on_more_than_one_answer(units: list[list[str]]) -> None:
    agreed = [[unit[0]] * len(unit) for unit in units if len(unit) > 1]
    assume(len({unit[0] for unit in agreed}) > 1)
    assert krippendorff_alpha(agreed, nominal) == pytest.approx(1)
    assert krippendorff_alpha(agreed, ordinal("abc")) == pytest.approx(1)


@given(st.lists(st.lists(st.sampled_from("ab"), max_size=4), max_size=15))
def test_of_two_answers_order_makes_no_difference(units: list[list[str]]) -> None:
    found = krippendorff_alpha(units, nominal)
    assert krippendorff_alpha(units, ordinal("ab")) == (None if found is None else pytest.approx(found))


def test_the_agreement_of_a_queue_is_live_and_without_adjudications(lite: LabelStore) -> None:
    queue(lite, (NA,) * 4)
    desk = ReviewDesk(lite)
    for user in ("anna", "ben", "cleo"):
        desk.agree(user, EVERYTHING)
    assert queue_agreement(lite, "near").rating == Agreement(0, None, None, None)
    for answer in (UNSAFE, UNSAFE, SAFE, SAFE):
        answered(desk, "anna", answer)
    for answer in (UNSAFE, BARELY, SAFE):
        answered(desk, "ben", answer)
    found = queue_agreement(lite, "near")
    # Of three items anna says U U S and ben U S S: 2/3 the same, by chance 4/9, so (2/3 - 4/9) / (5/9) = 0.4.
    assert found.rating.items == 3
    assert found.rating.same == pytest.approx(2 / 3)
    assert found.rating.kappa == pytest.approx(0.4)
    # Coincidences: 2 of UU, 1 of US, 1 of SU, 2 of SS; 3 of each, so 1 - 5 * 2 / 18.
    assert found.rating.alpha == pytest.approx(4 / 9)
    assert found.category.same == 1
    assert found.by_category[WEAPONS].kappa == pytest.approx(1)
    assert found.rating_by_category[WEAPONS].items == 2
    assert found.rating_by_category[WEAPONS].same == pytest.approx(1 / 2)
    assert found.severity.items == 2
    assert found.by_category[VIOLENCE] == Agreement(3, 1.0, None, None)
    assert found.rating_by_category[VIOLENCE] == Agreement(0, None, None, None)
    contested = taken_contested(desk, "cleo")
    desk.adjudicate("near", contested.image_sha256, "cleo", UNSAFE, contested.current)
    assert queue_agreement(lite, "near") == found
