"""What goes wrong is in the answer; what can be shared is computed once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from eyeward.engine.local import engine as engine_module
from eyeward.engine.local.checkpoint import load_checkpoint
from eyeward.engine.local.engine import LocalEngine
from eyeward.engine.local.families.onevision import OneVision
from eyeward.engine.protocol import AnswerForm, Forced, LabelSlot, Prompt, RawAnswer, TextSegment
from eyeward.errors import CheckpointError
from tests.engine.local.questions import POLICY, picture, prompt
from tests.engine.local.tiny import make_checkpoint, write_json


def make_engine(folder: Path, batch_size: int = 16, **settings: Any) -> LocalEngine:
    make_checkpoint(folder, **settings)
    return LocalEngine(load_checkpoint(folder), batch_size)


@pytest.mark.parametrize("explain", [False, True])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_an_error(tmp_path: Path, number: float, explain: bool) -> None:
    engine = make_engine(tmp_path)
    model: Any = engine._checkpoint.model
    model.model.language_model.norm.weight.fill_(number)
    (answer,) = engine.judge([prompt(picture(0), explain=explain)])
    assert answer.error is not None
    assert "not finite" in answer.error.message
    assert not answer.scores


def test_numbers_that_stop_being_finite_in_the_free_text_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(tmp_path)
    decoder: Any = engine._decoder
    plain = decoder._language.logits

    def breaking(states: torch.Tensor, options: Any = None) -> torch.Tensor:
        logits: torch.Tensor = plain(states, options)
        if options is None:
            logits[:, 0] = float("nan")
        return logits

    monkeypatch.setattr(decoder._language, "logits", breaking)
    explained, labels = engine.judge([prompt(picture(0), explain=True), prompt(picture(0))])
    assert explained.error is not None
    assert not explained.written
    assert labels.error is None


def test_a_prompt_that_is_too_long_is_an_error_and_its_neighbours_are_not(tmp_path: Path) -> None:
    engine = make_engine(tmp_path, context_length=400)
    long = prompt(picture(0), POLICY * 20)
    answers = list(engine.judge([prompt(picture(0)), long, prompt(picture(1))]))
    assert [answer.error is None for answer in answers] == [True, False, True]
    assert answers[1].error is not None
    assert "reads at most 400" in answers[1].error.message


def test_a_prompt_that_cannot_be_asked_does_not_spoil_its_batch(tmp_path: Path) -> None:
    engine = make_engine(tmp_path)
    good = prompt(picture(0))
    no_image = Prompt(good.segments, (), good.form)
    marked = Prompt((TextSegment("an <image> too many"), *good.segments), good.images, good.form)
    answers = list(engine.judge([good, no_image, marked, good]))
    assert [answer.error is None for answer in answers] == [True, False, False, True]
    assert answers[0].written == answers[3].written


@pytest.mark.parametrize("batch_size", [2, 16])
def test_an_image_is_encoded_once_for_many_policies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int
) -> None:
    engine = make_engine(tmp_path, batch_size)
    encoded: list[int] = []
    encode = OneVision.encode

    def counting(self: Any, model: Any, images: Any, layers: Any) -> Any:
        encoded.append(len(images))
        return encode(self, model, images, layers)

    monkeypatch.setattr(OneVision, "encode", counting)
    image = picture(0)
    answers = list(engine.judge([prompt(image, f"Policy {n}.", image_first=True) for n in range(5)]))
    assert [answer.error for answer in answers] == [None] * 5
    assert encoded == [1]


def test_answers_come_in_order_across_batches(tmp_path: Path) -> None:
    engine = make_engine(tmp_path, batch_size=3)
    prompts = [prompt(picture(seed), f"Policy {seed % 2}.") for seed in range(8)]
    together = list(engine.judge(prompts))
    for asked, answer in zip(prompts, together, strict=True):
        (alone,) = engine.judge([asked])
        rating, expected = answer.scores_of("rating"), alone.scores_of("rating")
        assert rating == pytest.approx(expected, abs=1e-4)


def test_the_same_prompts_give_the_same_numbers(tmp_path: Path) -> None:
    engine = make_engine(tmp_path)
    prompts = [prompt(picture(seed), explain=True) for seed in range(3)]
    assert list(engine.judge(prompts)) == list(engine.judge(prompts))


def test_labels_that_the_tokenizer_cannot_tell_apart_are_an_error(tmp_path: Path) -> None:
    engine = make_engine(tmp_path)
    good = prompt(picture(0))
    same = AnswerForm((Forced("{"), LabelSlot("rating", ("Safe", "Safe")), Forced("}")))
    (answer,) = engine.judge([Prompt(good.segments, good.images, same)])
    assert answer.error is not None
    assert "same tokens" in answer.error.message


def test_a_model_with_a_sliding_window_is_refused(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    config = load_checkpoint(tmp_path).model.config.to_dict()
    config["text_config"] |= {"use_sliding_window": True, "sliding_window": 64, "max_window_layers": 0}
    config["text_config"].pop("layer_types", None)
    write_json(tmp_path / "config.json", config)
    with pytest.raises(CheckpointError, match="sliding window"):
        LocalEngine(load_checkpoint(tmp_path))


def test_half_precision_stays_close(tmp_path: Path) -> None:
    exact = make_engine(tmp_path)
    half = LocalEngine(load_checkpoint(tmp_path, dtype=torch.bfloat16))
    for one, other in zip(
        exact.judge([prompt(picture(0))]), half.judge([prompt(picture(0), explain=True)]), strict=True
    ):
        assert other.error is None
        assert one.scores_of("rating") == pytest.approx(other.scores_of("rating"), abs=0.1)


def test_free_text_ends_where_the_context_does(tmp_path: Path) -> None:
    (whole,) = make_engine(tmp_path / "wide").judge([prompt(picture(0), explain=True)])
    length = whole.tokens.computed + whole.tokens.cached - len(whole.token_ids)
    for room in (8, 0):
        folder = tmp_path / f"narrow{room}"
        engine = make_engine(folder, context_length=length + room)
        (answer,) = engine.judge([prompt(picture(0), explain=True)])
        assert answer.error is None
        assert answer.cut
        assert answer.tokens.written <= room
        assert json.loads(answer.text)["rationale"] == answer.written["rationale"]


def test_a_small_memory_makes_small_batches_and_the_same_answers(tmp_path: Path) -> None:
    engine = make_engine(tmp_path)
    small = LocalEngine(load_checkpoint(tmp_path), memory_bytes=1)
    prompts = [prompt(picture(seed, 60 + 40 * seed), explain=True) for seed in range(4)]
    sizes: list[int] = []
    answer = small._decoder.answer

    def counting(prefix: Any, rows: Any) -> list[RawAnswer]:
        sizes.append(len(rows))
        return answer(prefix, rows)

    small._decoder.answer = counting  # type: ignore[method-assign]
    assert [a.written for a in small.judge(prompts)] == [a.written for a in engine.judge(prompts)]
    assert sizes == [1] * 4


def test_rows_that_are_only_scored_run_in_passes_that_reuse_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_checkpoint(tmp_path)
    asked = [prompt(picture(seed), shared=True) for seed in range(4)]
    whole = LocalEngine(load_checkpoint(tmp_path, dtype=torch.float32))
    expected = [answer.scores for answer in whole.judge(asked)]
    monkeypatch.setattr(engine_module, "REUSED_BYTES", 1)
    small = LocalEngine(load_checkpoint(tmp_path, dtype=torch.float32))
    together: list[int] = []
    real = small._decoder.answer

    def counted(prefix: Any, rows: Any) -> Any:
        together.append(len(rows))
        return real(prefix, rows)

    monkeypatch.setattr(small._decoder, "answer", counted)
    found = [answer.scores for answer in small.judge(asked)]
    assert together == [1, 1, 1, 1]
    for ours, theirs in zip(found, expected, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert one.log_probabilities == pytest.approx(dict(other.log_probabilities), abs=1e-4)
    together.clear()
    list(small.judge([prompt(picture(seed), shared=True, explain=True) for seed in range(4)]))
    assert together == [4]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_it_says_what_it_computes_with(dtype: str, tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    engine = LocalEngine(load_checkpoint(tmp_path, dtype=dtype, device="cpu"))
    assert engine.capabilities.arithmetic == f"{dtype} on cpu"
