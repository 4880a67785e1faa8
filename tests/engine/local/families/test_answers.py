"""Answers of every family equal those of transformers' own model and processor, whatever is shared or batched."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from eyeward.engine.local.checkpoint import LoadedCheckpoint, load_checkpoint
from eyeward.engine.local.engine import LocalEngine
from eyeward.engine.local.families import reference
from eyeward.engine.local.tokens import PromptTokens
from eyeward.engine.protocol import AnswerForm, Forced, Prompt
from tests.engine.local.families.checkpoints import MAKERS
from tests.engine.local.families.processing import inputs, noise, teach
from tests.engine.local.families.questions import all_scores, ask, judge, layout
from tests.engine.local.questions import NONE, POLICY, RULE, WEAPONS

PICTURES = [noise(0, 80, 60), noise(1, 56, 56), noise(2, 200, 50), noise(3, 70, 130), noise(4, 300, 290)]
OTHER_POLICY = "Should not: show banners."


@pytest.fixture(scope="module", params=list(MAKERS))
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LoadedCheckpoint:
    folder = tmp_path_factory.mktemp("tiny") / "checkpoint"
    make = MAKERS[request.param]
    make(folder)
    return load_checkpoint(folder)


@pytest.fixture(scope="module")
def engine(checkpoint: LoadedCheckpoint) -> LocalEngine:
    return LocalEngine(copy.deepcopy(checkpoint))


def reference_scores(checkpoint: LoadedCheckpoint, asked: Prompt) -> dict[str, float]:
    """Score whole answers one by one with transformers' model, each token among those that may follow there."""
    tree = PromptTokens(checkpoint.tokenizer, checkpoint.image_token_id).layout(asked).tree
    paths = [leaf.tokens for leaf in tree.leaves]
    scores = {}
    for leaf in tree.leaves:
        given = inputs(checkpoint, asked)
        start = given["input_ids"].shape[1]
        answer = torch.tensor([leaf.tokens])
        given["input_ids"] = torch.cat((given["input_ids"], answer), dim=1)
        given["attention_mask"] = torch.ones_like(given["input_ids"])
        if "mm_token_type_ids" in given:
            kinds = given["mm_token_type_ids"]
            given["mm_token_type_ids"] = torch.cat((kinds, torch.zeros_like(answer).to(kinds)), dim=1)
        with torch.no_grad():
            logits = checkpoint.model(**given).logits[0]
        total = 0.0
        for place, token in enumerate(leaf.tokens):
            allowed = sorted({path[place] for path in paths if path[:place] == leaf.tokens[:place]})
            total += float(logits[start + place - 1, allowed].log_softmax(-1)[allowed.index(token)])
        scores[" / ".join(label for _, label in leaf.labels)] = total
    return scores


def test_prompts_have_the_tokens_of_the_processor(checkpoint: LoadedCheckpoint) -> None:
    tokens = PromptTokens(checkpoint.tokenizer, checkpoint.image_token_id)
    for image in PICTURES:
        for image_first in (True, False):
            asked = ask(checkpoint, image, image_first=image_first)
            made = tokens.layout(asked)
            ours: list[int] = []
            for run in (*made.shared, *made.own):
                count = checkpoint.family.token_count(image.height, image.width)
                ours += run if isinstance(run, tuple) else [checkpoint.image_token_id] * count
            assert ours == inputs(checkpoint, asked)["input_ids"][0].tolist()


@pytest.mark.parametrize("image_first", [True, False])
@pytest.mark.parametrize("number", range(len(PICTURES)))
def test_scores_equal_those_of_one_pass_per_answer(
    checkpoint: LoadedCheckpoint, engine: LocalEngine, number: int, image_first: bool
) -> None:
    asked = ask(checkpoint, PICTURES[number], image_first=image_first)
    (answer,) = judge(engine, asked)
    expected = reference_scores(checkpoint, asked)
    assert len(expected) == 5
    for rating in ("Unsafe", "Safe"):
        for category, log in answer.scores_of("category", rating=rating).items():
            ours = answer.scores_of("rating")[rating] + log
            assert ours == pytest.approx(expected[f"{rating} / {category}"], abs=2e-4)


@pytest.mark.parametrize("image_first", [True, False])
def test_a_shared_prefix_and_a_batch_change_nothing(
    checkpoint: LoadedCheckpoint, engine: LocalEngine, image_first: bool
) -> None:
    asked = [(i, p) for i in PICTURES for p in (POLICY, OTHER_POLICY)]
    shared = judge(engine, *(ask(checkpoint, i, p, image_first=image_first) for i, p in asked))
    apart = [judge(engine, ask(checkpoint, i, p, image_first=image_first, shared=False))[0] for i, p in asked]
    for one, other in zip(shared, apart, strict=True):
        assert one.tokens.cached > 0
        assert other.tokens.cached == 0
        torch.testing.assert_close(all_scores(one), all_scores(other), atol=2e-4, rtol=0)
    assert not torch.allclose(all_scores(shared[0]), all_scores(shared[1]), atol=1e-3), "the policy should matter"
    assert not torch.allclose(all_scores(shared[0]), all_scores(shared[2]), atol=1e-3), "the image should matter"


