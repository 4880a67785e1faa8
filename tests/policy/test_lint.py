"""Lint names what is doubtful with its line, and never raises."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.policy import EYEWARD, PUBLISHED_2025, Policy, render
from eyeward.policy.likeness import Nearness
from eyeward.policy.lint import Level, lint_file, lint_text
from eyeward.policy.loading import pack_names, policy_path
from tests.policy.strategies import policies

HEAD = "name: p\ncategories:\n"


def category(id: str = "O1", name: str = "Hate", should_not: str = "[insults]", can: str = "[]", more: str = "") -> str:
    return f"  - id: {id}\n    name: {name}\n    should_not: {should_not}\n    can: {can}\n{more}"


CASES = [
    ("duplicate-id", Level.error, 7, HEAD + category() + category(name="Harm")),
    ("duplicate-name", Level.warning, 8, HEAD + category() + category("O2", "hate")),
    ("empty-category", Level.error, 3, HEAD + category(should_not="[]")),
    ("empty-category", Level.warning, 3, HEAD + category(should_not="[]", more="    stance: sensitive\n")),
    ("no-should-not", Level.warning, 3, HEAD + category(should_not="[]", can="[news]")),
    ("rule-in-both-lists", Level.error, 6, HEAD + category(should_not="[Insults.]", can="[insults]")),
    ("duplicate-rule", Level.warning, 5, HEAD + category(should_not="[insults, insults]")),
    (
        "near-duplicate-rule",
        Level.warning,
        6,
        HEAD + category(should_not="[insults of people]", can="[insult of people]"),
    ),
    ("suspicious-character", Level.warning, 5, HEAD + category(should_not="[in\u200bsults]")),
    ("suspicious-character", Level.warning, 5, HEAD + category(should_not="[we\u0430pons]")),
    ("suspicious-character", Level.warning, 4, HEAD + category(name="Hate\u00a0speech")),
    ("unknown-key", Level.error, 7, HEAD + category(more="    severity: 3\n")),
    ("type", Level.error, 5, HEAD + category(should_not="insults")),
    ("value", Level.error, 7, HEAD + category(more="    stance: lenient\n")),
    ("yaml", Level.error, 3, HEAD + "  - ]\n"),
    ("missing", Level.error, 1, "name: p\n"),
    ("name-ends-with-stop", Level.warning, 4, HEAD + category(name="Hate.")),
]


@pytest.mark.parametrize(("code", "level", "line", "text"), CASES)
def test_each_kind_of_finding_has_its_level_and_line(
    tmp_path: Path, code: str, level: Level, line: int, text: str
) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(text, encoding="utf-8")
    findings = lint_file(file)
    assert [(finding.code, finding.level, finding.line, finding.file) for finding in findings] == [
        (code, level, line, str(file))
    ]
    assert str(findings[0]).startswith(f"{file}:{line}: {level}: ")
    message = findings[0].message
    assert message[0].isupper()
    assert message.endswith(".")


KEYS = ("name", "version", "categories", "verbatim", "wording")


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_written_as_it_stands_in_the_file(key: str) -> None:
    text = "".join(f"{name}: {{}}\n" for name in KEYS)
    assert any(f"The key '{key}' must be" in finding.message for finding in lint_text(text))


def test_a_policy_without_faults_has_no_findings() -> None:
    assert lint_text(HEAD + category()) == ()
    assert lint_text(HEAD + category(should_not="[оружие и бомбы]", can="[naïve drawings of façades]")) == ()


def test_all_mistakes_of_a_file_are_reported_in_order() -> None:
    text = HEAD + category(more="    severity: 3\n") + category("O2", "Harm", should_not="[]") + "colour: red\n"
    assert [(finding.code, finding.line) for finding in lint_text(text)] == [
        ("unknown-key", 7),
        ("empty-category", 8),
        ("unknown-key", 12),
    ]


def test_a_missing_file_is_a_finding() -> None:
    (finding,) = lint_file("no-such-file.yaml")
    assert (finding.code, finding.level, finding.file) == ("unreadable", Level.error, "no-such-file.yaml")


def test_a_prompt_longer_than_the_context_is_an_error() -> None:
    policy = Policy.load("default")
    words = len(render(policy, EYEWARD).text.split())

    def count(text: str) -> int:
        return len(text.split())

    assert policy.lint(count, words) == ()
    (finding,) = policy.lint(count, words - 1)
    assert (finding.code, finding.level) == ("prompt-too-long", Level.error)
    assert f"{words} tokens" in finding.message
    (in_file,) = lint_file("default", count, words - 1)
    assert in_file.file == str(policy_path("default"))


def test_a_policy_in_memory_is_checked_too() -> None:
    policy = Policy.load("default")
    for rule in policy.category("O7").should_not:
        policy = policy.move_rule("O7", rule, to="can")
    assert [(finding.code, finding.category, finding.line) for finding in policy.lint()] == [
        ("no-should-not", "O7", None)
    ]


VERBATIM = Policy(
    **{**dict(Policy.load("default")), "verbatim": render(Policy.load("default").sensitive("O2"), PUBLISHED_2025).text}
)


def test_a_verbatim_text_that_says_what_the_categories_say_has_no_findings() -> None:
    assert lint_text(VERBATIM.to_yaml().replace("enforced", "sensitive", 2).replace("sensitive", "enforced", 1)) == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  name: Animal Cruelty", "  name: Plant Cruelty", "calls O8 'Animal Cruelty' and not 'Plant Cruelty'"),
        ("- id: O9", "- id: O10", "does not have O10"),
        ("- id: O9", "- id: O10", "also has O9"),
        ("  - bull fights\n", "", "also has the rule 'bull fights' in O8"),
        ("  - bull fights\n", "  - dog fights\n", "does not have the rule 'dog fights' of O8"),
        ("", "", "has O2 as sensitive and not as enforced"),
    ],
)
def test_a_category_changed_by_hand_differs_from_the_verbatim_text(old: str, new: str, said: str) -> None:
    text = VERBATIM.to_yaml()
    rule = VERBATIM.category("O8").should_not[0]
    old, new, said = (part.replace("bull fights", rule) for part in (old, new, said))
    assert old in text
    findings = lint_text(text.replace(old, new, 1))
    assert {(finding.code, finding.level) for finding in findings} == {("verbatim-differs", Level.error)}
    assert any(said in finding.message for finding in findings)
    assert all(finding.line for finding in findings)


def test_a_verbatim_text_in_a_form_of_its_own_is_not_compared() -> None:
    assert lint_text(HEAD + category() + "verbatim: Is this image safe?\n") == ()


@pytest.mark.parametrize("name", pack_names())
def test_packs_have_no_findings(name: str) -> None:
    assert lint_file(name) == ()


@given(st.text(max_size=200) | st.text(st.sampled_from("-:[]{}#&*!|>'\"%@` \n\tabOid01"), max_size=200))
def test_lint_never_raises(text: str) -> None:
    lint_text(text)
    lint_text("name: p\ncategories:\n" + text)


@given(policies())
def test_a_policy_and_its_file_have_the_same_findings(policy: Policy) -> None:
    in_memory = sorted((finding.code, finding.message) for finding in policy.lint())
    in_file = lint_text(policy.to_yaml())
    assert sorted((finding.code, finding.message) for finding in in_file) == in_memory
    assert all(finding.line is not None for finding in in_file)


def test_each_rule_is_named_once_however_often_it_stands_there() -> None:
    text = HEAD + category(should_not="[insults, insult, insults, insults]", can="[insults, insulting]")
    assert [(finding.code, finding.line) for finding in lint_text(text)] == [
        ("duplicate-rule", 5),
        ("duplicate-rule", 5),
        ("near-duplicate-rule", 5),
        ("rule-in-both-lists", 6),
    ]


def test_rules_that_are_too_many_to_be_compared_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eyeward.policy.lint.Nearness", lambda: Nearness(steps=30))
    text = HEAD + category(should_not="[insults, insulted, insulting]") + category("O2", "Harm", "[harm, harms]")
    findings = lint_text(text)
    assert [(finding.code, finding.level, finding.line) for finding in findings] == [
        ("near-duplicates-unsought", Level.warning, 5)
    ]


def unlike(number: int) -> str:
    """Return a rule of the same letters as all the others, and less like each of them than near-duplicates are."""
    bits = f"{number:08b}{number.bit_count() % 2}"
    return "".join("a" * 18 + "b" * 18 if bit == "1" else "b" * 18 + "a" * 18 for bit in bits)


LIST = HEAD + "  - id: O1\n    name: Hate\n    should_not: ["
PAGES = {
    "one rule again and again": LIST + "a, " * 30_000 + "]",
    "one rule by its name": LIST + "&x '" + "a" * 30_000 + "', " + "*x, " * 8_000 + "]",
    "short rules": LIST + ", ".join(f"r{number}" for number in range(16_000)) + "]",
    "rules of the same letters": LIST + ", ".join(map(unlike, range(160))) + "]",
    "letters that fold to many": LIST + ", ".join("\ufdfa" * 1_900 + f"{number}" for number in range(30)) + "]",
    "empty lines": HEAD + category() + "verbatim: |2\n" + "\n" * 60_000 + "  O1: Hate:\n",
    "rules of the text": HEAD + category() + "verbatim: |2\n  O1: Hate:\n  Should not:\n" + "  - a\n" * 12_000,
    "brackets": "[" * 60_000,
}


@pytest.mark.parametrize("page", PAGES)
def test_no_page_of_text_takes_long(page: str) -> None:
    """Without bounds some take minutes, and all of the memory; the limit is for a machine that has much else to do."""
    began = time.process_time()
    assert lint_text(PAGES[page])
    assert time.process_time() - began < 10.0
