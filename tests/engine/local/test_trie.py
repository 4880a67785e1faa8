"""Answers as a tree of tokens."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from eyeward.engine.local.trie import ROOT, AnswerTree, build_tree
from eyeward.engine.protocol import AnswerForm, Exclusion, Forced, LabelSlot, TextSlot

CHARACTERS = [chr(n) for n in range(256)]


def by_character(text: str) -> list[int]:
    return [ord(character) for character in text]


def with_pieces(*pieces: str) -> object:
    """Tokenise greedily with these pieces, longest first, and single characters."""
    vocabulary = sorted([*pieces, *CHARACTERS], key=len, reverse=True)

    def tokenize(text: str) -> list[int]:
        tokens: list[int] = []
        while text:
            piece = next(piece for piece in vocabulary if text.startswith(piece))
            tokens.append(vocabulary.index(piece))
            text = text[len(piece) :]
        return tokens

    return tokenize


def form(labels: tuple[str, ...], *rest: Forced | LabelSlot | TextSlot) -> AnswerForm:
    return AnswerForm((Forced('{"a": "'), LabelSlot("a", labels), Forced('", "b": "'), *rest))


def paths(tree: AnswerTree) -> dict[tuple[str, ...], tuple[tuple[int, int], ...]]:
    return {tuple(label for _, label in leaf.labels): leaf.choices for leaf in tree.leaves}


def spelled(tree: AnswerTree, node: int) -> str:
    text = ""
    while node != ROOT:
        text = chr(tree.tokens[node]) + text
        node = tree.parents[node]
    return text


def test_what_paths_share_is_one_node_and_nothing_after_the_last_branch_is_in_the_tree() -> None:
    tree = build_tree(form(("Safe", "Unsafe")), by_character)
    (branch,) = tree.branches
    assert spelled(tree, branch.node) == '{"a": "'
    assert [chr(token) for token in branch.options] == ["S", "U"]
    assert len(tree.tokens) == len('{"a": "')


def test_labels_that_are_the_beginning_of_others_part_at_their_ends() -> None:
    tree = build_tree(form(("Hate", "Hate speech")), by_character)
    (branch,) = tree.branches
    assert spelled(tree, branch.node).endswith("Hate")
    assert {chr(token) for token in branch.options} == {'"', " "}


def test_an_excluded_label_has_no_path_behind_the_rating_that_excludes_it() -> None:
    category = LabelSlot("b", ("O1: Hate", "NA"), (Exclusion("NA", "a", "Unsafe"),))
    tree = build_tree(form(("Unsafe", "Safe"), category, Forced('"}')), by_character)
    assert set(paths(tree)) == {("Unsafe", "O1: Hate"), ("Safe", "O1: Hate"), ("Safe", "NA")}
    assert len(tree.branches) == 2


def test_tokens_that_span_a_quote_are_branches_of_their_own() -> None:
    tokenize: object = with_pieces('"Un', "safe", '"Safe"', '": ')
    assert callable(tokenize)
    tree = build_tree(form(("Unsafe", "Safe")), tokenize)
    (branch,) = tree.branches
    assert len(branch.options) == 2
    opening: Sequence[int] = tokenize('{"a": ')
    assert len(tree.tokens) == len(opening), "the quote belongs to the branching tokens"


def test_forced_text_that_free_text_may_change_is_not_settled() -> None:
    tokenize: object = with_pieces('"The')
    assert callable(tokenize)
    open_form = form(("x",), TextSlot("b"), Forced('"}'))
    (leaf,) = build_tree(open_form, tokenize).leaves
    assert leaf.text.endswith('"b": "')
    assert leaf.unsettled == tuple(tokenize('"'))
    (settled,) = build_tree(open_form, by_character).leaves
    assert settled.unsettled == ()


def test_every_path_leads_through_its_branches_to_its_tokens() -> None:
    category = LabelSlot("b", ("O1: Hate", "O2: Harm", "O10: Hate"))
    tree = build_tree(form(("Unsafe", "Safe"), category, Forced('"}')), by_character)
    for leaf in tree.leaves:
        assert by_character(leaf.text) == list(leaf.tokens)
        assert tuple(tree.tokens[node] for node in leaf.nodes) == leaf.tokens[: len(leaf.nodes)]
        for branch, option in leaf.choices:
            after = len(spelled(tree, tree.branches[branch].node))
            assert tree.branches[branch].options[option] == leaf.tokens[after]
    assert len(set(paths(tree).values())) == len(tree.leaves)


def test_answers_with_the_same_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="same tokens"):
        build_tree(form(("a", "b")), lambda text: [0] * len(text))


def test_labels_are_escaped_as_json() -> None:
    (leaf,) = build_tree(form(('a "b"',)), by_character).leaves
    assert 'a \\"b\\""' in leaf.text
