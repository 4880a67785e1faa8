"""Published prompts become policies, whatever file they come in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.errors import PolicyError
from eyeward.policy import EYEWARD, PUBLISHED_2024, PUBLISHED_2025, Policy, PromptWording, Stance, render
from eyeward.policy.importer import choose, import_file, import_row, import_text
from tests.policy.strategies import policies

WORDINGS = st.sampled_from((EYEWARD, PUBLISHED_2024, PUBLISHED_2025))

PROMPT = """\
Check the image by these rules:
O1: Hate, Humiliation, Harassment:
Should not:
- show insults
- show signs that shut people out,
  whoever they are
Can:
1. show posters against hate
2) report on it

O2: Violence, Harm, or Cruelty
Category O2 is declared as sensitive. Therefore, we do not permit any content related to this category e.g.
 - show fights
 - show boxing

Assessment Steps:
1. Select a rating.
- this bullet is no rule
Answer with the following json template:
{
    "rating": str<"Unsafe"|"Safe">,
}
"""


def check_prompt(policy: Policy) -> None:
    one, two = policy.categories
    assert (one.label, one.stance) == ("O1: Hate, Humiliation, Harassment", Stance.enforced)
    assert one.should_not == ("show insults", "show signs that shut people out, whoever they are")
    assert one.can == ("show posters against hate", "report on it")
    assert (two.label, two.stance) == ("O2: Violence, Harm, or Cruelty", Stance.sensitive)
    assert two.rules == ("show fights", "show boxing")


@given(policies(stances=(Stance.enforced,)), WORDINGS)
def test_a_rendered_policy_is_read_back_as_the_same_policy(policy: Policy, wording: PromptWording) -> None:
    (found,) = import_text(render(policy, wording).text, name=policy.name)
    assert found.policy.categories == policy.categories
    assert found.policy.hash == policy.hash
    assert [note for note in found.notes if "full stop" not in note] == []


@given(policies(), WORDINGS)
def test_declared_categories_keep_stance_and_all_rules(policy: Policy, wording: PromptWording) -> None:
    (found,) = import_text(render(policy, wording).text)
    read = [(each.id, each.name, each.stance, each.rules) for each in found.policy.categories]
    assert read == [(each.id, each.name, each.stance, each.rules) for each in policy.categories]
    declared = any(each.stance is not Stance.enforced for each in policy.categories)
    assert any("stand under should_not" in note for note in found.notes) == declared


@given(policies(), WORDINGS)
def test_a_policy_kept_verbatim_is_rendered_to_the_letter(policy: Policy, wording: PromptWording) -> None:
    text = "\n" + render(policy, wording).text + "\n"
    (found,) = import_text(text, keep_verbatim=True)
    assert render(found.policy, EYEWARD).text == text
    assert Policy.from_text(found.policy.to_yaml()) == found.policy


def test_a_prompt_in_a_file_comes_back_to_the_letter_without_the_line_break_of_editors(tmp_path: Path) -> None:
    prompt = render(Policy.load("default")).text
    file = tmp_path / "prompt.txt"
    file.write_text(prompt + "\n", encoding="utf-8")
    (found,) = import_file(file, keep_verbatim=True)
    assert found.policy.verbatim == prompt


def test_prompts_that_follow_each_other_in_a_text_are_not_kept_verbatim_and_a_note_says_why() -> None:
    found = import_text(PROMPT + PROMPT.replace("show insults", "show mockery"), keep_verbatim=True)
    assert [each.policy.verbatim for each in found] == [None, None]
    assert all("put each into a file of its own" in each.notes[0] for each in found)


def test_a_policy_put_together_from_a_dict_has_no_verbatim_text() -> None:
    (found,) = import_text('P = {"O1: Hate": "Should not:\\n- insults\\nCan:\\n- news"}\n', ".py", keep_verbatim=True)
    assert found.policy.verbatim is None
    assert "no exact prompt to keep verbatim" in found.notes[0]


def test_a_full_stop_at_the_end_of_a_name_is_noted() -> None:
    (found,) = import_text("O1: Hate, Harassment.\nShould not:\n- insults\n")
    assert found.policy.labels == ("O1: Hate, Harassment.",)
    assert found.notes == (
        "The full stop after O1 was taken for a part of the name, and guards write it so; take it away unless it "
        "belongs there.",
    )


def test_plain_text(tmp_path: Path) -> None:
    file = tmp_path / "Their Prompt v2.txt"
    file.write_text(PROMPT, encoding="utf-8")
    (found,) = import_file(file)
    check_prompt(found.policy)
    assert (found.policy.name, found.line) == ("their-prompt-v2", 2)


def test_windows_line_ends() -> None:
    check_prompt(import_text(PROMPT.replace("\n", "\r\n"))[0].policy)


def test_markdown_with_headings_and_bold() -> None:
    page = PROMPT.replace("O1: Hate, Humiliation, Harassment:", "## O1: Hate, Humiliation, Harassment")
    page = page.replace("O2: Violence", "**O2: Violence").replace("Cruelty\n", "Cruelty**\n")
    page = page.replace("Should not:", "**Should not:**\n").replace("Can:", "### Can\n")
    check_prompt(import_text("# Our policy\n\n" + page, ".md")[0].policy)


def test_markdown_with_the_prompt_in_a_fence_keeps_only_the_fence() -> None:
    page = f"# Card\n\n```python\nprint(1)\n```\n\nThe prompt:\n\n```text\n{PROMPT}```\nMore.\n- no rule\n"
    (found,) = import_text(page, ".md", keep_verbatim=True)
    check_prompt(found.policy)
    assert found.policy.verbatim == PROMPT.removesuffix("\n")
    assert found.line == 11


def test_python_strings_are_read_and_never_run(tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    file = tmp_path / "prompt.py"
    source = (
        f'open({str(witness)!r}, "w")\nimport nowhere\n\n\ndef f():\n    return policy\n\n\npolicy = """{PROMPT}"""\n'
    )
    file.write_text(source, encoding="utf-8")
    (found,) = import_file(file)
    check_prompt(found.policy)
    assert found.line == 10
    assert not witness.exists()


BLOCK_1 = PROMPT[PROMPT.index("Should not:") : PROMPT.index("\nO2")]
BLOCK_2 = PROMPT[PROMPT.index("Category O2") : PROMPT.index("\nAssessment")]

PYTHON = {
    "sum of names": f"start = 'Check:\\n'\none = '''O1: Hate, Humiliation, Harassment:\n{BLOCK_1}'''\n"
    f"two = '''O2: Violence, Harm, or Cruelty\n{BLOCK_2}'''\nprompt = start + one + '\\n' + two",
    "implicit concatenation": "p = (" + "\n".join(repr(line + "\n") for line in PROMPT.splitlines()) + ")",
    "list of lines": "p = [" + ", ".join(repr(line) for line in PROMPT.splitlines()) + "]",
    "join": "p = '\\n'.join([" + ", ".join(repr(line) for line in PROMPT.splitlines()) + "]).strip()",
    "f-string without values": f"p = f'''{PROMPT.replace('{', '{{').replace('}', '}}')}'''",
    "dict of blocks": f"p = {{'O1: Hate, Humiliation, Harassment': '''{BLOCK_1}''',\n"
    f"'O2: Violence, Harm, or Cruelty': '''{BLOCK_2}'''}}",
    "dict of lists of blocks": f"p = {{'O1: Hate, Humiliation, Harassment': ['''{BLOCK_1}''', 'Category O1 is "
    f"declared as sensitive. e.g.\\n - x'],\n'O2: Violence, Harm, or Cruelty': ['''{BLOCK_2}''']}}",
    "argument of a call": f"run(prompt='''{PROMPT}''')",
}


@pytest.mark.parametrize("form", list(PYTHON))
def test_python_forms(form: str) -> None:
    (found,) = [each for each in import_text(PYTHON[form], ".py") if len(each.policy.ids) == 2]
    check_prompt(found.policy)


def test_a_python_dict_of_rules() -> None:
    source = """
