"""Words stay words, and what was never met is spelled in bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from eyeward.train.from_scratch.tokenizer import IMAGE, build_tokenizer, save_tokenizer

CORPUS = ["O6: Weapons or Substance Abuse", "- firearms, bombs or grenades", '{"rating": "Unsafe"}']


def test_a_known_word_is_one_token_and_an_unknown_one_is_bytes() -> None:
    tokenizer = build_tokenizer(CORPUS)
    assert tokenizer.encode("- firearms").tokens == ["-", "Ġfirearms"]
    assert len(tokenizer.encode(" zeppelin").tokens) == len(" zeppelin")


def test_no_token_crosses_a_word_border() -> None:
    tokenizer = build_tokenizer(["Should not:\n- a b\n"] * 100)
    assert tokenizer.encode("Should not:\n").tokens == ["Should", "Ġnot", ":", "Ċ"]


def test_the_order_of_the_corpus_does_not_matter() -> None:
    assert build_tokenizer(CORPUS).to_str() == build_tokenizer(reversed(CORPUS)).to_str()


@given(st.text())
def test_any_text_comes_back_as_it_was(text: str) -> None:
    tokenizer = build_tokenizer(CORPUS)
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids, skip_special_tokens=False) == text


def test_transformers_reads_the_saved_tokenizer(tmp_path: Path) -> None:
    tokenizer = build_tokenizer(CORPUS)
    save_tokenizer(tokenizer, tmp_path, 4096)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    text = f"{IMAGE}\nO6: Weapons and Dragons"
    assert loaded(text)["input_ids"] == tokenizer.encode(text).ids
    turn: Any = {"role": "user", "content": [{"type": "text", "text": "policy\n"}, {"type": "image"}]}
    prompt = loaded.apply_chat_template(
        [turn],
        tokenize=False,
        add_generation_prompt=True,
    )
    assert prompt == "<|im_start|>user\npolicy\n<image>\n<|im_end|>\n<|im_start|>assistant\n"
