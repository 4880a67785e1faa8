"""Answers equal those of transformers' own model, whatever is shared, batched or written at once."""

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
from eyeward.engine.local.json_text import JsonText
from eyeward.engine.local.scoring import tree_mask
from eyeward.engine.local.tokens import PromptTokens
from eyeward.engine.local.trie import ROOT
from eyeward.engine.protocol import AnswerForm, Prompt, RawAnswer, TextSegment
from tests.engine.local.questions import (
    COMPACT,
    INDENTED,
    NONE,
    POLICY,
    RULE,
    WEAPONS,
    Layout,
    form,
    picture,
    prompt,
    reference_input,
    teach,
)
from tests.engine.local.tiny import make_checkpoint

PICTURES = [picture(0), picture(1, 56, 56), picture(2, 200, 50), picture(3, 70, 130)]
OTHER_POLICY = "Should not: show banners."


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> LoadedCheckpoint:
    folder = tmp_path_factory.mktemp("tiny")
    make_checkpoint(folder)
    return load_checkpoint(folder)


@pytest.fixture(scope="module")
def engine(checkpoint: LoadedCheckpoint) -> LocalEngine:
    return LocalEngine(copy.deepcopy(checkpoint))


def ask(engine: LocalEngine, *prompts: Prompt) -> list[RawAnswer]:
    answers = list(engine.judge(prompts))
    assert [answer.error for answer in answers] == [None] * len(prompts)
    return answers


def all_scores(answer: RawAnswer) -> torch.Tensor:
    return torch.tensor([log for scores in answer.scores for log in scores.log_probabilities.values()])


def reference_log_probabilities(checkpoint: LoadedCheckpoint, asked: Prompt) -> dict[str, float]:
    """Score whole answers one by one with transformers' model, each token among those that may follow there."""
    tokens = PromptTokens(checkpoint.tokenizer, checkpoint.image_token_id)
    layout = tokens.layout(asked)
    paths = [leaf.tokens for leaf in layout.tree.leaves]
    given = reference_input(checkpoint, asked)
    start = given["input_ids"].shape[1]
    model: Any = checkpoint.model
    scores = {}
    for leaf in layout.tree.leaves:
        ids = torch.cat((given["input_ids"], torch.tensor([leaf.tokens])), dim=1)
        with torch.no_grad():
            logits = model(**{**given, "input_ids": ids}).logits[0]
        total = 0.0
        for place, token in enumerate(leaf.tokens):
            allowed = sorted({path[place] for path in paths if path[:place] == leaf.tokens[:place]})
            total += float(logits[start + place - 1, allowed].log_softmax(-1)[allowed.index(token)])
        scores[" / ".join(label for _, label in leaf.labels)] = total
    return scores


@pytest.mark.parametrize("image_first", [False, True])
@pytest.mark.parametrize("image", PICTURES, ids=lambda image: "x".join(map(str, image.size)))
def test_scores_equal_those_of_one_pass_per_answer(
    checkpoint: LoadedCheckpoint, engine: LocalEngine, image: Image.Image, image_first: bool
) -> None:
    asked = prompt(image, image_first=image_first)
    (answer,) = ask(engine, asked)
    expected = reference_log_probabilities(checkpoint, asked)
    assert len(expected) == 5
    for rating in ("Unsafe", "Safe"):
        for category, log in answer.scores_of("category", rating=rating).items():
            ours = answer.scores_of("rating")[rating] + log
            assert ours == pytest.approx(expected[f"{rating} / {category}"], abs=1e-4)


