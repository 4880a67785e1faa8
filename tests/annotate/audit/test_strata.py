"""Strata: where they are cut, and how many labels each gets."""

from __future__ import annotations

import pytest

from eyeward.annotate.audit.strata import Stratum, allocate, bin_start, cut
from eyeward.errors import UsageError
from eyeward.verdict import Rating

EVEN = [(bin_start(bin), 10) for bin in range(0, 60)]


def stratum(number: int, rating: Rating, rows: int, name: str = "all") -> Stratum:
    return Stratum(number=number, name=name, rating=rating, rows=rows)


def test_bins_are_of_equal_width_in_log_odds() -> None:
    assert bin_start(0) == 0.5
    assert bin_start(20) / (1 - bin_start(20)) == pytest.approx(2.718281828)


def test_what_is_passed_is_cut_in_two_and_what_is_flagged_stays_together() -> None:
    found = cut({Rating.Unsafe: EVEN, Rating.Safe: [(bin_start(bin - 100), 20) for bin in range(50)]})
    assert [(s.number, s.rating, s.name, s.rows) for s in found] == [
        (1, Rating.Unsafe, "all", 600),
        (2, Rating.Safe, "least sure", 100),
        (3, Rating.Safe, "surest", 900),
    ]
    assert (found[0].at_least, found[0].below) == (0.0, None)
    assert (found[1].at_least, found[1].below) == (bin_start(-55), None)
    assert (found[2].at_least, found[2].below) == (0.0, bin_start(-55))


def test_images_that_are_few_or_all_alike_stay_together() -> None:
    few = cut({Rating.Unsafe: [(0.6, 10), (0.7, 10)], Rating.Review: [(0.5, 400)], Rating.Safe: [(0.1, 9000)]})
    assert [(s.rating, s.name, s.rows) for s in few] == [
        (Rating.Unsafe, "all", 20),
        (Rating.Review, "all", 400),
        (Rating.Safe, "all", 9000),
    ]
    crowded = cut({Rating.Safe: [(0.1, 100), (0.4, 200)]})
    assert [(s.name, s.rows) for s in crowded] == [("least sure", 200), ("surest", 100)]
    few_safe = cut({Rating.Safe: [(0.1, 10), (0.4, 10)]})
    assert [(s.name, s.rows) for s in few_safe] == [("all", 20)]
    assert cut({}) == ()


def test_safe_strata_get_nine_tenths_of_a_simple_sample_and_doubt_gets_the_rest() -> None:
    strata = [
        stratum(1, Rating.Unsafe, 300, "surest"),
        stratum(2, Rating.Unsafe, 700, "sure"),
        stratum(3, Rating.Safe, 900, "least sure"),
        stratum(4, Rating.Safe, 8100, "surest"),
    ]
    drawn = [s.drawn for s in allocate(strata, 300)]
    assert sum(drawn) == 300
    assert drawn[3] == 219, "0.9 x 300 x 0.81, rounded up"
    assert drawn[0] == drawn[1]
    assert drawn[2] - 25 == pytest.approx(drawn[0] / 2, abs=2), "its own share and half a doubt"
    assert allocate(strata, 300)[0].weight == 300 / drawn[0]


def test_few_images_to_review_take_few_labels() -> None:
    strata = [stratum(1, Rating.Unsafe, 1000), stratum(2, Rating.Review, 100), stratum(3, Rating.Safe, 8900)]
    flagged, review, _ = [s.drawn for s in allocate(strata, 300)]
    assert review - 2 == pytest.approx((flagged - 2) / 10, abs=1)


def test_no_stratum_gives_more_than_it_has_and_all_labels_are_given() -> None:
    strata = [stratum(1, Rating.Unsafe, 7), stratum(2, Rating.Review, 1), stratum(3, Rating.Safe, 5000)]
    drawn = [s.drawn for s in allocate(strata, 300)]
    assert drawn == [7, 1, 292]
    assert [s.drawn for s in allocate(strata, 10**6)] == [7, 1, 5000]
    assert [s.drawn for s in allocate([stratum(1, Rating.Safe, 5000)], 300)] == [300]


def test_every_stratum_has_two_labels_or_the_sample_is_refused() -> None:
    strata = [stratum(1, Rating.Unsafe, 700), stratum(2, Rating.Review, 90), stratum(3, Rating.Safe, 5000)]
    assert [s.drawn for s in allocate(strata, 6)] == [2, 2, 2]
    with pytest.raises(UsageError, match="draw at least 6"):
        allocate(strata, 5)
