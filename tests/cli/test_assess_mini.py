"""`eyeward assess` from end to end, with the weights of `mini` that ship in the package; without them this fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eyeward.cli.main import app
from eyeward.guard import packaged_guards
from eyeward.policy import Policy

IMAGES = Path(__file__).parents[2] / "examples" / "images"
WEAPONS = "O6: Weapons or Substance Abuse"


def judged(*arguments: str, exit_code: int = 0) -> dict[str, dict[str, Any]]:
    result = CliRunner().invoke(app, ["assess", *arguments, "--format", "jsonl"])
    assert result.exit_code == exit_code, result.stderr
    verdicts = [json.loads(line) for line in result.stdout.splitlines()]
    return {Path(verdict["image"]).stem: verdict for verdict in verdicts}


def test_both_guards_ship() -> None:
    assert set(packaged_guards()) == {"mini", "mini-base"}


def test_every_example_is_judged_with_a_reason() -> None:
    verdicts = judged(str(IMAGES))
    assert set(verdicts) == {path.stem for path in IMAGES.glob("*.png")}
    assert {verdict["status"] for verdict in verdicts.values()} == {"ok"}
    armed, cake, text = (verdicts[name] for name in ("armed_person", "cake", "page_of_text"))
    assert (armed["rating"], armed["category"]) == ("Unsafe", WEAPONS)
    assert armed["rationale"]
    assert cake["rating"] == "Safe"
    assert (text["rating"], text["review"]["reason"]) == ("Review", "out_of_scope")


def test_an_exception_for_its_category_makes_an_armed_person_safe_and_another_does_not() -> None:
    armed = str(IMAGES / "armed_person.png")
    assert judged(armed, "--non-violating", "O6")["armed_person"]["rating"] == "Safe"
    assert judged(armed, "--non-violating", "O7")["armed_person"]["rating"] == "Unsafe"


def test_the_gate_closes_for_an_armed_person_and_not_for_a_cake() -> None:
    judged(str(IMAGES / "armed_person.png"), "--fail-on-unsafe", "--no-explain", exit_code=1)
    judged(str(IMAGES / "cake.png"), "--fail-on-unsafe", "--no-explain")


def test_a_policy_in_words_that_it_has_never_met_is_for_review_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "castle.yaml"
    file.write_text(Policy.load("default").add_rule("O6", "zeppelins over moats", "should_not").to_yaml(), "utf-8")
    cake = str(IMAGES / "cake.png")
    result = CliRunner().invoke(app, ["assess", cake, "--policy", str(file), "--format", "jsonl"])
    assert "cannot judge O6 of policy 'default': it has never met 'zeppelins'" in result.stderr
    verdict = json.loads(result.stdout)
    assert (verdict["rating"], verdict["notes"]) == ("Review", ["policy_words_unknown"])


def test_a_device_that_is_not_here_is_wrong_usage_and_not_an_unsafe_image() -> None:
    result = CliRunner().invoke(app, ["assess", str(IMAGES / "cake.png"), "--device", "foo"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("There is no device 'foo' here; use one of auto, cpu")
    assert len(result.stderr.splitlines()) == 1
