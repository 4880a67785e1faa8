"""`eyeward policy` on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from typer.testing import CliRunner, Result

from eyeward import __version__
from eyeward.cli.main import VERBS, app
from eyeward.guard import EyewardCard, loading, packaged_guards
from eyeward.policy import PUBLISHED_2025, Policy, Reworded, render

BROKEN = "name: broken\ncategories:\n  - id: O1\n    name: Hate\n    should_not: [insults]\n    can: [insults]\n"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["policy", *arguments])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN, encoding="utf-8")
    return path


def test_list_names_the_packs_with_their_hashes() -> None:
    lines = run("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["default", "children", "medical", "news"]
    assert Policy.load("news").hash[:12] in lines[3]
    assert json.loads(run("list", "--json").stdout)[0] == Policy.load("default").ref.model_dump()


def test_show_prints_rules_and_stances() -> None:
    shown = run("show", "children").stdout
    assert "O6: Weapons or Substance Abuse  [sensitive]\n  - firearms, bombs or grenades\n" in shown
    assert "  + medicine from a doctor or pharmacy\n" in shown
    content = json.loads(run("show", "children", "--json").stdout)
    assert content.pop("hash") == Policy.load("children").hash
    assert Policy.model_validate(content) == Policy.load("children")


def test_show_says_that_a_policy_is_asked_in_words_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "worded.yaml"
    worded = Policy.load("news").reworded(Reworded(field="start_sentence", to="Look at it."))
    file.write_text(worded.to_yaml(), encoding="utf-8")
    assert "is asked in words of its own" in run("show", str(file)).stdout
    assert "words of its own" not in run("show", "news").stdout
    assert run("render", str(file), "--form", "published-2025").stdout.startswith("Look at it.\nO1: ")


def test_lint_is_silent_and_0_without_findings() -> None:
    result = run("lint", "default", "children", "news", "medical")
    assert (result.exit_code, result.stdout) == (0, "")


def test_lint_exits_with_1_for_an_error_and_names_file_and_line(file: Path) -> None:
    result = run("lint", str(file))
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{file}:6: error: In O1 'insults' stands under should_not and under can")
    (finding,) = json.loads(run("lint", str(file), "--json").stdout)
    assert (finding["code"], finding["level"], finding["line"]) == ("rule-in-both-lists", "error", 6)


def test_lint_exits_with_0_for_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "doubtful.yaml"
    path.write_text(BROKEN.replace("can: [insults]", "can: [insult]"), encoding="utf-8")
    result = run("lint", str(path))
    assert result.exit_code == 0
    assert "warning" in result.stdout


def test_lint_measures_the_prompt_with_the_tokenizer_of_a_checkpoint(tmp_path: Path) -> None:
    tokenizer = {
        "version": "1.0",
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"},
        "pre_tokenizer": {"type": "Whitespace"},
        "added_tokens": [],
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    config = tmp_path / "config.json"
    config.write_text('{"text_config": {"max_position_embeddings": 4096}}', encoding="utf-8")
    assert run("lint", "default", "--checkpoint", str(tmp_path)).exit_code == 0
    config.write_text('{"max_position_embeddings": 40}', encoding="utf-8")
    result = run("lint", "default", "--checkpoint", str(tmp_path))
    assert result.exit_code == 1
    assert "the model reads 40" in result.stdout
    config.write_text("{}", encoding="utf-8")
    assert "does not say max_position_embeddings" in run("lint", "default", "--checkpoint", str(tmp_path)).stderr
    assert "is no checkpoint folder" in run("lint", "default", "--checkpoint", str(tmp_path / "no")).stderr


def test_lint_takes_a_guard_that_ships_and_measures_the_form_of_its_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("lint", "default", "--checkpoint", "mini").exit_code == 0
    folder = tmp_path / "little"
    folder.mkdir()
    shipped = packaged_guards()["mini"]
    (folder / "tokenizer.json").write_bytes((shipped / "tokenizer.json").read_bytes())
    EyewardCard(name="little").write(folder)
    tokens = len(Tokenizer.from_file(str(folder / "tokenizer.json")).encode(render(Policy.load("default")).text).ids)
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": tokens}), encoding="utf-8")
    monkeypatch.setattr(loading, "WEIGHTS", tmp_path)
    assert run("lint", "default", "--checkpoint", "little").exit_code == 0
    assert run("lint", "default", "--checkpoint", "little", "--form", "published-2025").exit_code == 1
    EyewardCard(name="little", wording=PUBLISHED_2025).write(folder)
    assert run("lint", "default", "--checkpoint", "little").exit_code == 1
    assert run("lint", "default", "--checkpoint", "little", "--form", "eyeward").exit_code == 0


def test_diff_shows_changes_and_exits_with_1_only_when_asked() -> None:
    result = run("diff", "default", "children")
    assert result.exit_code == 0
    assert "  moved from can to should not: museum pictures of violence\n" in result.stdout
    assert run("diff", "default", "children", "--exit-code").exit_code == 1
    assert run("diff", "default", "default", "--exit-code").exit_code == 0
    changes = json.loads(run("diff", "default", "children", "--json").stdout)["changes"]
    assert {"kind": "stance_changed", "category": "O6", "old": "enforced", "new": "sensitive"}.items() <= changes[
        6
    ].items()


def test_render_prints_the_prompt_of_a_form_and_of_changed_stances() -> None:
    assert run("render", "default").stdout == render(Policy.load("default")).text + "\n"
    policy = Policy.load("default").only("O2", "O6").non_violating("O6").sensitive("O2")
    options = ["--only", "O2, O6", "--non-violating", "O6", "--sensitive", "O2"]
    result = run("render", "default", "--form", "published-2025", *options)
    assert result.stdout == render(policy, PUBLISHED_2025).text + "\n"
    content = json.loads(run("render", "default", *options, "--json").stdout)
    assert content["hash"] == policy.hash
    assert all(content["text"][line["start"] : line["end"]] == line["text"] for line in content["lines"])


def test_import_writes_a_policy_that_loads_again(tmp_path: Path) -> None:
    prompt = tmp_path / "Prompt.txt"
    prompt.write_text(render(Policy.load("default"), PUBLISHED_2025).text, encoding="utf-8")
    out = tmp_path / "mine.yaml"
    result = run("import", str(prompt), "--name", "mine", "--out", str(out))
    assert (result.exit_code, result.stdout) == (0, "")
    assert Policy.load(out).hash == Policy.load("default").hash
    assert Policy.load(out).name == "mine"
    verbatim = Policy.from_text(run("import", str(prompt), "--verbatim").stdout)
    assert (verbatim.name, verbatim.verbatim) == ("prompt", prompt.read_text(encoding="utf-8"))


def test_import_says_what_a_prompt_cannot_tell(tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text(render(Policy.load("default").sensitive("O2")).text, encoding="utf-8")
    assert "The examples of O2 stand under should_not" in run("import", str(prompt)).stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "defautl"], "There is no policy file 'defautl' and no pack of that name"),
        (["render", "default", "--sensitive", "O12"], "has no category 'O12'"),
        (["diff", "default", "no.yaml"], "There is no policy file 'no.yaml'"),
        (["import", "no.txt"], "no.txt: The file cannot be read"),
        (["import", __file__, "--pick", "3"], "holds one policy"),
        (["import", __file__, "--out", "no/such/folder/x.yaml"], "cannot be written"),
        (["import", __file__, "--out", __file__], "exists and is not overwritten"),
        (["import", "two.txt", "--pick", "1", "--verbatim"], "put each into a file of its own"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_2(
    tmp_path: Path, arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "rows.py"
    source.write_text('P = """O1: Hate\nShould not:\n- insults\n"""\n', encoding="utf-8")
    arguments = [str(source) if argument == __file__ else argument for argument in arguments]
    (tmp_path / "two.txt").write_text("O1: Hate\nShould not:\n- insults\nO1: Hate\nCan:\n- news\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert source.read_text(encoding="utf-8").startswith("P = ")
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("arguments", [["show"], ["shwo", "default"], ["render", "default", "--form", "2023"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_help_lists_every_verb_without_importing_one() -> None:
    program = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from eyeward.cli.main import app\n"
        "result = CliRunner().invoke(app, ['--help'])\n"
        "print(result.stdout)\n"
        "print(sorted(name for name in sys.modules if name.startswith(('eyeward.', 'torch', 'pydantic', 'yaml'))))\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert all(verb.help.rstrip(".")[:30] in answer for verb in VERBS.values())
    assert answer.splitlines()[-1] == "['eyeward.cli', 'eyeward.cli.main', 'eyeward.errors']"


def test_policy_commands_import_no_model_library() -> None:
    program = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from eyeward.cli.main import app\n"
        "assert CliRunner().invoke(app, ['policy', 'diff', 'default', 'news']).exit_code == 0\n"
        "assert not {'torch', 'transformers', 'PIL', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_version_is_printed() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == __version__ + "\n"
