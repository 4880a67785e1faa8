"""A policy file with a mistake says which, where, and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from eyeward.errors import PolicyError
from eyeward.policy import Policy, Stance

GOOD = """\
name: small
version: 3
categories:
  - id: O6
    name: Weapons or Substance Abuse
    should_not:
      - firearms, bombs or grenades
    can: [knives used for cooking]
    stance: sensitive
"""


def with_line(number: int, line: str) -> str:
    lines = GOOD.splitlines()
    lines[number - 1] = line
    return "\n".join(lines) + "\n"


def test_a_file_becomes_a_policy(tmp_path: Path) -> None:
    file = tmp_path / "any name.yaml"
    file.write_text("\ufeff# comment\n" + GOOD, encoding="utf-8")
    policy = Policy.load(file)
    assert (policy.name, policy.version, policy.ids) == ("small", 3, ("O6",))
    assert policy.categories[0].can == ("knives used for cooking",)
    assert policy.categories[0].stance is Stance.sensitive
    assert Policy.load(str(file)) == policy


def test_key_order_comments_and_quotes_do_not_matter() -> None:
    other = """\
version: 7
categories:
  - stance: sensitive   # all of it
    can:
      - 'knives used for cooking'
    should_not: ["firearms, bombs or grenades"]
    name: "Weapons or Substance Abuse"
    id: O6