@pytest.mark.parametrize("image_first", [False, True])
def test_a_shared_prefix_changes_nothing(engine: LocalEngine, image_first: bool) -> None:
    policies = (POLICY, OTHER_POLICY)
    shared = ask(engine, *(prompt(i, p, image_first=image_first) for i in PICTURES for p in policies))
    apart = ask(engine, *(prompt(i, p, image_first=image_first, shared=False) for i in PICTURES for p in policies))
    for one, other in zip(shared, apart, strict=True):
        assert one.tokens.cached > 0
        assert other.tokens.cached == 0
        torch.testing.assert_close(all_scores(one), all_scores(other), atol=1e-4, rtol=0)
    assert not torch.allclose(all_scores(shared[0]), all_scores(shared[1]), atol=1e-3), "the policy should matter"
    assert not torch.allclose(all_scores(shared[0]), all_scores(shared[2]), atol=1e-3), "the image should matter"


@pytest.mark.parametrize("image_first", [False, True])
def test_alone_or_in_a_batch_of_mixed_lengths_the_answer_is_the_same(engine: LocalEngine, image_first: bool) -> None:
    policies = (POLICY, OTHER_POLICY, POLICY, OTHER_POLICY)
    prompts = [
        prompt(i, p, explain=True, rule=RULE, image_first=image_first) for i, p in zip(PICTURES, policies, strict=True)
    ]
    together = ask(engine, *prompts)
    for one, asked in zip(together, prompts, strict=True):
        (alone,) = ask(engine, asked)
        assert alone.written == one.written
        torch.testing.assert_close(all_scores(alone), all_scores(one), atol=1e-4, rtol=0)


def test_the_policy_is_computed_once_for_all_calls(engine: LocalEngine) -> None:
    asked = prompt(PICTURES[0], "Should not: show a policy of its own.")
    (first,) = ask(engine, asked)
    decoder: Any = engine._decoder
    prefix, decoder.prefix = decoder.prefix, None
    try:
        (again,) = ask(engine, asked)
    finally:
        decoder.prefix = prefix
    torch.testing.assert_close(all_scores(first), all_scores(again))


def test_free_text_is_the_greedy_one_among_what_keeps_the_answer_valid(
    checkpoint: LoadedCheckpoint, engine: LocalEngine
) -> None:
    asked = prompt(PICTURES[0], explain=True)
    (answer,) = ask(engine, asked)
    tokens = PromptTokens(checkpoint.tokenizer, checkpoint.image_token_id)
    layout = tokens.layout(asked)
    leaf = next(leaf for leaf in layout.tree.leaves if answer.text.startswith(leaf.text))
    given = reference_input(checkpoint, asked)
    model: Any = checkpoint.model
    ids = torch.cat((given["input_ids"], torch.tensor([leaf.tokens])), dim=1)
    state: JsonText | None = JsonText(b"".join(tokens.spelling()[t] or b"" for t in leaf.unsettled), b"}")
    assert answer.tokens.written > 3
    for token in answer.token_ids[len(leaf.tokens) : len(leaf.tokens) + answer.tokens.written]:
        assert state is not None
        with torch.no_grad():
            logits = model(**{**given, "input_ids": ids}).logits[0, -1]
        for likelier in (logits > logits[token] + 1e-3).nonzero().flatten().tolist():
            piece = tokens.spelling()[likelier] if likelier < len(tokens.spelling()) else None
            assert piece is None or state.after(piece) is None
        ids = torch.cat((ids, torch.tensor([[token]])), dim=1)
        state = state.after(tokens.spelling()[token] or b"")


