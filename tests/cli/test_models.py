"""`eyeward models`: what ships, and what a folder says about its guard."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from typer.testing import CliRunner, Result

import eyeward
from eyeward.cli.main import app
from eyeward.engine.rating import Calibration, Platt
from eyeward.guard import Coverage, EyewardCard, Probe, ScopeSettings, Vocabulary, loading
from eyeward.guard.forms import PUBLISHED_2024_ANSWER
from eyeward.policy import Policy
from eyeward.verdict import NA, Rating
from tests.cli.fake_guard import FakeGuard

CARD = EyewardCard(
    name="little",
    answer=PUBLISHED_2024_ANSWER,
    vocabulary=Vocabulary.met_in_training,
    calibration=Calibration(default=Platt(scale=2.0)),
    threshold=0.4,
    review_band=(0.3, 0.5),
    scope=ScopeSettings(layers=(0,), threshold=1.5),
    probes=(Probe(image="a.png", rating=Rating.Safe, category=NA, p_unsafe_raw=0.1),),
)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(loading, "WEIGHTS", tmp_path)
    for name, readme in (("little", "---\nlicence: x\n---\n\n# Knows \x1b[2J little.\n\nMore.\n"), ("plain", None)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text("{}", encoding="utf-8")
        save_file({"weight": np.zeros(250_000, np.float32)}, folder / "model.safetensors")
        if readme is not None:
            (folder / "README.md").write_text(readme, encoding="utf-8")
    CARD.write(tmp_path / "little")
    save_file({"mean": np.zeros(250_000, np.float32)}, tmp_path / "little" / "scope.safetensors")
    (tmp_path / "no guard").mkdir()
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["models", *arguments])


def facts(*arguments: str) -> dict[str, str]:
    result = run("show", *arguments)
    assert result.exit_code == 0
    return {line[:14].strip(): line[14:] for line in result.stdout.splitlines()}


@pytest.mark.usefixtures("weights")
def test_list_has_a_line_for_each_guard_that_ships_with_what_its_card_says_first() -> None:
    assert run("list").stdout.splitlines() == [
        "little       1.0 MB  Knows \\x1b[2J little.",
        "plain        1.0 MB  no model card",
    ]
    listed = json.loads(run("list", "--json").stdout)
    assert {guard["name"]: guard["about"] for guard in listed} == {"little": "Knows \x1b[2J little.", "plain": None}


def test_list_says_when_nothing_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "WEIGHTS", tmp_path / "nowhere")
    result = run("list")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No guard ships in this installation.\n")


def test_show_says_how_a_guard_is_asked_and_answers(weights: Path) -> None:
    shown = facts("little")
    file = weights / "little" / "model.safetensors"
    assert shown["revision"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert shown == facts(str(weights / "little"))
    assert shown["about"] == "Knows \\x1b[2J little."
    assert shown["size"] == "1.0 MB"
    assert shown["profile"] == "llavaguard"
    assert shown["prompt order"] == "policy first"
    assert shown["answer"] == "JSON indented by 4: decision (Compliant | Review Needed), image-category, assessment"
    assert shown["reads"].startswith("words that it has met")
    assert shown["threshold"] == "0.4, calibrated"
    assert shown["review band"] == "0.3 to 0.5"
    assert shown["scope check"].startswith("images unlike")
    assert shown["self check"] == "1 probe image at every load"


def test_what_a_card_says_of_its_guard_goes_before_the_model_card(weights: Path) -> None:
    base = CARD.model_copy(update={"about": "Where little began.", "trained_to_judge": False})
    assert facts("little")["ratings"] == "learned from verdicts"
    base.write(weights / "little")
    assert "little       1.0 MB  Where little began." in run("list").stdout.splitlines()
    shown = facts("little")
    assert (shown["about"], shown["ratings"]) == ("Where little began.", "guesses: it has seen no verdict")
    assert json.loads(run("show", "little", "--json").stdout)["trained_to_judge"] is False


@pytest.mark.usefixtures("weights")
def test_show_of_a_checkpoint_without_a_card_shows_the_published_form() -> None:
    shown = facts("plain")
    assert shown["prompt order"] == "image first"
    assert shown["answer"] == "JSON indented by 4: rating (Safe | Unsafe), category, rationale"
    assert (shown["reads"], shown["scope check"], shown["threshold"]) == ("any word", "none", "0.5, not calibrated")
    assert shown["self check"].startswith("no probe images; `eyeward models check`")


@pytest.mark.usefixtures("weights")
def test_show_as_json_has_the_same_and_no_coverage_unless_asked() -> None:
    shown = json.loads(run("show", "little", "--json").stdout)
    assert (shown["name"], shown["bytes"] // 1000, shown["prompt_order"]) == ("little", 1000, "policy_first")
    assert shown["answer"]["rating_key"] == "decision"
    assert shown["coverage"] is None


@pytest.mark.usefixtures("weights")
def test_show_says_what_of_a_policy_a_guard_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eyeward, "load_guard", lambda name: FakeGuard(unknown_words=("zeppelin", "moat")))
    shown = facts("little", "--policy", "news")
    ids = Policy.load("news").ids
    assert shown["can judge"] == f"{', '.join(ids[1:])} (policy news v1)"
    assert shown["cannot judge"].startswith("O1;")
    assert shown["never met O1"] == "zeppelin, moat"
    coverage = json.loads(run("show", "little", "--policy", "news", "--json").stdout)["coverage"]
    assert coverage == {
        "covered": list(ids[1:]),
        "not_covered": ["O1"],
        "unknown_words": {"O1": ["zeppelin", "moat"]},
        "partly": [],
    }


class BlindInPart(FakeGuard):
    """Sees O4, and something of O3."""

    def coverage(self, policy: Policy) -> Coverage:
        """Say so."""
        return Coverage(("O4",), ("O1", "O3"), partly=("O3",))


@pytest.mark.usefixtures("weights")
def test_show_says_what_a_guard_sees_in_part_and_that_only_safe_becomes_review(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eyeward, "load_guard", lambda name: BlindInPart())
    shown = facts("little", "--policy", "default")
    assert shown["cannot judge"] == "O1, O3; under this policy what would be Safe is for Review"
    assert shown["sees in part"] == "O3"


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "medium"], "There is no guard 'medium'. Guards that ship inside: little, plain."),
        (["show", "little", "--policy", "no"], "There is no policy file 'no'"),
        (["show", "photos"], "config.json"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
