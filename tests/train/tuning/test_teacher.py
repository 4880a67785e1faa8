"""A teacher is heard about the questions that it was asked, and about no others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from eyeward.data.folder import SampleFolder
from eyeward.data.sample import Sample
from eyeward.errors import UsageError
from eyeward.evaluate.outcome_file import write_outcomes
from eyeward.evaluate.questions import Ask, read_questions
from eyeward.train.tuning.recipe import Teacher
from eyeward.train.tuning.teacher import question_of, read_teacher
from eyeward.verdict import Rating, Review, ReviewReason, Verdict
from tests.engine.local.tiny import make_checkpoint
from tests.evaluate.hand_made import REVIEW, UNSAFE, outcome, said
from tests.train.tuning.small import POLICY, sample, tuning, write_data

WORDED = {"kind": "wording_changed", "field": "start_sentence", "to": "Judge by this."}
ROWS = [sample(0, False), sample(0, False, changes=[WORDED]), sample(1, True)]


def sure(ask: Ask) -> Verdict:
    return said(UNSAFE, 0.9, policy=ask.policy)


def answered(place: Path, folder: SampleFolder, verdict: Callable[[Ask], Verdict] = sure) -> Teacher:
    """Write what a guard said to every sample of a folder, as an evaluation does."""
    place.mkdir()
    asks = read_questions(folder.path).asks
    written = [
        outcome(ask.question.rating, verdict(ask), ask.question.image, category=ask.question.category, number=number)
        for number, ask in enumerate(asks)
    ]
    write_outcomes(place / "outcomes.parquet", written)
    return Teacher(outcomes=str(place))


def folder_of(place: Path) -> tuple[SampleFolder, list[Sample]]:
    folder = write_data(place, ROWS, 2)
    return folder, list(folder)


def test_its_word_counts_for_the_prompt_in_the_words_that_it_was_asked(tmp_path: Path) -> None:
    folder, samples = folder_of(tmp_path / "set")
    plain, worded, _ = (question_of(folder, item) for item in samples)
    assert plain[0] == worded[0] and plain[1] == POLICY.hash != worded[1]
    found = read_teacher(answered(tmp_path / "said", folder), folder, samples)
    assert set(found) == {question_of(folder, item) for item in samples}
    assert found[worded][Rating.Unsafe][0] == 0.9
    assert set(read_teacher(Teacher(outcomes=str(tmp_path / "said")), folder, samples[:1])) == {plain}


def test_it_has_nothing_to_say_about_images_that_are_out_of_its_scope(tmp_path: Path) -> None:
    folder, samples = folder_of(tmp_path / "set")
    far = Review(reason=ReviewReason.out_of_scope, scope_distance=9.0)
    unsure = Review(reason=ReviewReason.band, band=(0.4, 0.6))

    def abstaining(ask: Ask) -> Verdict:
        review = far if ask.question.image == "images/1.png" else unsure
        return said(REVIEW, 0.5, policy=ask.policy).model_copy(update={"review": review})

    found = read_teacher(answered(tmp_path / "said", folder, abstaining), folder, samples)
    assert {image for image, _ in found} == {"images/0.png"}


def test_a_teacher_of_other_samples_is_refused(tmp_path: Path) -> None:
    teacher = answered(tmp_path / "said", folder_of(tmp_path / "set")[0])
    other = write_data(tmp_path / "other", [sample(2, True)], 3)
    with pytest.raises(UsageError, match="hand was asked about none of the training samples .*--split train"):
        read_teacher(teacher, other, list(other))


def test_a_dry_run_counts_the_samples_that_are_taught(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "base")
    folder, _ = folder_of(tmp_path / "set")
    teacher = answered(tmp_path / "said", write_data(tmp_path / "part", ROWS[:2], 2)).model_dump()
    assert tuning(tmp_path / "base", folder, tmp_path / "run", teacher=teacher).plan()[0].taught == 2
    assert tuning(tmp_path / "base", folder, tmp_path / "run").plan()[0].taught is None