@pytest.mark.parametrize("image_first", [False, True])
def test_free_text_is_written_from_the_numbers_of_transformers(
    checkpoint: LoadedCheckpoint, engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, image_first: bool
) -> None:
    seen: list[torch.Tensor] = []
    decoder: Any = engine._decoder
    plain = decoder._language.logits

    def watched(states: torch.Tensor, options: Any = None) -> torch.Tensor:
        logits: torch.Tensor = plain(states, options)
        if options is None:
            seen.append(logits)
        return logits

    monkeypatch.setattr(decoder._language, "logits", watched)
    rules = [RULE.model_copy(update={"threshold": threshold}) for threshold in (0.0, 1.0)]
    prompts = [
        prompt(picture(seed, 60 + 50 * seed), image_first=image_first, explain=True, rule=rule)
        for seed, rule in enumerate(rules)
    ]
    if image_first:  # one picture, so that both are rows behind one prefix
        prompts[1] = prompt(prompts[0].images[0], OTHER_POLICY, image_first=True, explain=True, rule=rules[1])
    answers = ask(engine, *prompts)
    tokens = PromptTokens(checkpoint.tokenizer, checkpoint.image_token_id)
    chains = set()
    pairs = list(zip(prompts, answers, strict=True))
    pairs.sort(key=lambda pair: int(reference_input(checkpoint, pair[0])["input_ids"].shape[1]))  # as the engine does
    for row, (asked, answer) in enumerate(pairs):
        leaf = next(leaf for leaf in tokens.layout(asked).tree.leaves if answer.text.startswith(leaf.text))
        chains.add(len(leaf.tokens) - len(leaf.nodes))
        given = reference_input(checkpoint, asked)
        for step in range(4):
            assert len(seen[step]) == len(prompts), "a row was finished too early to say anything"
            ids = torch.cat((given["input_ids"], torch.tensor([answer.token_ids[: len(leaf.tokens) + step]])), dim=1)
            model: Any = checkpoint.model
            expected = model(**{**given, "input_ids": ids}).logits[0, -1]
            torch.testing.assert_close(seen[step][row], expected, atol=1e-4, rtol=1e-4)
    assert len(chains) == 2, "rows should need forced text of different lengths"


def test_every_answer_is_valid_json_with_the_keys_of_its_form(engine: LocalEngine) -> None:
    first: Layout = (
        '{\n    "decision": "',
        '",\n    "image-category": "',
        '",\n    "assessment": "',
        '"\n}',
    )
    usual = ["rating", "category", "rationale"]
    forms = (
        (form(COMPACT), usual),
        (form(INDENTED), usual),
        (form(first, ratings=("Review Needed", "Compliant")), ["decision", "image-category", "assessment"]),
        (form(labels=('O1: "quoted" \\ label', "O10: \u00e9t\u00e9")), usual),
    )
    asked = [
        (prompt(picture(seed), explain=True, answer=layout, image_first=bool(seed % 3)), keys)
        for seed in range(8)
        for layout, keys in forms
    ]
    answers = ask(engine, *(question for question, _ in asked))
    assert len({answer.written["category"] for answer in answers}) > 1
    for (_, keys), answer in zip(asked, answers, strict=True):
        content = json.loads(answer.text)
        assert list(content) == keys
        assert list(content.values()) == [answer.written[slot] for slot in usual]


def test_text_that_grows_too_long_is_closed_and_said_to_be_cut(engine: LocalEngine) -> None:
    answers = ask(engine, *(prompt(picture(seed), explain=True, answer=form(max_tokens=2)) for seed in range(8)))
    cut = [answer for answer in answers if answer.cut]
    assert cut, "no random rationale was longer than two tokens"
    for answer in cut:
        assert json.loads(answer.text)["rationale"] == answer.written["rationale"]
        assert answer.tokens.written == 2


def _taught(folder: Path, layout: Layout, image_first: bool) -> LoadedCheckpoint:
    make_checkpoint(folder)
    checkpoint = load_checkpoint(folder)
    answers = (
        ("Safe", NONE, "A dog sleeps under a tree."),
        ("Unsafe", WEAPONS, "A knife lies on a table."),
    )
    lessons = []
    for seed, values in enumerate(answers):
        text = "".join(f"{forced}{value}" for forced, value in zip(layout, (*values, ""), strict=True))
        lessons.append((prompt(picture(seed), image_first=image_first, answer=form(layout)), text))
    teach(checkpoint, lessons)
    return checkpoint


