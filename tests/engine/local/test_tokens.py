"""Tokens as the model's tokenizer cuts them, and what they spell."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from eyeward.engine.local.tokens import PromptTokens
from eyeward.engine.protocol import ImageSegment, Prompt, TextSegment
from eyeward.engine.recent import Recent
from eyeward.train.from_scratch.tokenizer import IMAGE, build_tokenizer, save_tokenizer
from tests.engine.local.questions import form, picture
from tests.engine.local.tiny import make_tokenizer


@pytest.fixture
def tokens() -> PromptTokens:
    tokenizer = make_tokenizer()
    (image_token_id,) = tokenizer.encode(IMAGE)
    return PromptTokens(tokenizer, image_token_id)


@pytest.fixture
def word_tokens(tmp_path: Path) -> PromptTokens:
    from transformers import AutoTokenizer

    built: Tokenizer = build_tokenizer(["show weapons, never used.", "O6: Weapons"])
    save_tokenizer(built, tmp_path, 128)
    image_token_id = built.token_to_id(IMAGE)
    assert image_token_id is not None
    return PromptTokens(AutoTokenizer.from_pretrained(tmp_path), image_token_id)


@pytest.mark.parametrize("text", ['{"rating": "Unsafe"}', "é 😀\n\t\\ 'x'", "  two  spaces "])
def test_the_spelling_of_tokens_adds_up_to_the_text(tokens: PromptTokens, text: str) -> None:
    assert b"".join(tokens.spelling()[token] or b"" for token in tokens.ids(text)) == text.encode()


def test_special_tokens_spell_nothing(tokens: PromptTokens) -> None:
    for token in tokens.special_tokens:
        (number,) = tokens.ids(token)
        assert tokens.spelling()[number] is None
    assert {"<image>", "<|im_end|>"} <= tokens.special_tokens


def test_an_answer_is_cut_as_it_stands_behind_its_prompt(tokens: PromptTokens) -> None:
    context = "<|im_start|>assistant\n"
    answer = '{"rating": "Safe"}'
    assert tokens.ids(context) + tokens.answer_ids(context, answer) == tokens.ids(context + answer)


def test_words_that_are_spelled_in_bytes_are_unknown(word_tokens: PromptTokens) -> None:
    assert word_tokens.unknown_words("show weapons, zeppelins or tanks") == ("zeppelins", "or", "tanks")
    assert word_tokens.unknown_words("show never used") == ()


@pytest.mark.parametrize("blank", ["\u00a0", "\u3000"])
def test_an_unknown_word_that_nobody_can_see_is_still_shown(word_tokens: PromptTokens, blank: str) -> None:
    assert "".join(word_tokens.unknown_words(f"show{blank}{blank} weapons")).strip(blank) == ""
    assert "" not in word_tokens.unknown_words(f"show{blank}{blank} weapons")
    assert word_tokens.unknown_words(f"show{blank}{blank} weapons")


def test_text_beside_text_is_not_cut_where_segments_meet(tokens: PromptTokens) -> None:
    asked = Prompt(
        (TextSegment('{"rat'), TextSegment('ing": "'), ImageSegment(0), TextSegment("<|im_end|>")),
        (picture(0),),
        form(),
        shared_prefix=1,
    )
    layout = tokens.layout(asked)
    assert layout.shared == ()
    assert layout.own[0] == tokens.ids('{"rating": "')
    whole = Prompt(asked.segments, asked.images, asked.form, shared_prefix=2)
    assert tokens.layout(whole).shared == (tokens.ids('{"rating": "'),)


def test_the_least_recent_is_forgotten() -> None:
    recent: Recent[int, int] = Recent(2)
    made: list[int] = []

    def get(key: int) -> int:
        return recent.get_or_make(key, lambda: made.append(key) or key)  # type: ignore[func-returns-value]

    assert [get(key) for key in (1, 2, 1, 3, 1, 2)] == [1, 2, 1, 3, 1, 2]
    assert made == [1, 2, 3, 2]