name: other
"""
    assert Policy.from_text(other).hash == Policy.from_text(GOOD).hash


MISTAKES = [
    (with_line(1, "name: Small Policy"), 1, "not a lower-case slug"),
    (with_line(1, "title: small"), 1, "Unknown key 'title'; a policy has name, version, categories, verbatim"),
    (with_line(1, "# no name"), 2, "The key 'name' is missing"),
    (with_line(2, "version: 0"), 2, "whole number from 1"),
    (with_line(2, "version: yes"), 2, "whole number from 1"),
    (with_line(2, "name: again"), 2, "stands twice"),
    ("name: small\nversion: 3\ncategories: O6\n", 3, "must be a list"),
    ("name: small\ncategories:\nversion: 3\n", 2, "no categories"),
    (with_line(4, "  - id: 6"), 4, "must be text, but this is a number; write it in quotes: '6'"),
    (with_line(4, "  - id: NA"), 4, "reserved"),
    (with_line(4, "  - id: O 6"), 4, "must be a letter followed by"),
    (with_line(5, "    title: Weapons"), 5, "Unknown key 'title'; a category has id, name, should_not, can, stance"),
    (with_line(7, "      - weapons: all of them"), 7, "needs quotes"),
    (with_line(7, "      - no"), 7, "must be text, but this is true or false; write it in quotes: 'no'"),
    (with_line(7, "      - ''"), 7, "The rule is empty"),
    (with_line(7, '      - "two\\nlines"'), 7, "control character"),
    (with_line(8, "    can: knives"), 8, "The key 'can' must be a list"),
    (with_line(9, "    stance: lenient"), 9, "no stance 'lenient'; use one of enforced, non_violating, sensitive"),
    (with_line(8, "    can: [knives"), 9, "not valid YAML"),
    (with_line(6, "\tshould_not:"), 6, "not valid YAML"),
    (with_line(5, "    name: bad \x07 bell"), 5, "not valid YAML"),
    (GOOD + GOOD[GOOD.index("  - id") :], 10, "used on line 4 already"),
    ("", 1, "The file is empty"),
    ("just words\n", 1, "must be a mapping"),
    ("name: x\ncategories: []\n", 2, "no categories"),
    ("name: x\n---\nname: y\n", 2, "not valid YAML"),
    (GOOD + "wording: Look.\n", 10, "The key 'wording' must be a list"),
    (GOOD + "wording:\n  - Look.\n", 11, "A sentence of the wording must be a mapping with the keys field, to"),
    (GOOD + "wording:\n  - field: start_sentence\n", 11, "The key 'to' is missing"),
    (GOOD + "wording:\n  - field: start_sentence\n    to: 3\n", 12, "write it in quotes: '3'"),
    (GOOD + "wording:\n  - {field: steps, to: [One., 2]}\n", 11, "A line must be text, but this is a number"),
    (GOOD + "wording:\n  - {field: greeting, to: Hello.}\n", 11, "the key 'greeting' is unknown"),
    (GOOD + "verbatim: a\nwording:\n  - {field: bullet, to: +}\n", 12, "take one of the two away"),
    ("a: &a [x]\nb: !!python/object/apply:os.system [ls]\n", 1, "Unknown key 'a'"),
]


@pytest.mark.parametrize(("text", "line", "sentence"), MISTAKES)
def test_a_mistake_is_a_sentence_with_file_and_line(tmp_path: Path, text: str, line: int, sentence: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        Policy.load(file)
    assert sentence in caught.value.message
    assert (caught.value.file, caught.value.line) == (str(file), line)
    assert str(caught.value).startswith(f"{file}:{line}: ")


def test_several_mistakes_are_counted() -> None:
    with pytest.raises(PolicyError, match=r"1 more: run `eyeward policy lint`"):
        Policy.from_text(with_line(9, "    stance: lenient").replace("version: 3", "version: x"))


def test_no_such_policy_names_the_packs() -> None:
    with pytest.raises(PolicyError, match="no pack of that name; packs: default, children, medical, news"):
        Policy.load("defautl")


def test_folders_and_files_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="is a folder"):
        Policy.load(tmp_path)
    file = tmp_path / "image.yaml"
    file.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(PolicyError, match="not UTF-8"):
        Policy.load(file)


def test_a_file_larger_than_any_policy_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_bytes(b"#" * (4 * 1024 * 1024 + 1))
    with pytest.raises(PolicyError, match="larger than"):
        Policy.load(file)


def test_a_part_that_is_repeated_by_its_name_is_refused_before_it_multiplies() -> None:
    bomb = "name: x\na0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]\n" for n in range(1, 30)
    )
    page = "name: x\ncategories:\n- id: O1\n  name: A\n  can: [&x '" + "a" * 30_000 + "'" + ", *x" * 8_000 + "]\n"
    for text, line in ((bomb, 3), (page, 5)):
        with pytest.raises(PolicyError, match="write the part out") as caught:
            Policy.from_text(text)
        assert caught.value.line == line


def of_one_category(rules: list[str], more: str = "") -> str:
    return "name: x\ncategories:\n- id: O1\n  name: A\n  should_not:\n" + "".join(f"  - {r}\n" for r in rules) + more


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        (of_one_category(["a"] * 5_000), 4_994, "more than 5,000 keys, lists and texts"),
        (f"name: x\ncategories: [{', '.join(['{}'] * 101)}]", 2, "101 categories; a policy has at most 100"),
        (of_one_category([f"rule {n}" for n in range(201)]), 6, "more than 200 rules"),
        (of_one_category([f"rule {n}" for n in range(150)], "  can: [" + "b, " * 51 + "]\n"), 156, "more than 200"),
        (of_one_category(["a" * 2_001]), 6, "A rule has at most 2,000 letters, not 2,001"),
        (of_one_category(["a"]).replace("name: A", "name: " + "A" * 2_001), 4, "The key 'name' has at most 2,000"),
        ("name: " + "x" * 2_001 + "\ncategories: []", 1, "The key 'name' has at most 2,000"),
    ],
)
def test_more_than_any_policy_holds_is_a_mistake_with_its_line(text: str, line: int, sentence: str) -> None:
    with pytest.raises(PolicyError, match=re.escape(sentence)) as caught:
        Policy.from_text(text)
    assert caught.value.line == line
    assert len(str(caught.value)) < 300, "what is too long is not repeated"


def test_a_policy_at_its_bounds_is_read() -> None:
    rules = [f"rule {n}" for n in range(199)] + ["a" * 2_000]
    assert Policy.from_text(of_one_category(rules)).category("O1").should_not == tuple(rules)
    many = "name: x\ncategories:\n" + "".join(f"- {{id: O{n}, name: A{n}, can: [b]}}\n" for n in range(100))
    assert len(Policy.from_text(many).categories) == 100
    long = Policy.from_text(of_one_category(["a"], "verbatim: " + "word " * 10_000))
    assert len(long.verbatim or "") > 40_000


def test_deep_nesting_is_a_sentence() -> None:
    with pytest.raises(PolicyError, match="nested too deeply"):
        Policy.from_text("[" * 5_000)


def test_the_words_that_a_policy_is_asked_in_are_read() -> None:
    policy = Policy.from_text(GOOD + "wording:\n  - {field: bullet, to: '+ '}\n  - {field: steps, to: [One., Two.]}\n")
    assert {sentence.field: sentence.to for sentence in policy.wording} == {"bullet": "+ ", "steps": ("One.", "Two.")}
    assert Policy.from_text(GOOD + "wording: []\n") == Policy.from_text(GOOD)


def test_verbatim_keeps_its_line_breaks(tmp_path: Path) -> None:
    policy = Policy.from_text(GOOD + "verbatim: |2+\n  one\n   two \n\n")
    assert policy.verbatim == "one\n two \n\n"
    assert Policy.from_text(policy.to_yaml()) == policy
