"""From labels to questions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from eyeward.data.changes import PolicyChosen, StanceChanged
from eyeward.data.sample import Split
from eyeward.errors import DataError, PolicyError, UsageError
from eyeward.evaluate.metrics import estimates
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.questions import Ask, read_questions
from eyeward.evaluate.table import OutcomeTable
from eyeward.policy import EYEWARD, PUBLISHED_2025, Policy, Stance, render
from eyeward.scenes.labels import write_scenes
from eyeward.verdict import Rating
from tests.evaluate.hand_made import NUDITY
from tests.evaluate.hand_made import said as verdict
from tests.evaluate.worlds import EXEMPT, EXEMPTION, HATE, data, row, small

SAFE, UNSAFE = Rating.Safe, Rating.Unsafe
STRICT = Policy.load("default").sensitive("O2")
CHANGED: dict[str, Any] = {
    "policy": EXEMPT.model_dump(mode="json"),
    "changes": [change.model_dump(mode="json") for change in EXEMPTION],
}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes") / "data"
    write_scenes(folder, 12, 5, split=Split.TEST, size=32)
    return folder


def said(asks: tuple[Ask, ...]) -> list[tuple[str, Rating, Rating | None]]:
    return [(a.question.image, a.question.rating, a.question.unchanged_rating) for a in asks]


def test_every_sample_is_asked_under_its_own_policy(tmp_path: Path) -> None:
    folder = data(tmp_path / "d", {"a.png": 9}, [row("a.png", UNSAFE), row("a.png", SAFE, category=HATE, **CHANGED)])
    first, second = read_questions(folder).asks
    assert first.policy == Policy.load("default") and second.policy == EXEMPT
    assert second.question.changes == EXEMPTION
    assert said((first, second)) == [("a.png", UNSAFE, UNSAFE), ("a.png", SAFE, UNSAFE)]
    assert [a.question.number for a in (first, second)] == [0, 1]
    assert second.image == folder / "a.png"


def test_what_is_right_under_the_unchanged_policy_is_not_guessed(tmp_path: Path) -> None:
    folder = data(tmp_path / "d", {"a.png": 9}, [row("a.png", SAFE, **CHANGED)])
    assert said(read_questions(folder).asks) == [("a.png", SAFE, None)]
    known = data(tmp_path / "s", {"a.png": 9}, [row("a.png", SAFE, severity="highly_unsafe", category=HATE, **CHANGED)])
    assert said(read_questions(known).asks) == [("a.png", SAFE, UNSAFE)], "the severity is the labeller's"


BOTH_UNCHANGED = [row("a.png", UNSAFE), row("a.png", SAFE, policy=STRICT.model_dump(mode="json"))]


def test_of_two_unchanged_labels_neither_is_taken_for_the_one_that_was_changed(tmp_path: Path) -> None:
    """The variant is an exception or a control, by which of the two policies it was made of: nobody knows."""
    folder = data(tmp_path / "d", {"a.png": 9}, [*BOTH_UNCHANGED, row("a.png", SAFE, category=HATE, **CHANGED)])
    asks = read_questions(folder).asks
    assert said(asks) == [("a.png", UNSAFE, UNSAFE), ("a.png", SAFE, SAFE), ("a.png", SAFE, None)]
    answers = [Outcome(question=a.question, guard="g", verdict=verdict(SAFE, policy=a.policy)) for a in asks]
    names = ("policy_exception_rate", "tightening_rate", "loosened_flips", "tightened_flips", "steady_controls")
    found = estimates(OutcomeTable.of(answers), names, resamples=10)
    assert {name: (estimate.value, estimate.count) for name, estimate in found.items()} == dict.fromkeys(
        names, (None, 0)
    )


def test_two_unchanged_labels_that_agree_say_what_was_right_and_else_the_severity_does(tmp_path: Path) -> None:
    variant = row("a.png", SAFE, category=HATE, **CHANGED)
    agreeing = [BOTH_UNCHANGED[0], {**BOTH_UNCHANGED[0], "policy": BOTH_UNCHANGED[1]["policy"]}, variant]
    same = read_questions(data(tmp_path / "same", {"a.png": 9}, agreeing)).asks
    assert said(same)[-1] == ("a.png", SAFE, UNSAFE)
    severe = [*BOTH_UNCHANGED, {**variant, "severity": "moderately_unsafe"}]
    told = read_questions(data(tmp_path / "told", {"a.png": 9}, severe)).asks
    assert said(told)[-1] == ("a.png", SAFE, UNSAFE), "the severity is that of the label which was changed"


def test_a_scene_knows_what_is_right_under_every_policy(scenes: Path) -> None:
    default = Policy.load("default")
    exempt = default.non_violating(*default.ids)
    asks = read_questions(scenes, [default, exempt]).asks
    assert [a.policy.hash for a in asks[:4]] == [default.hash, exempt.hash] * 2
    under_default, under_exempt = asks[::2], asks[1::2]
    assert {a.question.rating for a in under_default} == {SAFE, UNSAFE}
    assert {a.question.rating for a in under_exempt} == {SAFE}
    assert [a.question.unchanged_rating for a in under_exempt] == [a.question.rating for a in under_default]
    assert under_exempt[0].question.changes[0] == StanceChanged(category="O1", to=Stance.non_violating)
    assert under_default[0].question.changes == ()


def test_another_pack_is_named_as_the_change(scenes: Path) -> None:
    assert read_questions(scenes, [Policy.load("news")]).asks[0].question.changes == (PolicyChosen(name="news"),)


def test_other_words_of_a_prompt_are_asked_as_they_are_labelled(tmp_path: Path) -> None:
    worded = [{"kind": "wording_changed", "field": "start_sentence", "to": "Read these rules."}]
    folder = data(tmp_path / "d", {"a.png": 9}, [row("a.png", SAFE), row("a.png", SAFE, changes=worded)])
    plain, reworded = read_questions(folder).asks
    assert plain.question.policy_hash != reworded.question.policy_hash
    for wording in (EYEWARD, PUBLISHED_2025):
        before, after = (render(ask.policy, wording).text for ask in (plain, reworded))
        assert after == before.replace(wording.start_sentence, "Read these rules.") != before


def test_words_that_no_prompt_can_be_asked_in_are_a_sentence(tmp_path: Path) -> None:
    worded = [{"kind": "wording_changed", "field": "greeting", "to": "Hello."}]
    folder = data(tmp_path / "d", {"a.png": 9}, [row("a.png", SAFE, changes=worded)])
    with pytest.raises(PolicyError, match="the key 'greeting' is unknown"):
        read_questions(folder)


def test_images_of_the_world_have_no_ratings_under_a_policy_that_nobody_labelled(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no ratings under the policy 'news' for 4 of 4 images; label them under it"):
        read_questions(small(tmp_path / "d"), [Policy.load("news")])


def test_a_policy_that_was_labelled_can_be_chosen(tmp_path: Path) -> None:
    folder = data(tmp_path / "d", {"a.png": 9}, [row("a.png", UNSAFE), row("a.png", SAFE, category=HATE, **CHANGED)])
    assert said(read_questions(folder, [EXEMPT]).asks) == [("a.png", SAFE, UNSAFE)]


def test_one_split_can_be_asked_alone(tmp_path: Path) -> None:
    rows = [row("a.png", SAFE, split="train"), row("b.png", UNSAFE, split="test")]
    folder = data(tmp_path / "d", {"a.png": 9, "b.png": 9}, rows)
    assert said(read_questions(folder, split=Split.TEST).asks) == [("b.png", UNSAFE, UNSAFE)]
    with pytest.raises(UsageError, match="holds no samples of the validation split"):
        read_questions(folder, split=Split.VALIDATION)


def test_two_labels_of_one_question_are_refused_and_equal_ones_asked_once(tmp_path: Path) -> None:
    rows = [row("a.png", UNSAFE), row("a.png", UNSAFE), row("b.png", SAFE)]
    equal = read_questions(data(tmp_path / "equal", {"a.png": 9, "b.png": 9}, rows))
    assert (len(equal.asks), equal.repeated) == (2, 1)
    rows.append(row("b.png", UNSAFE))
    folder = data(tmp_path / "other", {"a.png": 9, "b.png": 9}, rows)
    with pytest.raises(DataError, match=r"1 labels contradict another .*: 'b\.png' is Safe \(NA\) and Unsafe \(O1\)"):
        read_questions(folder)


def test_two_categories_for_one_question_are_refused_though_the_rating_is_one(tmp_path: Path) -> None:
    folder = data(tmp_path / "d", {"a.png": 9}, [row("a.png", UNSAFE), row("a.png", UNSAFE, category=NUDITY)])
    with pytest.raises(DataError, match=r"'a\.png' is Unsafe \(O1\) and Unsafe \(O4\)"):
        read_questions(folder)


@pytest.mark.parametrize("category", ["X1: Elsewhere", "O1: Gambling", "O1"])
def test_a_category_that_the_policy_does_not_have_is_refused(tmp_path: Path, category: str) -> None:
    """Also where its id stands for another one: a guard that says Hate would be right about gambling."""
    folder = data(tmp_path / "d", {"a.png": 9}, [row("a.png", UNSAFE, category=category)])
    words = f"1 samples have a category that their policy does not have: 'a.png' is {category!r}"
    with pytest.raises(DataError, match=re.escape(words)):
        read_questions(folder)


def test_a_broken_row_is_named_with_its_line(tmp_path: Path) -> None:
    folder = data(tmp_path / "d", {}, [row("a.png", SAFE), {"rating": "Safe"}])
    with pytest.raises(DataError, match=r"labels\.jsonl:2: "):
        read_questions(folder)
