"""Random policies for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from eyeward.policy import Category, Policy, Stance

_LETTERS = st.characters(exclude_categories=("C", "Z"), max_codepoint=0x2FFF)
_TRICKY = st.sampled_from(
    ("-", "1.", "•", "O1:", "O1: Hate:", "Should not:", "Can:", "Examples:", "**bold**", "# x", "{", "}", "{id}", "|")
    + ("declared as sensitive", "declared as non-violating", "json", "Category", "NA:", "```", "'", '"', "no", "0", "~")
)
_PLAIN = st.sampled_from(("people", "weapons", "fights", "of", "with", "news"))

rules = st.lists(_PLAIN | _TRICKY | st.text(_LETTERS, min_size=1, max_size=6), min_size=1, max_size=4).map(" ".join)
"""One line, often such as looks like a bullet, a heading, a header or a declaration."""

names = st.lists(_PLAIN | st.sampled_from(("&", "(x)", "Art. 4", "1.", "-", "é")), min_size=1, max_size=4).map(" ".join)
numbered_ids = st.builds(lambda letter, number: f"{letter}{number}", st.sampled_from("OCSX"), st.integers(1, 99))
worded_ids = st.sampled_from(("weapons", "self-harm", "Art.4", "b", "Note", "rating"))


@st.composite
def policies(draw: st.DrawFn, stances: tuple[Stance, ...] = tuple(Stance)) -> Policy:
    """Draw a policy whose categories all have a rule."""
    ids = draw(st.lists(numbered_ids | worded_ids, min_size=1, max_size=5, unique=True))
    categories = []
    for id in ids:
        should_not = draw(st.lists(rules, max_size=4, unique=True))
        can = draw(st.lists(rules, min_size=0 if should_not else 1, max_size=3, unique=True))
        stance = draw(st.sampled_from(stances))
        categories.append(
            Category(id=id, name=draw(names), should_not=tuple(should_not), can=tuple(can), stance=stance)
        )
    return Policy(name="drawn", version=draw(st.integers(1, 9)), categories=tuple(categories))