POLICY = {
    "O6": {"name": "Weapons", "should_not": ["bombs", "guns"], "can": ["kitchen knives"]},
    "O7": {"name": "Self-Harm", "Should not": ["suicide"]},
}
"""
    (found,) = import_text(source, ".py")
    assert found.policy.category("O6").should_not == ("bombs", "guns")
    assert found.policy.category("O6").can == ("kitchen knives",)
    assert found.policy.category("O7").should_not == ("suicide",)
    assert found.line == 2


def test_an_f_string_with_values_is_left_out() -> None:
    with pytest.raises(PolicyError, match="no policy here"):
        import_text("p = f'''O1: Hate:\nShould not:\n- {rule}\n'''", ".py")


def conversation(prompt: str) -> dict[str, object]:
    return {
        "id": "1",
        "image": "1.png",
        "conversations": [{"from": "human", "value": prompt}, {"from": "gpt", "value": '{\n    "rating": "Safe"\n}'}],
    }


def test_a_llava_row_loses_the_image_mark_and_nothing_else() -> None:
    found = import_row(conversation(PROMPT + "<image>\n"), keep_verbatim=True)
    check_prompt(found.policy)
    assert found.policy.verbatim == PROMPT
    assert import_row(conversation("<image>\n" + PROMPT), keep_verbatim=True).policy.verbatim == PROMPT


def test_a_chat_row_and_a_plain_column() -> None:
    parts = [{"type": "image"}, {"type": "text", "text": PROMPT}]
    check_prompt(import_row({"messages": [{"role": "user", "content": parts}]}).policy)
    check_prompt(import_row({"prompt": PROMPT, "image": b"\x89PNG", "label": 3}).policy)


def test_rows_are_counted_by_policy_and_one_is_picked(tmp_path: Path) -> None:
    other = PROMPT.replace("show insults", "show mockery")
    rows = [conversation(prompt) for prompt in (PROMPT, other, PROMPT)]
    lines = tmp_path / "rows.jsonl"
    lines.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    found = import_file(lines)
    assert [(each.line, each.count) for each in found] == [(1, 2), (2, 1)]
    with pytest.raises(PolicyError, match="2 different policies: 1 on line 1 .2 times.; 2 on line 2 .once.; pick"):
        choose(found, None, lines)
    assert choose(found, 2, lines).policy.categories[0].should_not[0] == "show mockery"
    array = tmp_path / "rows.json"
    array.write_text(json.dumps(rows), encoding="utf-8")
    assert [each.policy.hash for each in import_file(array)] == [each.policy.hash for each in found]
    array.write_text("\n" + json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    second = array.read_text(encoding="utf-8").splitlines().index("  {", 3) + 1
    assert [(each.line, each.count) for each in import_file(array)] == [(3, 2), (second, 1)]


def test_a_number_that_no_policy_has_is_refused_in_words_that_fit_one_policy() -> None:
    with pytest.raises(PolicyError, match=r"^The file holds one policy, on line 2; pick no number, or 1\.$"):
        choose(import_text(PROMPT), 2, None)


def test_two_prompts_in_one_text_are_two_policies() -> None:
    found = import_text(PROMPT + PROMPT.replace("show insults", "show mockery"))
    assert [each.policy.categories[0].should_not[0] for each in found] == ["show insults", "show mockery"]


WRONG = [
    ("just words\n- and a bullet\n", ".txt", "no policy here", None),
    ("O1: Hate\n- no list above me\nShould not:\n- a\n", ".txt", "stands in no list", 2),
    ("x = (\n", ".py", "not valid Python", 1),
    ("x = '\0'", ".py", "cannot be parsed|not valid Python", None),
    ('{"a": 1}\n{"a": }\n', ".jsonl", "not valid JSON", 2),
    ("[" * 100_000, ".json", "nested too deeply", 1),
    ("(" * 5_000 + ")" * 5_000, ".py", "not valid Python|cannot be parsed", None),
    ("O1: Hate\nShould not:\n- \n", ".txt", "A rule is empty", 1),
]


@pytest.mark.parametrize(("text", "suffix", "sentence", "line"), WRONG)
def test_what_cannot_be_imported_is_a_sentence(text: str, suffix: str, sentence: str, line: int | None) -> None:
    with pytest.raises(PolicyError, match=sentence) as caught:
        import_text(text, suffix, file="prompt")
    assert caught.value.file == "prompt"
    assert line is None or caught.value.line == line


def test_binary_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    file.write_bytes(b"PAR1\xff\xfe")
    with pytest.raises(PolicyError, match="export Parquet rows as JSON lines first"):
        import_file(file)


@given(st.text(max_size=300), st.sampled_from((".txt", ".md", ".py", ".json", ".jsonl")))
def test_any_text_gives_a_policy_or_a_sentence(text: str, suffix: str) -> None:
    try:
        found = import_text(text, suffix)
    except PolicyError:
        return
    assert all(each.policy.categories for each in found)
