"""The engine over vLLM: the local engine's answers, asked for in rounds of one call each."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from eyeward.engine.local.checkpoint import LoadedCheckpoint, load_checkpoint
from eyeward.engine.local.engine import LocalEngine
from eyeward.engine.local.tokens import PromptTokens
from eyeward.engine.protocol import RawAnswer
from eyeward.engine.vllm.engine import VllmEngine
from eyeward.engine.vllm.replica import LlmReplica, Model, Question, Said
from eyeward.engine.vllm.settings import VllmSettings
from eyeward.verdict import ErrorType
from tests.engine.local.families.checkpoints import make_llava
from tests.engine.local.families.questions import ask as ask_llava
from tests.engine.local.questions import INDENTED, RULE, form, picture, prompt
from tests.engine.local.tiny import make_checkpoint
from tests.engine.vllm.fake_vllm import LLM, RATIONALE, install


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tiny")
    make_checkpoint(place)
    return place


@pytest.fixture(scope="module")
def checkpoint(folder: Path) -> LoadedCheckpoint:
    return load_checkpoint(folder, dtype="float32")


def replica(folder: Path, patch: pytest.MonkeyPatch, made: list[LLM] | None = None, **changes: Any) -> LlmReplica:
    install(patch, made, **changes)
    return LlmReplica(Model(folder, "float32", VllmSettings(), with_video=True))


def engine(checkpoint: LoadedCheckpoint, *replicas: Any, batch: int = 64) -> VllmEngine:
    tokens = PromptTokens(checkpoint.tokenizer, checkpoint.image_token_id)
    return VllmEngine(replicas, tokens, checkpoint.image_token_id, replicas[0].context_length, batch)


def assert_same(found: RawAnswer, wanted: RawAnswer) -> None:
    assert found.error is None, found.error
    assert dict(found.written) == dict(wanted.written)
    assert found.text == wanted.text
    assert len(found.scores) == len(wanted.scores)
    for mine, yours in zip(found.scores, wanted.scores, strict=True):
        assert (mine.slot, mine.given) == (yours.slot, yours.given)
        assert mine.log_probabilities == pytest.approx(yours.log_probabilities, abs=1e-4)


def test_answers_are_those_of_the_local_engine(
    folder: Path, checkpoint: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = [
        *(prompt(picture(seed), rule=RULE) for seed in range(3)),
        prompt(picture(0), "Can: show weapons in a museum.", image_first=True),
        prompt(picture(1, 40, 90), answer=form(INDENTED)),
    ]
    found = list(engine(checkpoint, replica(folder, monkeypatch)).judge(prompts))
    for mine, yours in zip(found, LocalEngine(checkpoint).judge(prompts), strict=True):
        assert_same(mine, yours)


def test_an_answer_behind_a_blank_is_scored_behind_that_blank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_llava(tmp_path)
    checkpoint = load_checkpoint(tmp_path, dtype="float32")
    asked = ask_llava(checkpoint, picture(2))
    (found,) = engine(checkpoint, replica(tmp_path, monkeypatch)).judge([asked])
    (wanted,) = LocalEngine(checkpoint).judge([asked])
    assert_same(found, wanted)


def test_each_round_is_one_call_and_the_first_asks_each_prompt_once(
    folder: Path, checkpoint: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[LLM] = []
    asked = [prompt(picture(seed), explain=seed == 1) for seed in range(4)]
    list(engine(checkpoint, replica(folder, monkeypatch, made)).judge(asked))
    first, others, texts = made[0].calls
    assert (len(first), len(texts)) == (4, 1)
    assert len(others) >= 4 and len(others) % 4 == 0
    heads = {tuple(entry["prompt_token_ids"]) for entry in first}
    assert all(any(tuple(entry["prompt_token_ids"])[: len(head)] == head for head in heads) for entry in others)


def test_the_free_text_is_put_into_the_answer(
    folder: Path, checkpoint: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[LLM] = []
    (answer,) = engine(checkpoint, replica(folder, monkeypatch, made)).judge([prompt(picture(0), explain=True)])
    assert answer.error is None, answer.error
    assert answer.written["rationale"] == RATIONALE
    assert json.loads(answer.text) == dict(answer.written)
    assert made[0].parameters[-1].max_tokens >= 24


@pytest.mark.parametrize("nonsense", ["", "half \\", 'two" quotes'])
def test_free_text_that_makes_no_sense_is_an_error(
    nonsense: str, folder: Path, checkpoint: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [prompt(picture(0), explain=True), prompt(picture(1))]
    broken, whole = engine(checkpoint, replica(folder, monkeypatch, written=nonsense)).judge(asked)
    assert broken.error is not None and broken.error.type is ErrorType.unparsable_answer
    assert whole.error is None


def test_a_prompt_that_vllm_refuses_costs_only_itself(
    folder: Path, checkpoint: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [prompt(picture(seed), "word " * (900 if seed == 2 else 1)) for seed in range(5)]
    answers = list(engine(checkpoint, replica(folder, monkeypatch, longest=800)).judge(asked))
    assert [answer.error is None for answer in answers] == [True, True, False, True, True]
    assert answers[2].error is not None
    assert answers[2].error.type is ErrorType.engine_unavailable
    assert "longer than the maximum" in answers[2].error.message


def test_probabilities_that_are_not_named_are_an_error_and_never_a_rating(
    folder: Path, checkpoint: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    (answer,) = engine(checkpoint, replica(folder, monkeypatch, names_tokens=False)).judge([prompt(picture(0))])
    assert answer.error is not None and answer.error.type is ErrorType.unparsable_answer
    assert not answer.written


def test_an_answer_that_vllm_broke_off_is_an_error(
    folder: Path, checkpoint: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    (answer,) = engine(checkpoint, replica(folder, monkeypatch, finish_reason="abort")).judge([prompt(picture(0))])
    assert answer.error is not None and "abort" in answer.error.message
    assert not answer.written


def test_a_prompt_that_cannot_be_laid_out_costs_only_itself(
    folder: Path, checkpoint: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [prompt(picture(0), "an <image> in words"), prompt(picture(1))]
    broken, whole = engine(checkpoint, replica(folder, monkeypatch)).judge(asked)
    assert broken.error is not None and broken.error.type is ErrorType.internal
    assert whole.error is None


def test_equal_pixels_have_one_key_and_others_another(
    folder: Path, checkpoint: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[LLM] = []
    asked = [prompt(image) for image in (picture(0), picture(0), picture(1), picture(0).rotate(180))]
    list(engine(checkpoint, replica(folder, monkeypatch, made)).judge(asked))
    keys = [entry["multi_modal_uuids"]["image"][0] for entry in made[0].calls[0]]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


@dataclass
class Recording:
    """A replica that finds the second option of every branch likelier, and remembers what it was asked."""

    context_length: int = 4096
    asked: list[list[Question]] = field(default_factory=list)
    closed: bool = False

    def ask(self, questions: Sequence[Question]) -> list[Said]:
        self.asked.append(list(questions))
        return [
            Said({option: math.log(0.9 if n == 1 else 0.05) for n, option in enumerate(question.options)})
            for question in questions
        ]

    def close(self) -> None:
        self.closed = True


def keys_of(replica: Recording) -> set[str]:
    return {key for questions in replica.asked for question in questions for key in question.image_keys}


def test_prompts_are_split_by_image_and_answers_keep_their_order(checkpoint: LoadedCheckpoint) -> None:
    replicas = [Recording(), Recording()]
    images = [picture(seed) for seed in range(5)]
    asked = [prompt(image, policy, rule=RULE) for image in images for policy in ("one policy", "another")]
    odd = replace(asked[4], form=form(ratings=("Bad", "Good")), rating_rule=None)
    answers = list(engine(checkpoint, *replicas).judge([*asked[:4], odd, *asked[5:]]))
    assert [answer.error for answer in answers] == [None] * len(asked)
    assert [n for n, answer in enumerate(answers) if answer.written["rating"] in ("Bad", "Good")] == [4]
    assert not keys_of(replicas[0]) & keys_of(replicas[1])
    assert {len(keys_of(replica)) for replica in replicas} == {2, 3}


def test_many_prompts_are_handed_over_in_batches(checkpoint: LoadedCheckpoint) -> None:
    recording = Recording()
    answers = list(engine(checkpoint, recording, batch=3).judge([prompt(picture(seed)) for seed in range(7)]))
    assert len(answers) == 7
    assert [len(questions) for questions in recording.asked[::3]] == [3, 3, 1]


def test_closing_the_engine_closes_every_replica(checkpoint: LoadedCheckpoint) -> None:
    replicas = [Recording(), Recording()]
    engine(checkpoint, *replicas).close()
    assert [replica.closed for replica in replicas] == [True, True]


def test_vllm_is_told_to_share_prefixes_and_to_score_without_settings_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[LLM] = []
    install(monkeypatch, made)
    settings = VllmSettings(longest=2048, eager=True, most_at_once=8, cache_bytes=2**20)
    assert LlmReplica(Model(folder, "bfloat16", settings, with_video=False)).context_length == 2048
    told = made[0].arguments
    assert told["enable_prefix_caching"] and told["enforce_eager"]
    assert (told["generation_config"], told["logprobs_mode"]) == ("vllm", "raw_logprobs")
    assert (told["dtype"], told["max_num_seqs"], told["kv_cache_memory_bytes"]) == ("bfloat16", 8, 2**20)
    assert "video" not in told["limit_mm_per_prompt"]


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="memory_share"):
        VllmSettings(memory_share=1.5)


def test_a_token_that_free_text_may_change_is_spelled_and_not_fed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_llava(tmp_path)
    checkpoint = load_checkpoint(tmp_path, dtype="float32")
    made: list[LLM] = []
    one = engine(checkpoint, replica(tmp_path, monkeypatch, made))
    asked = ask_llava(checkpoint, picture(0), explain=True)
    (leaf, *_) = one.tokens.layout(asked).tree.leaves
    assert leaf.unsettled, "this tokenizer should join the quote with what follows"
    (answer,) = one.judge([asked])
    assert answer.error is None, answer.error
    assert answer.written["rationale"] == RATIONALE
    assert json.loads(answer.text) == dict(answer.written)
    assert made[0].calls[-1][0]["prompt_token_ids"][-len(leaf.unsettled) :] != list(leaf.unsettled)
