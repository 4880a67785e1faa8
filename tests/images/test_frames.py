"""The choice of frames, for every length."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eyeward.images.frames import spread


@given(total=st.integers(1, 100_000), count=st.integers(2, 50))
def test_frames_are_distinct_ordered_and_reach_both_ends(total: int, count: int) -> None:
    chosen = spread(total, count)
    assert len(chosen) == min(total, count)
    assert list(chosen) == sorted(set(chosen))
    assert chosen[0] == 0
    assert chosen[-1] == total - 1


@given(total=st.integers(2, 100_000), count=st.integers(2, 50))
def test_no_gap_is_more_than_one_longer_than_another(total: int, count: int) -> None:
    chosen = spread(total, count)
    gaps = [after - before for before, after in zip(chosen, chosen[1:], strict=False)]
    assert max(gaps) - min(gaps) <= 1
