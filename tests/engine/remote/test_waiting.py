"""Waits before another attempt are random, bounded, and as long as the server asks."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.engine.remote.waiting import back_off, retry_after

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@given(attempt=st.integers(1, 200), seed=st.integers())
def test_a_wait_is_never_longer_than_the_longest(attempt: int, seed: int) -> None:
    assert 0.0 <= back_off(attempt, 0.5, 30.0, random.Random(seed)) <= min(30.0, 0.5 * 2.0 ** min(attempt - 1, 60))


def test_waits_are_spread_over_the_whole_range() -> None:
    chance = random.Random(1)
    waits = [back_off(3, 1.0, 30.0, chance) for _ in range(2000)]
    assert min(waits) < 0.1
    assert max(waits) > 3.9
    assert sum(waits) / len(waits) == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0.5 ", 0.5),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Sun, 01 Mar 2026 12:00:30 -0000", 30.0),
        ("soon", None),
        ("-3", None),
        ("nan", None),
        ("inf", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds
