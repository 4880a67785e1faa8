"""The metrics are those of the paper: its own table comes out of its own counts."""

from __future__ import annotations

import numpy as np
import pytest

from eyeward.evaluate.confusion import Confusion
from eyeward.evaluate.metrics import value
from eyeward.evaluate.table import NEITHER, OutcomeTable

# arXiv 2406.05113, table 3; counts over 360 unsafe and 464 safe questions, 90 of them exceptions.
TABLE = [
    # guard, counts, right exceptions, balanced accuracy, recall, precision, policy exception score
    ("Llava-OV-7B", (105, 255, 35, 429), 65, 60.81, 29.17, 75.00, 66.03),
    ("InternVL2.5-1B", (317, 43, 403, 61), 6, 50.60, 88.06, 44.03, 11.78),
    ("InternVL2.5-78B", (166, 194, 57, 407), 60, 66.92, 46.11, 74.44, 66.79),
    ("Qwen2.5-VL-3B", (287, 73, 202, 262), 18, 68.09, 79.72, 58.69, 30.92),
    ("Qwen2.5-VL-7B", (177, 183, 65, 399), 54, 67.58, 49.17, 73.14, 63.56),
    ("Qwen2.5-VL-72B", (216, 144, 85, 379), 47, 70.84, 60.00, 71.76, 60.12),
    ("GPT-4o", (201, 158, 47, 417), 74, 72.92, 55.99, 81.05, 77.29),
    ("Llama-Guard-3-11B-Vision", (2, 358, 0, 464), 90, 50.28, 0.56, 100.0, 66.92),
    ("ImageGuard", (300, 60, 192, 272), 15, 70.98, 83.33, 60.98, 27.00),
    ("Siglip2Guard", (272, 88, 131, 333), 22, 73.67, 75.56, 67.49, 36.71),
    ("QwenGuard-3B", (316, 44, 48, 416), 73, 88.72, 87.78, 86.81, 84.74),
    ("QwenGuard-7B", (320, 40, 44, 420), 72, 89.71, 88.89, 87.91, 84.57),
    ("LlavaGuard-0.5B", (312, 48, 43, 421), 77, 88.70, 86.67, 87.89, 87.10),
    ("LlavaGuard-7B", (329, 31, 45, 419), 80, 90.84, 91.39, 87.97, 89.85),
]
EXCEPTIONS = 90


def of_counts(tp: int, fn: int, fp: int, tn: int, right_exceptions: int) -> OutcomeTable:
    """Lay out a test set of these counts; the exceptions stand first among the safe questions of their kind."""
    unsafe = np.repeat([True, True, False, False], (tp, fn, fp, tn))
    said = np.repeat(np.array([1, 0, 1, 0], np.int8), (tp, fn, fp, tn))
    changed = np.zeros(len(said), bool)
    changed[np.flatnonzero(~unsafe & (said == 0))[:right_exceptions]] = True
    changed[np.flatnonzero(~unsafe & (said == 1))[: EXCEPTIONS - right_exceptions]] = True
    rows = len(said)
    return OutcomeTable(
        group=np.arange(rows),
        item=np.arange(rows),
        policy=np.full(rows, "default"),
        unsafe=unsafe,
        said=said,
        kind=np.full(rows, "ok"),
        p_unsafe=said.astype(np.float64),
        category=np.full(rows, "O6"),
        said_category=np.full(rows, "O6"),
        severity=np.full(rows, ""),
        changed=changed,
        unchanged=np.where(changed, 1, unsafe).astype(np.int8),
        unchanged_right=np.full(rows, NEITHER, np.int8),
    )


@pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row[0]))
def test_the_papers_counts_give_the_papers_numbers_to_rounding(
    row: tuple[str, tuple[int, int, int, int], int, float, float, float, float],
) -> None:
    _, counts, right_exceptions, *published = row
    table = of_counts(*counts, right_exceptions)
    names = ("balanced_accuracy", "recall", "precision", "policy_exception_score")
    found = [value(name, table) for name in names]
    # The paper has means of rates that were rounded before, which is worth up to one unit of the last digit.
    assert [100 * number for number in found if number is not None] == pytest.approx(published, abs=0.01)


def test_the_policy_exception_rate_is_of_the_exceptions_alone() -> None:
    assert value("policy_exception_rate", of_counts(329, 31, 45, 419, 80)) == pytest.approx(80 / 90)


def test_counts_that_others_made_give_the_same_rates() -> None:
    counts = Confusion.from_counts(329, 31, 45, 419)
    assert 100 * float(counts.balanced_accuracy) == pytest.approx(90.84, abs=0.01)


def test_saying_safe_to_everything_shows_what_is_wrong_with_the_papers_score() -> None:
    """A guard that never looks has a higher score than most of the table, and no joint consistency."""
    table = of_counts(0, 360, 0, 464, EXCEPTIONS)
    assert value("policy_exception_rate", table) == 1.0
    assert value("policy_exception_score", table) == pytest.approx(2 / 3)
