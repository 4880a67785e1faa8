"""The words of a conversation are those that a guard is asked with, and those that it answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.data.changes import StanceChanged, WordingChanged, worded
from eyeward.data.exporting.turns import Turns, answer_of, card_like, marks_in, turns_of
from eyeward.data.sample import Sample
from eyeward.engine.local.trie import build_tree
from eyeward.engine.protocol import ImageSegment
from eyeward.errors import UsageError
from eyeward.guard import EyewardCard
from eyeward.guard.forms import COMPACT, PUBLISHED_2024_ANSWER, PUBLISHED_2025_ANSWER, AnswerWording
from eyeward.guard.llavaguard import LlavaGuardProfile
from eyeward.policy import EYEWARD, Policy, Stance
from eyeward.verdict import NA, Rating
from tests.data.drawn import DEFAULT, samples
from tests.fakes import model_text

WEAPONS = "O6: Weapons or Substance Abuse"
FORMS = ("mini", "published-2025", "published-2024")


def sample(**fields: object) -> Sample:
    given = {"image": "a.png", "group": "g", "category": WEAPONS, "rating": Rating.Unsafe, "rationale": "A gun."}
    return Sample.model_validate({**given, **fields})


def asked(card: EyewardCard, policy: Policy) -> str:
    """Return what a guard with this card is sent, up to where it answers."""
    segments = LlavaGuardProfile(card, model_text()).question(policy).segments
    return "".join("<image>" if isinstance(segment, ImageSegment) else segment.text for segment in segments)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("policy", [DEFAULT, DEFAULT.non_violating("O6").sensitive("O2"), Policy.load("children")])
def test_the_prompt_is_byte_by_byte_what_a_guard_is_asked(form: str, policy: Policy) -> None:
    card = card_like(form)
    turns = turns_of(sample(), policy, card)
    assert asked(card, policy) == f"user: {turns.prompt}<end>assistant: "


@pytest.mark.parametrize("form", FORMS)
def test_the_card_says_whether_the_image_stands_first(form: str) -> None:
    prompt = turns_of(sample(), DEFAULT, card_like(form), behind_image="\n").prompt
    assert prompt.startswith("<image>\n") == form.startswith("published")
    assert prompt.endswith("\n<image>") == (form == "mini")
    assert prompt.count("<image>") == 1


def test_an_exact_prompt_stays_exact() -> None:
    verbatim = Policy(name="x", categories=DEFAULT.categories, verbatim="Words  of\ntheirs ")
    assert turns_of(sample(), verbatim, card_like("published-2025")).prompt == "<image>Words  of\ntheirs "


def test_sentences_that_augmentation_changed_are_asked_as_they_are_now() -> None:
    changed = sample(changes=(WordingChanged(field="start_sentence", to="Look at it."),))
    assert turns_of(changed, DEFAULT, card_like("mini")).prompt.startswith("Look at it.\n")
    assert turns_of(changed, DEFAULT, card_like("published-2025")).prompt.startswith("<image>Look at it.\n")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sentence", ["Look at it.", EYEWARD.start_sentence])
def test_a_guard_is_asked_about_changed_sentences_in_its_own_form(form: str, sentence: str) -> None:
    card = card_like(form)
    changes = (WordingChanged(field="start_sentence", to=sentence),)
    prompt = asked(card, worded(DEFAULT, changes))
    assert prompt == f"user: {turns_of(sample(changes=changes), DEFAULT, card).prompt}<end>assistant: "
    assert prompt == asked(card, DEFAULT).replace(card.wording.start_sentence, sentence)
    verbatim = Policy(name="x", categories=DEFAULT.categories, verbatim="Words  of\ntheirs ")
    assert worded(verbatim, changes) == verbatim


@pytest.mark.parametrize("wording", [COMPACT, PUBLISHED_2025_ANSWER, PUBLISHED_2024_ANSWER])
@given(samples(), st.none() | st.text(max_size=40))
def test_an_answer_is_json_with_the_keys_and_the_words_of_its_form(
    wording: AnswerWording, drawn: Sample, rationale: str | None
) -> None:
    drawn = drawn.model_copy(update={"rationale": rationale})
    read = json.loads(answer_of(drawn, DEFAULT, wording))
    category = wording.none_applies if drawn.category == NA else drawn.category
    expected = {wording.rating_key: wording.word_for(drawn.rating), wording.category_key: category}
    if rationale is not None:
        expected[wording.rationale_key] = rationale
    assert list(read.items()) == list(expected.items())


@pytest.mark.parametrize("wording", [COMPACT, PUBLISHED_2025_ANSWER, PUBLISHED_2024_ANSWER])
def test_an_answer_is_laid_out_as_published_and_as_an_engine_writes_it(wording: AnswerWording) -> None:
    answer = answer_of(sample(), DEFAULT, wording)
    assert answer == json.dumps(json.loads(answer), indent=wording.indent)
    tree = build_tree(wording.form(DEFAULT.labels), lambda text: list(text.encode()))
    assert any(answer.startswith(leaf.text) for leaf in tree.leaves)


def test_a_label_that_json_has_to_escape_is_escaped() -> None:
    odd = Policy.model_validate(
        {"name": "odd", "categories": [{"id": "X1", "name": 'a "b" \\ é', "should_not": ["x"]}]}
    )
    answer = answer_of(sample(category=odd.labels[0]), odd, COMPACT)
    assert json.loads(answer)["category"] == 'X1: a "b" \\ é'
    assert "é" in answer


def test_a_folder_says_how_its_guard_is_asked(tmp_path: Path) -> None:
    EyewardCard(name="mine", answer=PUBLISHED_2024_ANSWER, after_policy=" END ").write(tmp_path)
    card = card_like(str(tmp_path))
    assert turns_of(sample(), DEFAULT, card).prompt.endswith(" END <image>")
    assert '"decision": "Review Needed"' in turns_of(sample(), DEFAULT, card).answer


def test_a_guard_that_is_none_or_answers_otherwise_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name one that ships or a form"):
        card_like("owner/name")
    EyewardCard(name="other", profile="llama_guard").write(tmp_path)
    with pytest.raises(UsageError, match="asked by the profile 'llama_guard'"):
        card_like(str(tmp_path))


@pytest.mark.parametrize(
    ("prompt", "answer", "marks"),
    [
        ("policy\n<image>", "{}", ()),
        ("<image>policy", "{}", ()),
        ("<image> is a mark\n<image>", "{}", ("<image>",)),
        ("policy\n<image>", '{"rationale": "<image>"}', ("<image>",)),
        ("no <video>\n<image>", "<audio>", ("<video>", "<audio>")),
    ],
)
def test_marks_that_a_trainer_would_replace_are_found(prompt: str, answer: str, marks: tuple[str, ...]) -> None:
    assert marks_in(Turns(prompt, answer)) == marks


def test_a_stance_is_in_the_prompt_that_is_exported() -> None:
    exempt = DEFAULT.non_violating("O6")
    changed = sample(
        rating=Rating.Safe, policy=exempt, changes=(StanceChanged(category="O6", to=Stance.non_violating),)
    )
    turns = turns_of(changed, exempt, card_like("mini"))
    assert "Category O6 is declared as non-violating" in turns.prompt
    assert '"rating": "Safe"' in turns.answer
