"""How alike two rules are, and that to look for it ends."""

from __future__ import annotations

import difflib
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.policy import likeness as module
from eyeward.policy.likeness import NEAR, Nearness, likeness

WORDS = st.text("abc ", max_size=12)


def longest_common(one: str, other: str) -> int:
    """Return the length of the longest common subsequence, as textbooks find it."""
    row = [0] * (len(other) + 1)
    for letter in one:
        before = row[:]
        for place, second in enumerate(other):
            row[place + 1] = before[place] + 1 if letter == second else max(before[place + 1], row[place])
    return row[-1]


@given(WORDS, WORDS)
def test_it_is_the_share_of_letters_in_the_same_order(one: str, other: str) -> None:
    both = len(one) + len(other)
    assert likeness(one, other) == (2 * longest_common(one, other) / both if both else 1.0)
    assert likeness(one, other) == likeness(other, one)


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_difflib_calls_near_is_near(one: str, other: str) -> None:
    assert likeness(one, other) >= difflib.SequenceMatcher(None, one, other, autojunk=False).ratio() - 1e-9


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("insults of people", "insult of people", True),
        ("drawings of weapons in a museum", "drawings of weapons in museums", True),
        ("bull fights", "dog fights", False),
        ("guns and bombs in the street", "people who walk in the street", False),
    ],
)
def test_rules_that_say_nearly_the_same_are_near(one: str, other: str, near: bool) -> None:
    assert (likeness(one, other) >= NEAR) is near


def test_each_text_is_told_of_the_first_one_that_is_near_it() -> None:
    texts = ["a fight", "two fights of people", "a fighter", "two fights of peoples", "a bomb", "a fights"]
    nearness = Nearness()
    assert list(nearness.near(texts)) == [None, None, None, 1, None, 0]
    assert not nearness.spent


def test_the_search_ends_when_its_steps_are_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def counting(one: str, other: str) -> float:
        compared.append(len(one) + len(other))
        return likeness(one, other)

    monkeypatch.setattr(module, "likeness", counting)
    texts = ["".join(letters) * 16 for letters in product("abc", "def", "ghi", "jkl", "mno")]
    nearness = Nearness(steps=100_000)
    assert len(list(nearness.near(texts))) < len(texts)
    assert nearness.spent
    assert 50_000 < sum(compared) <= 100_000
    assert list(nearness.near(texts[:1] * 2)) == [None]
