"""The experiments count what they say: worlds without leaks, differences with their sign, rationales first."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import eyeward
from benchmarks.experiments.__main__ import print_tables
from benchmarks.experiments.cells import Scale, arms, recipe_of
from benchmarks.experiments.differences import difference, mean
from benchmarks.experiments.reason_first import ReasonFirstEngine, rating_form, reason_form
from benchmarks.experiments.worlds import POLICY, Sizes, make_worlds
from eyeward.data.folder import SampleFolder
from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.errors import ErrorType
from eyeward.evaluate.questions import read_questions
from eyeward.evaluate.table import OutcomeTable
from eyeward.policy import Policy
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene
from eyeward.verdict import Failure, Rating, Status
from tests.evaluate.hand_made import EXEMPT, SAFE, UNSAFE, outcome, said

DEFAULT = Policy.load("default")


def arm(right: int, count: int = 60) -> OutcomeTable:
    """Judge half safe, half unsafe images; the first `right` of each ten are right."""
    rows = []
    for number in range(count):
        truth = SAFE if number % 2 else UNSAFE
        other = UNSAFE if truth is SAFE else SAFE
        rows.append(outcome(truth, said(truth if number // 2 % 10 < right else other), f"{number}.png", number=number))
    return OutcomeTable.of(rows)


def test_a_difference_has_its_sign_only_where_images_and_seeds_agree() -> None:
    better = difference("balanced_accuracy", [arm(9), arm(9)], [arm(3), arm(3)])
    assert better.value == pytest.approx(0.6)
    assert (better.sign, difference("balanced_accuracy", [arm(3)], [arm(9)]).sign) == (1, -1)
    assert difference("balanced_accuracy", [arm(5)], [arm(5)]).sign == 0
    torn = difference("balanced_accuracy", [arm(9), arm(1)], [arm(5), arm(5)])
    assert torn.value == pytest.approx(0.0)
    assert torn.sign == 0
    wide, narrow = (mean("balanced_accuracy", seeds) for seeds in ([arm(9), arm(1)], [arm(5), arm(5)]))
    assert wide.value == pytest.approx(narrow.value)
    assert wide.low is not None and narrow.low is not None and wide.low < narrow.low, "seeds that differ widen it"
    ends = mean("balanced_accuracy", [arm(10), arm(1)])
    assert ends.high == 1.0, "a share ends at 1, however far its seeds lie apart"


def test_an_arm_of_one_seed_is_given_the_luck_of_the_other() -> None:
    """Three seeds that differ much beside one that might have fallen as far from its mean decide nothing."""
    seeds, single = [arm(7), arm(9), arm(8)], [arm(6)]
    trained = difference("balanced_accuracy", seeds, single)
    untrained = difference("balanced_accuracy", seeds, single, learnt=False)
    assert trained.value == untrained.value == pytest.approx(0.2)
    assert trained.low is not None and untrained.low is not None and trained.high is not None
    assert trained.low < untrained.low - 0.02
    turned = difference("balanced_accuracy", single, seeds)
    assert turned.low is not None and turned.low == pytest.approx(-trained.high, abs=0.02)


def test_tables_say_how_many_images_a_policy_turns_and_what_always_safe_has(capsys: pytest.CaptureFixture[str]) -> None:
    still = [outcome(SAFE, said(SAFE), "still.png", changes=changes, unchanged=SAFE) for changes in ((), EXEMPT)]
    flips = [
        outcome(UNSAFE, said(UNSAFE), "turned.png"),
        outcome(SAFE, said(SAFE), "turned.png", changes=EXEMPT, unchanged=UNSAFE),
    ]
    table = OutcomeTable.of([*still, *flips])
    found = print_tables({"plain": [table], "augmented": [table], "always Safe": [table.always(SAFE)]})
    printed = capsys.readouterr().out
    assert "4 questions about 2 images, 1 of which some policy turns" in printed
    always: Any = found["always Safe"]
    assert (always["joint_consistency"]["value"], always["joint_flips"]["value"]) == (0.5, 0.0)
    claim: Any = found["Augmentation raises joint correctness over an image's policies"]
    assert {*claim} == {"joint_consistency", "joint_flips"}


def test_worlds_share_no_scene_and_ask_every_test_image_under_several_policies(tmp_path: Path) -> None:
    worlds = make_worlds(tmp_path, Sizes(train=24, test=20))
    train = {
        json.dumps(sample.scene) for name in ("plain", "paper", "both ways") for sample in SampleFolder(worlds[name])
    }
    test = {json.dumps(sample.scene) for sample in SampleFolder(worlds["test"])}
    assert not train & test
    counts = {name: len(list(SampleFolder(folder))) for name, folder in worlds.items()}
    assert counts["plain"] < counts["paper"] < counts["both ways"]
    asks = read_questions(worlds["test"]).asks
    assert len({ask.question.image for ask in asks}) >= 5
    assert all(sum(ask.question.image == one.question.image for ask in asks) >= 3 for one in asks)
    assert {ask.policy.ids for ask in asks} == {POLICY.ids}
    assert {ask.question.rating for ask in asks if ask.question.changes} == {Rating.Safe, Rating.Unsafe}
    assert make_worlds(tmp_path, Sizes(train=24, test=20)) == worlds


def test_every_arm_has_a_recipe() -> None:
    scale = Scale(steps=3, batch=2, learning_rate=1e-3, lora_learning_rate=2e-3)
    assert {a.name for a in arms(3)} - {a.name for a in arms(3, short=True)} == {"augmented as in the paper"}
    recipes = {a.name: recipe_of(a, 1, Path("data"), scale) for a in arms(3) if a.data is not None}
    assert recipes["LoRA"].learning_rate == 2e-3
    assert recipes["image first"].order.value == "image_first"
    assert not recipes["without rationale"].rationales
    assert {recipe.steps for recipe in recipes.values()} == {3}


def test_the_rating_is_scored_behind_the_rationale_that_was_written() -> None:
    guard: Any = eyeward.load_guard("mini")
    turned = replace(guard, engine=ReasonFirstEngine(guard.engine))
    images = [paint(sample_scene(number, "test")) for number in range(3)]
    for verdict in turned.assess_many(images, DEFAULT, explain=True):
        assert verdict.status is Status.ok
        assert verdict.rationale
        assert verdict.p_unsafe_raw is not None


def test_a_failure_of_either_turn_is_a_failure() -> None:
    failure = Failure(type=ErrorType.internal, message="It went wrong.")
    guard: Any = eyeward.load_guard("mini")
    question = guard.profile.question(DEFAULT)
    prompt = guard.profile.prompt(question, paint(sample_scene(1, "test")), True, guard.rule)

    class Failing:
        def __init__(self, turn: int) -> None:
            self.turn = turn

        def judge(self, prompts: list[Prompt]) -> list[RawAnswer]:
            self.turn -= 1
            good = RawAnswer(written={"rationale": "A dog."})
            return [RawAnswer(error=failure) if self.turn == 0 else good for _ in prompts]

    for turn in (1, 2):
        (answer,) = ReasonFirstEngine(Failing(turn)).judge([prompt])
        assert answer.error == failure
    assert [part.text for part in reason_form(prompt.form).parts if hasattr(part, "text")][0].endswith('"rationale": "')
    assert 'A \\"dog\\"' in rating_form(prompt.form, 'A "dog"').parts[0].text  # type: ignore[union-attr]