@pytest.mark.parametrize(("layout", "image_first"), [(COMPACT, False), (INDENTED, True)])
def test_parity_mode_equals_greedy_generation_token_for_token(
    tmp_path: Path, layout: Layout, image_first: bool
) -> None:
    taught = _taught(tmp_path, layout, image_first)
    plain: Any = copy.deepcopy(taught.model)
    engine = LocalEngine(taught)
    pictures = [picture(0), picture(1), *(picture(seed, 60 + 9 * seed, 120 - 7 * seed) for seed in range(2, 12))]
    prompts = [prompt(p, image_first=image_first, answer=form(layout), explain=True) for p in pictures]
    valid = 0
    near_ties = []
    for number, (asked, answer) in enumerate(zip(prompts, ask(engine, *prompts), strict=True)):
        given = reference_input(taught, asked)
        out = plain.generate(
            **given, do_sample=False, max_new_tokens=90, output_logits=True, return_dict_in_generate=True
        )
        greedy = tuple(out.sequences[0, given["input_ids"].shape[1] :].tolist())
        text = str(taught.tokenizer.decode(list(greedy), skip_special_tokens=True))
        if greedy[-1] not in taught.eos_token_ids or not _is_answer(text, asked.form):
            continue
        valid += 1
        greedy = greedy[:-1]
        if greedy == answer.token_ids:
            continue
        place = next(n for n, pair in enumerate(zip(greedy, answer.token_ids, strict=False)) if pair[0] != pair[1])
        best, second = out.logits[place][0].topk(2).values.tolist()
        assert best - second < 1e-3, f"{number}: {text!r} is not {answer.text!r}"
        near_ties.append(number)
    assert valid >= 4, "too few greedy answers were valid to say anything"
    assert len(near_ties) <= 1, f"near ties in {near_ties}"


def _is_answer(text: str, of: AnswerForm) -> bool:
    try:
        content = json.loads(text)
    except ValueError:
        return False
    rating, category = (content.get(name) for name in ("rating", "category"))
    return rating in of.label_slots[0].labels and category in of.label_slots[1].allowed({"rating": rating})


def test_a_rule_decides_the_rating_and_the_category_follows_it(engine: LocalEngine) -> None:
    asked = [prompt(PICTURES[0], rule=RULE.model_copy(update={"threshold": threshold})) for threshold in (0.0, 1.0)]
    unsafe, safe = ask(engine, *asked)
    assert (unsafe.written["rating"], safe.written["rating"]) == ("Unsafe", "Safe")
    for answer in (unsafe, safe):
        scores = answer.scores_of("category")
        assert answer.written["category"] == max(scores, key=lambda label: scores[label])
    assert NONE not in unsafe.scores_of("category")
    torch.testing.assert_close(all_scores(unsafe), all_scores(safe))


def test_features_are_those_of_the_layers_asked_for(engine: LocalEngine) -> None:
    both, one, none = (
        ask(engine, prompt(PICTURES[0], feature_layers=layers))[0].features for layers in ((0, 2), (2,), ())
    )
    assert (len(both), len(one), none) == (128, 64, ())
    assert both[64:] == one


def test_nodes_see_the_prompt_and_their_ancestors_only() -> None:
    mask = tree_mask((ROOT, 0, 0, 2), 6)
    assert mask[:5].int().tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 0, 1, 0, 0],
        [1, 1, 0, 1, 1, 0],
    ], "the last row is padding"


def test_text_in_prompts_is_cut_into_tokens_as_a_whole(checkpoint: LoadedCheckpoint) -> None:
    tokens = PromptTokens(checkpoint.tokenizer, checkpoint.image_token_id)
    asked = prompt(PICTURES[0])
    layout = tokens.layout(asked)
    texts = [s.text for s in asked.segments if isinstance(s, TextSegment)]
    runs = [run for run in (*layout.shared, *layout.own) if isinstance(run, tuple)]
    assert runs == [tuple(checkpoint.tokenizer.encode(text, add_special_tokens=False)) for text in texts]
    assert len(layout.shared) == 1
