from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import pytest

from eyeward.policy.wording import EYEWARD
from eyeward.scenes import wordings

_PIECES = re.compile(r" ?[^\W_]+| ?[^\s\w]|\n|\s")
"""Words and marks as the tokenizer of mini cuts them: a word after a space is another one than a word at a start."""

NON_VIOLATING, SENSITIVE = wordings.non_violating_declarations(), wordings.sensitive_declarations()


def pieces(sentences: Iterable[str]) -> set[str]:
    filled = (sentence.replace("{id}", "O1").replace("{name}", "Nudity") for sentence in sentences)
    return {piece for sentence in filled for piece in _PIECES.findall(sentence)}


def test_the_pools_are_large_and_hold_no_sentence_twice() -> None:
    for pool, least in ((wordings.start_sentences(), 60), (NON_VIOLATING, 80), (SENSITIVE, 80)):
        assert len(set(pool)) == len(pool) >= least
    assert len(set(wordings.RESERVED_START_SENTENCES)) >= 10
    assert len(set(wordings.RESERVED_NON_VIOLATING)) == len(set(wordings.RESERVED_SENSITIVE)) == 10


def test_our_own_wording_is_among_the_training_ones() -> None:
    assert EYEWARD.start_sentence == wordings.start_sentences()[0]
    assert EYEWARD.non_violating_declaration == NON_VIOLATING[0]
    assert EYEWARD.sensitive_declaration == SENSITIVE[0]


@pytest.mark.parametrize("sentence", [*wordings.RESERVED_NON_VIOLATING, *wordings.RESERVED_SENSITIVE])
def test_reserved_declarations_are_new_sentences_of_known_words(sentence: str) -> None:
    assert sentence not in NON_VIOLATING
    assert sentence not in SENSITIVE
    assert pieces([sentence]) <= pieces((*NON_VIOLATING, *SENSITIVE))


@pytest.mark.parametrize("sentence", wordings.RESERVED_START_SENTENCES)
def test_reserved_start_sentences_are_new_sentences_of_known_words(sentence: str) -> None:
    assert sentence not in wordings.start_sentences()
    assert pieces([sentence]) <= pieces(wordings.start_sentences())


def test_no_declaration_stands_for_both_stances() -> None:
    assert not {*NON_VIOLATING, *wordings.RESERVED_NON_VIOLATING} & {*SENSITIVE, *wordings.RESERVED_SENSITIVE}


def test_the_vocabulary_is_modest() -> None:
    assert len(pieces((*NON_VIOLATING, *SENSITIVE, *wordings.start_sentences()))) < 250


def test_no_common_word_tells_the_stance() -> None:
    """Whoever goes by one word, whichever it is, is right in fewer than two of three sentences."""
    counts = [Counter(word for sentence in pool for word in pieces([sentence])) for pool in (NON_VIOLATING, SENSITIVE)]
    for word in counts[0] | counts[1]:
        shares = [count[word] / len(pool) for count, pool in zip(counts, (NON_VIOLATING, SENSITIVE), strict=True)]
        assert abs(shares[0] - shares[1]) < 0.3, word
    for word in (" allowed", " forbidden", " not", " never", " safe", " unsafe", " violation", " allow", " forbid"):
        assert min(counts[0][word], counts[1][word]) > 50, word


@pytest.mark.parametrize("sentence", [*NON_VIOLATING[:200], *SENSITIVE[:200], *wordings.RESERVED_SENSITIVE])
def test_declarations_are_sentences_on_one_line(sentence: str) -> None:
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "  " not in sentence
    assert set(re.findall(r"{.*?}", sentence)) <= {"{id}", "{name}"}
