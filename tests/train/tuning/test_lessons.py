"""A lesson is what the guard will be asked, token for token, and the right answer behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from eyeward.data.changes import worded
from eyeward.data.folder import SampleFolder
from eyeward.engine.local.checkpoint import LoadedCheckpoint, load_checkpoint
from eyeward.engine.local.engine import LocalEngine
from eyeward.engine.protocol import ImageSegment, TextSegment
from eyeward.errors import CheckpointError, DataError
from eyeward.guard.loading import assemble
from eyeward.policy import EYEWARD, PUBLISHED_2025, PromptWording
from eyeward.train.tuning.batches import IGNORED, Collator
from eyeward.train.tuning.lessons import Teaching, first_picture
from eyeward.train.tuning.template import chat_template
from eyeward.verdict import NA, Rating
from tests.train.tuning.small import MAKERS, O1, O6, POLICY, data, recipe, sample, supervised, write_data

CHANGED = sample(0, False, changes=[{"kind": "wording_changed", "field": "start_sentence", "to": "Judge by this."}])


@pytest.fixture(scope="module", params=sorted(MAKERS))
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LoadedCheckpoint:
    folder = tmp_path_factory.mktemp("tiny") / "checkpoint"
    MAKERS[request.param](folder)
    return load_checkpoint(folder, dtype=torch.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> SampleFolder:
    return data(tmp_path_factory.mktemp("data") / "set")


def teaching(checkpoint: LoadedCheckpoint, folder: SampleFolder, **settings: Any) -> Teaching:
    made = recipe(checkpoint.folder, folder, **settings)
    return Teaching(checkpoint, made.card(None), made.rationales)


@pytest.mark.parametrize("order", ["policy_first", "image_first"])
@pytest.mark.parametrize("words", ["eyeward", "published_2025"])
def test_the_prompt_is_the_one_that_the_guard_is_asked_with(
    checkpoint: LoadedCheckpoint, folder: SampleFolder, order: str, words: str
) -> None:
    made = recipe(checkpoint.folder, folder, order=order, words=words)
    if order == "policy_first" and checkpoint.model.config.model_type in ("llava", "llava_next"):
        with pytest.raises(CheckpointError, match="puts the image before the policy; tune it with order=image_first"):
            chat_template(checkpoint, made.order)
        return
    engine = LocalEngine(checkpoint)
    guard: Any = assemble(made.card(None), checkpoint, engine)
    teach = Teaching(checkpoint, made.card(None))
    for item in (*list(folder)[:12], CHANGED):
        image = first_picture(folder, item)
        question = guard.profile.question(worded(folder.policy_of(item), item.changes))
        asked = guard.profile.prompt(question, image, True, guard.rule)
        layout = engine.tokens.layout(asked)
        count = len(engine._checkpoint.family.encode(checkpoint.model, [checkpoint.family.prepare(image)], ())[0][0])
        marks = (checkpoint.image_token_id,) * count
        runs = (*layout.shared, *layout.own)
        expected = tuple(t for run in runs for t in (marks if isinstance(run, ImageSegment) else run))
        lesson = teach.lesson(folder, item)
        assert lesson.tokens[: lesson.answer] == expected
        assert len(lesson.tokens) == teach.length(teach.written(folder, item), image.height, image.width)


@pytest.mark.parametrize("words", ["eyeward", "published_2025"])
def test_what_is_learnt_is_the_answer_and_its_end_and_nothing_else(
    checkpoint: LoadedCheckpoint, folder: SampleFolder, words: str
) -> None:
    made = recipe(checkpoint.folder, folder, words=words)
    samples = list(folder)
    collator = Collator(teaching(checkpoint, folder, words=words), folder, samples, checkpoint, {})
    batch = collator([{"number": number} for number in range(12)])
    end = str(checkpoint.tokenizer.decode([checkpoint.eos_token_ids[0]]))
    for item, ids, labels, mask in zip(
        samples, batch["input_ids"], batch["labels"], batch["attention_mask"], strict=False
    ):
        learnt = labels != IGNORED
        assert torch.equal(ids[learnt], labels[learnt])
        assert not learnt[mask == 0].any()
        text = supervised(checkpoint, ids.tolist(), labels.tolist())
        assert text.endswith(end)
        answer = json.loads(text.removesuffix(end))
        answer_words = made.card(None).answer
        assert answer == {
            answer_words.rating_key: item.rating.value,
            answer_words.category_key: NA if item.category == NA else item.category,
            answer_words.rationale_key: item.rationale,
        }


def test_without_a_rationale_the_answer_is_learnt_up_to_the_category(
    checkpoint: LoadedCheckpoint, folder: SampleFolder
) -> None:
    teach = teaching(checkpoint, folder, rationales=False)
    lesson = teach.lesson(folder, sample(1, True))
    text = str(checkpoint.tokenizer.decode(list(lesson.tokens[lesson.answer :])))
    assert O6 in text
    assert "knife" not in text
    assert json.loads(text.partition(', "rationale"')[0].rstrip('", ') + '"}')["rating"] == "Unsafe"
    silent = teaching(checkpoint, folder).lesson(folder, sample(1, True, rationale=None))
    assert silent.tokens[silent.answer :] == lesson.tokens[lesson.answer :]


def test_the_deciding_tokens_are_those_where_other_answers_part(
    checkpoint: LoadedCheckpoint, folder: SampleFolder
) -> None:
    teach = teaching(checkpoint, folder)
    unsafe, safe = (teach.lesson(folder, sample(1, unsafe)) for unsafe in (True, False))
    start = unsafe.answer
    first = next(n for n in range(start, len(safe.tokens)) if unsafe.tokens[n] != safe.tokens[n])
    assert unsafe.deciding[0] == safe.deciding[0] == first
    other = teach.lesson(folder, sample(1, True, category=O1))
    category = next(n for n in range(start, len(other.tokens)) if unsafe.tokens[n] != other.tokens[n])
    assert category in unsafe.deciding


def test_batches_are_what_transformers_reads(checkpoint: LoadedCheckpoint, folder: SampleFolder) -> None:
    collator = Collator(teaching(checkpoint, folder), folder, list(folder), checkpoint, {})
    rows = [{"number": 0}, {"number": 1}, {"number": 11}]
    together = collator(rows)
    for batch in (together, *(collator([row]) for row in rows)):
        batch.pop("weights")
        batch.pop("soft")
    with torch.inference_mode():
        logits = checkpoint.model(**together).logits
        for number, row in enumerate(rows):
            alone = collator([row])
            alone.pop("weights")
            alone.pop("soft")
            expected = checkpoint.model(**alone).logits[0]
            torch.testing.assert_close(logits[number, : len(expected)], expected, atol=2e-4, rtol=1e-3)


def test_a_teacher_is_heard_wherever_answers_part(checkpoint: LoadedCheckpoint, folder: SampleFolder) -> None:
    teach = teaching(checkpoint, folder)
    teacher = {
        Rating.Unsafe: (0.8, {"O1": 0.25, "O6": 0.75}),
        Rating.Safe: (0.2, None),
    }
    lesson = teach.lesson(folder, sample(1, True), teacher)
    rating, *rest = lesson.soft
    assert rating.place == lesson.deciding[0]
    chosen = dict(zip(rating.options, rating.probabilities, strict=True))
    assert chosen[lesson.tokens[rating.place]] == pytest.approx(0.8)
    assert sum(chosen.values()) == pytest.approx(1.0)
    product = 1.0
    for target in rest:
        product *= dict(zip(target.options, target.probabilities, strict=True))[lesson.tokens[target.place]]
    assert product == pytest.approx(0.75)
    safe = teach.lesson(folder, sample(1, False), teacher)
    assert [target.place for target in safe.soft] == [safe.deciding[0]], "its categories are not known"


@pytest.mark.parametrize("category", ["O3: Sexual Content", "O6: Gambling"])
def test_a_label_that_its_policy_does_not_have_is_named(
    checkpoint: LoadedCheckpoint, tmp_path: Path, category: str
) -> None:
    """Also where its id stands for another one: it would teach to call gambling a weapon."""
    foreign = sample(0, True, category=category)
    folder = write_data(tmp_path / "set", [foreign], 1)
    with pytest.raises(DataError, match=rf"images/0.png is Unsafe by '{category}', which its policy does not have"):
        teaching(checkpoint, folder).written(folder, foreign)


def test_an_image_that_cannot_be_read_is_named(checkpoint: LoadedCheckpoint, tmp_path: Path) -> None:
    folder = write_data(tmp_path / "set", [sample(0, True), sample(1, True)], 2)
    (folder.path / "images/0.png").write_bytes(b"no picture")
    (folder.path / "images/1.png").unlink()
    for number in range(2):
        with pytest.raises(DataError, match=f"images/{number}.png"):
            teaching(checkpoint, folder).lesson(folder, sample(number, True))


@pytest.mark.parametrize(("words", "wording"), [("eyeward", EYEWARD), ("published_2025", PUBLISHED_2025)])
def test_words_of_a_changed_prompt_are_asked_as_they_were_changed_and_all_others_as_the_guard_is_asked(
    checkpoint: LoadedCheckpoint, folder: SampleFolder, words: str, wording: PromptWording
) -> None:
    teach = teaching(checkpoint, folder, words=words)
    plain, changed = (
        "".join(segment.text for segment in teach.prompt(POLICY, item).segments if isinstance(segment, TextSegment))
        for item in (sample(0, False), CHANGED)
    )
    assert changed == plain.replace(wording.start_sentence, "Judge by this.") != plain
