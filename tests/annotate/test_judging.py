"""Items to verdicts, in order, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.annotate import judging
from eyeward.annotate.explain import Explain, Extent
from eyeward.annotate.item import Item
from eyeward.annotate.judging import drawn, judged, shares
from eyeward.errors import ErrorType
from eyeward.verdict import Failure
from tests.annotate.world import DEFAULT, EXEMPT, png
from tests.evaluate.worlds import guard

BROKEN = Failure(type=ErrorType.truncated, message="Cut.")


@given(st.lists(st.sampled_from(["image", "broken", "no image"]), max_size=80), st.sampled_from(["never", "unsafe"]))
def test_failures_stand_in_their_places_however_they_are_spread(kinds: list[str], explain: str) -> None:
    contents: dict[str, bytes | Failure] = {"image": png(200), "broken": BROKEN, "no image": b"x"}
    items = [Item(number, str(number), contents[kind]) for number, kind in enumerate(kinds)]
    found = list(judged(guard(), items, [DEFAULT, EXEMPT], Explain.parse(explain)))
    assert [item.index for item, _ in found] == [number for number in range(len(kinds)) for _ in range(2)]
    assert [verdict.policy.name for _, verdict in found] == ["default", "exempt"] * len(kinds)
    assert all((verdict.rating is None) == (item.image != png(200)) for item, verdict in found)


@pytest.mark.parametrize("explain", ["never", "above 0.9"])
def test_items_are_taken_as_they_are_needed(explain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "CHUNK_ITEMS", 50)
    taken = 0

    def items() -> Iterator[Item]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield Item(number, str(number), png(number % 256))

    for item, _ in judged(guard(), items(), [DEFAULT], Explain.parse(explain)):
        assert taken <= item.index + 150
    assert taken == 1000


def test_between_two_passes_no_more_bytes_are_kept_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "CHUNK_BYTES", 3 * len(png(1)))
    items = (Item(number, "", png(1)) for number in range(8))
    sizes = [len(chunk) for chunk in judging.chunks(items, lambda item: item.image)]
    assert sizes == [3, 3, 2]


def test_a_sample_is_spread_evenly_and_adds_up() -> None:
    assert shares(10, 4) == [2, 3, 2, 3]
    assert shares(2, 5) == [0, 0, 1, 0, 1]
    for sample, shards in ((1, 1), (7, 3), (3, 7), (1000, 33)):
        found = shares(sample, shards)
        assert (sum(found), len(found)) == (sample, shards)
        assert max(found) - min(found) <= 1


def test_a_sample_is_drawn_by_lot() -> None:
    keys = [f"key {number}" for number in range(1000)]
    found = drawn(keys, 100)
    assert found == drawn(iter(keys), 100) != drawn([f"other {key}" for key in keys], 100)
    assert len(found) == 100
    assert 300 < sum(found) / 100 < 700
    assert drawn(keys[:5], 100) == set(range(5))


@pytest.mark.parametrize("text", ["never", "unsafe", "all", "above 0.3", "above 0.0"])
def test_what_is_explained_is_written_as_it_is_read(text: str) -> None:
    assert str(Explain.parse(text)) == text


def test_a_probability_may_be_joined_by_a_sign() -> None:
    assert Explain.parse("above:0.3") == Explain.parse("above=0.3") == Explain(Extent.above, 0.3)
