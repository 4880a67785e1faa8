"""Prompts say the policy, and every line knows its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.policy import (
    EYEWARD,
    PUBLISHED_2024,
    PUBLISHED_2025,
    Category,
    LineRole,
    Policy,
    PromptWording,
    Reworded,
    render,
)
from eyeward.policy.blocks import scan
from tests.policy.golden_prompts import FOLDER, WORDINGS, policies
from tests.policy.strategies import policies as drawn_policies

wordings = st.sampled_from(tuple(WORDINGS.values()))


@pytest.mark.parametrize("policy_name", ["default", "stances"])
@pytest.mark.parametrize("wording_name", list(WORDINGS))
def test_prompts_are_those_that_were_reviewed(policy_name: str, wording_name: str) -> None:
    expected = (FOLDER / f"{policy_name}.{wording_name}.txt").read_bytes().decode("utf-8")
    assert render(policies()[policy_name], WORDINGS[wording_name]).text == expected


def test_our_form_is_compact_and_lists_the_rules_of_a_declared_category_as_examples() -> None:
    policy = Policy(
        name="small",
        categories=(
            Category(id="O6", name="Weapons", should_not=("bombs",), can=("kitchen knives",)),
            Category(id="O7", name="Self-Harm", should_not=("suicide",), can=("grief",)).model_copy(),
        ),
    ).non_violating("O7")
    assert render(policy).text.split("\n") == [
        "Judge the image by this safety policy.",
        "O6: Weapons",
        "Should not:",
        "- bombs",
        "Can:",
        "- kitchen knives",
        "O7: Self-Harm",
        "Category O7 is declared as non-violating. Everything in it is allowed.",
        "Examples:",
        "- suicide",
        "- grief",
        "Answer with JSON: rating, category, rationale.",
    ]


@given(drawn_policies(), wordings)
def test_every_line_is_where_it_says(policy: Policy, wording: PromptWording) -> None:
    rendered = render(policy, wording)
    assert "\n".join(line.text for line in rendered.lines) == rendered.text
    assert all(rendered.text[line.start : line.end] == line.text for line in rendered.lines)


@given(drawn_policies(), wordings)
def test_every_rule_of_every_category_stands_in_the_prompt_once(policy: Policy, wording: PromptWording) -> None:
    shown = [(line.category, line.rule) for line in render(policy, wording).lines if line.rule is not None]
    assert shown == [(category.id, rule) for category in policy.categories for rule in category.rules]


@given(drawn_policies())
def test_roles_of_rules_follow_list_and_stance(policy: Policy) -> None:
    roles = {LineRole.SHOULD_NOT, LineRole.CAN, LineRole.EXAMPLE}
    shown = [line.role for line in render(policy).lines if line.role in roles]
    expected = []
    for category in policy.categories:
        if category.stance == "enforced":
            expected += [LineRole.SHOULD_NOT] * len(category.should_not) + [LineRole.CAN] * len(category.can)
        else:
            expected += [LineRole.EXAMPLE] * len(category.rules)
    assert shown == expected


@given(drawn_policies(), wordings)
def test_reading_a_prompt_back_finds_the_role_that_each_line_was_given(policy: Policy, wording: PromptWording) -> None:
    rendered = render(policy, wording)
    found = scan(rendered.text)
    assert [(line.text, line.start, line.end, line.rule) for line in found] == [
        (line.text, line.start, line.end, line.rule) for line in rendered.lines
    ]
    assert [line.role for line in found] == [line.role for line in rendered.lines]


def test_examples_can_be_left_out() -> None:
    wording = EYEWARD.model_copy(update={"examples_under_declaration": False})
    lines = render(Policy.load("default").sensitive("O2"), wording).lines
    assert [line.role for line in lines if line.category == "O2"] == [LineRole.HEADER, LineRole.DECLARATION]


def test_templates_take_id_and_name_and_keep_other_braces() -> None:
    wording = EYEWARD.model_copy(
        update={
            "header": "{name} ({id})",
            "sensitive_declaration": "{id} {x} {name}.",
            "answer_form": '{"a": {labels}}',
        }
    )
    policy = Policy(name="p", categories=(Category(id="O6", name="{id} Arms", should_not=("bombs",)),))
    text = render(policy.sensitive("O6"), wording).text
    assert "{id} Arms (O6)\nO6 {x} {id} Arms.\n" in text
    assert text.endswith('{"a": "O6: {id} Arms"|"NA: None applying"}')


def test_an_empty_heading_or_start_sentence_leaves_no_line() -> None:
    wording = EYEWARD.model_copy(update={"start_sentence": "", "examples_heading": "", "answer_form": ""})
    roles = {line.role for line in render(Policy.load("default").sensitive("O1"), wording).lines}
    assert not roles & {LineRole.START, LineRole.EXAMPLES_HEADING, LineRole.ANSWER_FORM}


def test_a_template_on_two_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="must stay on one line"):
        PromptWording(start_sentence="one\ntwo", non_violating_declaration="x", sensitive_declaration="y")


def test_verbatim_is_rendered_to_the_letter_with_the_roles_of_its_lines() -> None:
    text = "\n" + render(Policy.load("default").non_violating("O7"), PUBLISHED_2025).text + "\n"
    policy = Policy.load("default").model_copy(update={"verbatim": text})
    rendered = render(policy, EYEWARD)
    assert rendered.text == text
    assert all(text[line.start : line.end] == line.text for line in rendered.lines)
    rules = [(line.category, line.rule) for line in rendered.lines if line.rule is not None]
    assert rules == [(category.id, rule) for category in policy.categories for rule in category.rules]
    assert {line.role for line in rendered.lines} >= {LineRole.STEPS, LineRole.ANSWER_FORM, LineRole.DECLARATION}


@given(drawn_policies(), wordings)
def test_words_of_a_policy_stand_where_the_guard_has_its_own_and_change_nothing_else(
    policy: Policy, wording: PromptWording
) -> None:
    words = {"start_sentence": "Look.", "can_heading": "Allowed:"}
    changed = policy.reworded(*(Reworded(field=field, to=to) for field, to in words.items()))
    assert render(changed, wording) == render(policy, wording.model_copy(update=words))
    assert render(changed.model_copy(update={"verbatim": "x"}), wording).text == "x"


def test_the_published_forms_ask_for_their_own_keys_with_four_spaces() -> None:
    policy = Policy.load("default").only("O6")
    labels = '"O6: Weapons or Substance Abuse"|"NA: None applying"'
    form_2025, form_2024 = render(policy, PUBLISHED_2025).text, render(policy, PUBLISHED_2024).text
    assert (
        f'{{\n    "rating": str<"Unsafe"|"Safe">,\n    "category": str<{labels}>,\n    "rationale": str,\n}}'
        in form_2025
    )
    assert '    "decision": str<"Review Needed"|"Compliant">,\n    "image-category": str<' in form_2024
    assert '    "assessment": str,\n' in form_2024
