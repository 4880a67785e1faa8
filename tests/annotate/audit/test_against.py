"""Two answers to the same images: where they differ, and whether by more than luck."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from eyeward.annotate.audit.against import MOST_DIFFERENT, Difference, against_policy, against_run
from eyeward.annotate.audit.counting import Audit, audit
from eyeward.annotate.audit.page import audit_page
from eyeward.annotate.run import annotate
from eyeward.errors import UsageError
from tests.annotate.test_export import LENIENT, lenient
from tests.annotate.world import DEFAULT, EXEMPT, png, tar
from tests.evaluate.worlds import guard

LEVELS = range(0, 250, 5)


def source(folder: Path, levels: Sequence[int] = LEVELS) -> Path:
    return tar(folder / "a.tar", [*((f"{level}.png", png(level)) for level in levels), ("broken.png", b"")])


def test_two_policies_of_a_run_are_compared(tmp_path: Path) -> None:
    annotate(source(tmp_path / "in"), tmp_path / "run", guard(lenient, band=(0.45, 0.48)), (DEFAULT, LENIENT))
    (found,) = against_policy(tmp_path / "run", "lenient")
    assert (found.first, found.second) == ("default", "lenient")
    unsafe, review = 24, 2  # levels from 130 on; 115 and 120
    assert found.table == {
        "Safe": {"Safe": 50 - unsafe - review, "Unsafe": 0, "Review": 0, "error": 0},
        "Unsafe": {"Safe": unsafe, "Unsafe": 0, "Review": 0, "error": 0},
        "Review": {"Safe": review, "Unsafe": 0, "Review": 0, "error": 0},
        "error": {"Safe": 0, "Unsafe": 0, "Review": 0, "error": 1},
    }
    assert (found.images, found.agree.count) == (51, 25)
    assert found.unsafe.value == pytest.approx(unsafe / 51)
    assert found.not_kept.value == pytest.approx((unsafe + review) / 51)
    assert found.unsafe.low > 0
    assert len(found.different) == 26
    assert (found.different[0].key, found.different[0].first, found.different[0].second) == ("245", "Unsafe", "Safe")


def test_two_runs_are_compared_under_the_policies_that_both_asked_about(tmp_path: Path) -> None:
    images = source(tmp_path / "in")
    annotate(images, tmp_path / "one", guard(), (DEFAULT, LENIENT))
    annotate(images, tmp_path / "two", guard(threshold=0.7), (DEFAULT, EXEMPT))
    (found,) = against_run(tmp_path / "one", tmp_path / "two")
    assert (found.first, found.second) == ("default, one", "default, two")
    between = [level for level in LEVELS if 0.5 <= level / 255 < 0.7]
    assert found.table["Unsafe"]["Safe"] == len(between) == len(found.different)
    assert found.table["Safe"]["Unsafe"] == 0
    assert {int(case.key) for case in found.different} == set(between)


def test_images_that_one_run_lacks_or_that_changed_are_counted_apart(tmp_path: Path) -> None:
    one, two = tmp_path / "1" / "a.tar", tmp_path / "2" / "a.tar"
    tar(one, [("a.png", png(1)), ("b.png", png(2)), ("c.png", png(200))])
    tar(two, [("a.png", png(1)), ("b.png", png(201))])
    annotate(one, tmp_path / "one", guard())
    annotate(two, tmp_path / "two", guard())
    (found,) = against_run(tmp_path / "one", tmp_path / "two")
    assert (found.images, found.only_first, found.only_second, found.changed) == (1, 1, 0, 1)
    assert found.table["Safe"] == {"Safe": 1, "Unsafe": 0, "Review": 0, "error": 0}


def test_runs_over_different_datasets_are_refused(tmp_path: Path) -> None:
    annotate(tar(tmp_path / "1" / "a.tar", [("a.png", png(1))]), tmp_path / "one", guard())
    annotate(tar(tmp_path / "2" / "a.tar", [("b.png", png(1))]), tmp_path / "two", guard())
    with pytest.raises(UsageError, match="different datasets: 1 images have other keys"):
        against_run(tmp_path / "one", tmp_path / "two")


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    images = source(tmp_path / "in", [1, 2])
    annotate(images, tmp_path / "one", guard())
    annotate(images, tmp_path / "two", guard(), (LENIENT,))
    with pytest.raises(UsageError, match="in common: it asked about default, and it asked about lenient there"):
        against_run(tmp_path / "one", tmp_path / "two")
    with pytest.raises(UsageError, match="did not ask about 'lenient'; it asked about default"):
        against_policy(tmp_path / "one", "lenient")
    with pytest.raises(UsageError, match="no policy to compare with 'default'"):
        against_policy(tmp_path / "one", "default")


def test_the_list_of_differences_is_capped_and_all_of_them_are_counted(tmp_path: Path) -> None:
    images = source(tmp_path / "in", range(130, 250))
    annotate(images, tmp_path / "run", guard(lenient), (DEFAULT, LENIENT))
    (found,) = against_policy(tmp_path / "run", "lenient")
    assert (len(found.different), found.table["Unsafe"]["Safe"]) == (MOST_DIFFERENT, 120)


def test_the_interval_of_a_difference_by_hand() -> None:
    """12 pairs only in the first, 4 only in the second, of 98: (13 - 5) / 100 -+ 1.96 sqrt((0.18 - 0.0064) / 100)."""
    found = Difference.of_pairs(12, 4, 98)
    assert found.value == pytest.approx(8 / 98)
    assert (found.low, found.high) == pytest.approx((0.08 - 0.081663, 0.08 + 0.081663), abs=1e-5)
    none = Difference.of_pairs(0, 0, 1000)
    assert none.low < 0 == none.value < none.high
    assert Difference.of_pairs(0, 0, 0) == Difference(value=0, low=-1, high=1)


def test_the_page_shows_the_table_and_the_images(tmp_path: Path) -> None:
    annotate(source(tmp_path / "in"), tmp_path / "run", guard(lenient), (DEFAULT, LENIENT))
    found = audit(tmp_path / "run", against_policy="lenient", policy="default")
    assert Audit.model_validate_json(found.model_dump_json()) == found
    page = audit_page(found)
    assert "default against lenient" in page
    assert "Share rated Unsafe, first less second: +47.06 points" in page