def test_one_image_is_computed_once_for_many_policies(checkpoint: LoadedCheckpoint, engine: LocalEngine) -> None:
    count = checkpoint.family.token_count(*reversed(PICTURES[0].size))
    policies = [f"Policy {number}." for number in range(4)]
    answers = judge(engine, *(ask(checkpoint, PICTURES[0], policy) for policy in policies))
    assert all(answer.tokens.cached > count for answer in answers)


@pytest.mark.parametrize("image_first", [True, False])
def test_parity_mode_equals_greedy_generation_token_for_token(
    checkpoint: LoadedCheckpoint, image_first: bool, tmp_path: Path
) -> None:
    MAKERS[checkpoint.model.config.model_type](tmp_path)
    taught = load_checkpoint(tmp_path)
    words = (("Safe", NONE, "A dog sleeps under a tree."), ("Unsafe", WEAPONS, "A knife lies on a table."))
    tokens = PromptTokens(taught.tokenizer, taught.image_token_id)
    lessons = []
    for seed, values in enumerate(words):
        asked = ask(taught, shade(seed, 80, 60), image_first=image_first)
        text = "".join(f"{part}{value}" for part, value in zip(layout(taught), (*values, ""), strict=True))
        lessons.append((asked, tokens.answer_ids(tokens.layout(asked).context, text)))
    teach(taught, lessons)
    plain: Any = copy.deepcopy(taught.model)
    pictures = [shade(0, 80, 60), shade(1, 80, 60), *(shade(n, 60 + 9 * n, 120 - 7 * n) for n in range(2, 10))]
    prompts = [ask(taught, picture, image_first=image_first, explain=True) for picture in pictures]
    valid, near_ties = 0, []
    for number, (asked, answer) in enumerate(zip(prompts, judge(LocalEngine(taught), *prompts), strict=True)):
        given = inputs(taught, asked)
        out = plain.generate(
            **given, do_sample=False, max_new_tokens=120, output_logits=True, return_dict_in_generate=True
        )
        greedy = tuple(out.sequences[0, given["input_ids"].shape[1] :].tolist())
        text = str(taught.tokenizer.decode(list(greedy), skip_special_tokens=True))
        if greedy[-1] not in taught.eos_token_ids or not is_answer(text, asked.form):
            continue
        valid += 1
        if greedy[:-1] == answer.token_ids:
            continue
        place = next(n for n, pair in enumerate(zip(greedy, answer.token_ids, strict=False)) if pair[0] != pair[1])
        best, second = out.logits[place][0].topk(2).values.tolist()
        assert best - second < 1e-3, f"{number}: {text!r} is not {answer.text!r}"
        near_ties.append(number)
    assert valid >= 4, "too few greedy answers were valid to say anything"
    assert len(near_ties) <= 1, f"near ties in {near_ties}"


def shade(seed: int, width: int, height: int) -> Image.Image:
    """Draw noise: dark for odd seeds, light for even ones."""
    return noise(seed, width, height).point(lambda level: level // 3 + (0 if seed % 2 else 160))


def is_answer(text: str, of: AnswerForm) -> bool:
    """Say whether a text is an answer in this very form, blanks included; decoders may drop the first one."""
    try:
        content = json.loads(text)
    except ValueError:
        return False
    rating, category = (content.get(name) for name in ("rating", "category"))
    if rating not in of.label_slots[0].labels or category not in of.label_slots[1].allowed({"rating": rating}):
        return False
    forced = [part.text for part in of.parts if isinstance(part, Forced)]
    head = f"{forced[0]}{rating}{forced[1]}{category}{forced[2]}"
    return text.lstrip().startswith(head.lstrip()) and text.endswith(forced[3])


def test_every_answer_is_valid_json(checkpoint: LoadedCheckpoint, engine: LocalEngine) -> None:
    answers = judge(engine, *(ask(checkpoint, picture, explain=True, rule=RULE) for picture in PICTURES))
    for answer in answers:
        content = json.loads(answer.text)
        assert list(content) == ["rating", "category", "rationale"]
        assert list(content.values()) == [answer.written[slot] for slot in content]


def test_features_are_means_and_spreads_over_the_patches_of_each_image(
    checkpoint: LoadedCheckpoint, engine: LocalEngine
) -> None:
    answers = judge(engine, *(ask(checkpoint, picture, layers=(0, 2)) for picture in PICTURES))
    (alone,) = judge(engine, ask(checkpoint, PICTURES[2], layers=(2,)))
    assert [len(answer.features) for answer in answers] == [2 * 2 * 32] * len(PICTURES)
    torch.testing.assert_close(
        torch.tensor(answers[2].features[64:]), torch.tensor(alone.features), atol=1e-4, rtol=1e-4
    )
    states: list[torch.Tensor] = []

    def keep(_: object, __: object, out: Any) -> None:
        states.append(out[0] if isinstance(out, tuple) else out)

    hook = vision_blocks(checkpoint)[1].register_forward_hook(keep)
    reference(checkpoint.family, checkpoint.model, checkpoint.family.prepare(PICTURES[2]))
    hook.remove()
    state = states[0][0][1:] if states[0].ndim == 3 else states[0]
    wanted = torch.cat((state.mean(0), (state.std(0, correction=0) + 1e-3).log()))
    torch.testing.assert_close(torch.tensor(alone.features), wanted, atol=1e-4, rtol=1e-4)


def vision_blocks(checkpoint: LoadedCheckpoint) -> Any:
    inner = checkpoint.model.model
    return inner.visual.blocks if hasattr(inner, "visual") else inner.vision_tower.encoder.layers
