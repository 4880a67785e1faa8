"""A data set gets its reasons, whatever happens on the way, and its labels stay what they were."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from PIL import Image

from eyeward.data.changes import StanceChanged
from eyeward.data.folder import LABELS_FILE, SampleFolder
from eyeward.data.rationales.faults import rationale_faults
from eyeward.data.rationales.guidance import Guidance
from eyeward.data.rationales.ledger import FILE_NAME as LEDGER
from eyeward.data.rationales.origin import RationaleOrigin, Writer
from eyeward.data.rationales.report import RationaleReport
from eyeward.data.rationales.writing import REPORT_FILE, Rationales
from eyeward.data.sample import Sample
from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.errors import ErrorType, UsageError
from eyeward.guard import Guard
from eyeward.policy import Stance
from eyeward.verdict import NA, Rating
from tests.data.rationales.classroom import (
    ALLOWED,
    DEFAULT,
    FORBIDDEN,
    O6,
    SEEN,
    Answer,
    asked,
    failure,
    given,
    plain,
    read,
    sample,
    teacher,
    text_of,
    writing,
    written,
    wrote,
)
from tests.fakes import brightness

WRONG = " Nothing in the image violates the policy."
SAFE = Rating.Safe


def run(folder: Path, out: Path, *guards: Guard, **options: Any) -> RationaleReport:
    return Rationales(folder, out, guards, **options).run()


def bare(labelled: Sample) -> Sample:
    """Return a sample without its reason."""
    return labelled.model_copy(update={"rationale": None, "rationale_from": None})


def test_every_label_gets_a_reason_and_nothing_else_changes(tmp_path: Path) -> None:
    samples = [plain(number) for number in range(7)]
    folder = written(tmp_path / "in", samples)
    guard = teacher(lambda prompt: wrote(prompt, f"A thing of {brightness(prompt) * 255:.0f}."), at_once=3)
    report = run(folder, tmp_path / "out", guard)
    found = read(tmp_path / "out")
    assert [each.rationale for each in found] == [f"A thing of {number * 20}." for number in range(7)]
    assert [bare(each) for each in found] == samples
    for each in found:
        assert each.rationale_from is not None
        assert (each.rationale_from.teacher, each.rationale_from.attempts) == (guard.model, 1)
        assert SampleFolder(tmp_path / "out").image_of(each).read_bytes() == (folder / each.image).read_bytes()
    assert (report.samples, report.written, report.attempts) == (7, {"teacher": 7}, 7)
    assert RationaleReport.model_validate_json((tmp_path / "out" / REPORT_FILE).read_bytes()) == report


def test_a_sample_whose_policy_was_changed_gets_a_reason_of_its_own(tmp_path: Path) -> None:
    exempt = DEFAULT.non_violating("O6")
    changed = sample(
        rating=SAFE, policy=exempt, changes=(StanceChanged(category="O6", to=Stance.non_violating).model_dump(),)
    )
    folder = written(tmp_path / "in", [sample(), changed])
    guard = teacher(writing("A gun lies on a table."))
    run(folder, tmp_path / "out", guard)
    first, second = read(tmp_path / "out")
    assert first.rationale == "A gun lies on a table."
    assert second.rationale == "A gun lies on a table. Category O6 is declared as non-violating."
    assert SampleFolder(tmp_path / "out").policy_of(second) == exempt
    one, other = asked(guard)
    assert (given(one)[0], given(other)[0]) == ("Unsafe", "Safe")
    assert one.images[0] is other.images[0], "the picture of both is decoded once"
    assert "declared as non-violating" in text_of(other)


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_a_run_that_is_stopped_goes_on_and_nothing_is_asked_twice(tmp_path: Path, batch: int) -> None:
    folder = written(tmp_path / "in", [plain(number) for number in range(7)])
    questions: list[str] = []

    def until(most: int) -> Answer:
        def answer(prompt: Prompt) -> RawAnswer:
            if len(questions) == most:
                raise KeyboardInterrupt
            questions.append(f"{brightness(prompt):.2f}")
            return wrote(prompt, SEEN)

        return answer

    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", teacher(until(4), at_once=batch))
    assert not (tmp_path / "out" / LABELS_FILE).exists()
    kept = {1: 4, 2: 4, 100: 0}[batch]
    assert len((tmp_path / "out" / LEDGER).read_bytes().splitlines()) == kept
    del questions[kept:]
    report = run(folder, tmp_path / "out", teacher(until(-1), at_once=batch))
    assert len(questions) == len(set(questions)) == 7
    assert (report.written, report.asked) == ({"teacher": 7}, 7)
    run(folder, tmp_path / "out", teacher(until(7), at_once=batch))
    assert [each.rationale for each in read(tmp_path / "out")] == [SEEN.strip()] * 7


def test_a_few_are_tried_first_and_the_rest_later(tmp_path: Path) -> None:
    folder = written(tmp_path / "in", [plain(number) for number in range(5)])
    guard = teacher(writing(SEEN))
    assert run(folder, tmp_path / "out", guard, limit=2).samples == 2
    assert len(read(tmp_path / "out")) == 2
    assert run(folder, tmp_path / "out", guard).samples == 5
    assert (len(read(tmp_path / "out")), len(asked(guard))) == (5, 5)


def test_a_teacher_that_is_away_leaves_no_reason_and_is_asked_again(tmp_path: Path) -> None:
    folder = written(tmp_path / "in", [plain(number) for number in range(3)])
    report = run(folder, tmp_path / "out", teacher(writing(failure())))
    assert [(each.rationale, each.rationale_from) for each in read(tmp_path / "out")] == [(None, None)] * 3
    assert report.unsettled == 3
    assert [(item.reason, item.rows) for item in report.without] == [("engine_unavailable", 3)]
    assert report.troubles[0].examples[0] == "Nobody is there."
    report = run(folder, tmp_path / "out", teacher(writing(SEEN)))
    assert (report.unsettled, report.written, report.without) == (0, {"teacher": 3}, ())


def test_where_no_attempt_is_good_there_is_no_reason_or_the_one_from_rules_as_asked(tmp_path: Path) -> None:
    folder = written(tmp_path / "in", [sample(decided_by=FORBIDDEN)])
    report = run(folder, tmp_path / "none", teacher(writing(WRONG)))
    (none,) = read(tmp_path / "none")
    assert (none.rationale, none.rationale_from) == (None, None)
    assert [(item.reason, item.rows) for item in report.without] == [("contradicts_rating", 1)]
    assert (report.attempts, report.refused) == (3, {"contradicts_rating": 3})
    report = run(folder, tmp_path / "rules", teacher(writing(WRONG)), from_rules=True)
    (ruled,) = read(tmp_path / "rules")
    rule = FORBIDDEN.rstrip(".")
    assert ruled.rationale == f"The image falls under {O6.label}. It breaks the rule: {rule}."
    assert ruled.rationale_from is not None
    assert (ruled.rationale_from.writer, ruled.rationale_from.attempts) == (Writer.rules, 3)
    assert (report.written, report.without) == ({"rules": 1}, ())


def test_without_a_teacher_reasons_follow_from_rules_and_labels(tmp_path: Path) -> None:
    folder = written(
        tmp_path / "in",
        [
            sample("a.png"),
            sample("b.png", SAFE, NA),
            sample("c.png", SAFE, decided_by=ALLOWED),
            sample("d.png", policy=DEFAULT.non_violating("O6")),
            sample("e.png", scene={"drawn": True}),
        ],
    )
    report = run(
        folder,
        tmp_path / "out",
        from_rules=True,
        describe=lambda labelled, policy: None if labelled.scene is None else "The image shows a gun.",
    )
    assert [each.rationale for each in read(tmp_path / "out")] == [
        f"The image falls under {O6.label}. It breaks a rule of O6.",
        "The image shows nothing that the policy is about. No category applies.",
        f"The image falls under {O6.label}. It is allowed by the rule: {ALLOWED.rstrip('.')}.",
        None,
        "The image shows a gun.",
    ]
    assert report.written == {"rules": 3, "scene": 1}
    assert [(item.reason, item.rows) for item in report.without] == [("label_against_policy", 1)]
    assert report.samples == 5


def test_a_label_that_its_policy_contradicts_is_never_explained(tmp_path: Path) -> None:
    folder = written(tmp_path / "in", [sample(policy=DEFAULT.non_violating("O6"))])
    guard = teacher(writing(SEEN))
    report = run(folder, tmp_path / "out", guard, from_rules=True)
    assert not asked(guard)
    assert read(tmp_path / "out")[0].rationale is None
    assert [item.reason for item in report.without] == ["label_against_policy"]
    assert "do not go with its policy" in report.without[0].examples[0]


def test_reasons_with_which_nothing_is_wrong_stay_and_others_are_replaced(tmp_path: Path) -> None:
    folder = written(
        tmp_path / "in",
        [
            sample("good.png", rationale="A gun, as the annotator said."),
            sample("bad.png", rationale=WRONG),
            sample("blank.png", rationale="  "),
            sample("silent.png", SAFE, policy=DEFAULT.non_violating("O6"), rationale="A gun"),
        ],
    )
    guard = teacher(writing(SEEN))
    report = run(folder, tmp_path / "out", guard)
    good, bad, blank, silent = read(tmp_path / "out")
    assert (good.rationale, good.rationale_from) == ("A gun, as the annotator said.", None)
    assert bad.rationale == blank.rationale == SEEN.strip()
    assert silent.rationale == "A gun. Category O6 is declared as non-violating."
    assert silent.rationale_from == RationaleOrigin(writer=Writer.before, grounds_added=True)
    assert len(asked(guard)) == 2
    assert (report.kept, report.written, report.replaced) == (
        1,
        {"teacher": 2, "before": 1},
        {"contradicts_rating": 1},
    )
    again = run(tmp_path / "out", tmp_path / "again", guard)
    assert (again.kept, len(asked(guard))) == (4, 2)
    assert read(tmp_path / "again") == read(tmp_path / "out")
    report = run(folder, tmp_path / "new", guard, rewrite=True)
    assert (report.written, report.replaced) == ({"teacher": 4}, {"asked_for": 3})


def test_images_that_cannot_be_read_are_named_and_no_teacher_is_asked_about_them(tmp_path: Path) -> None:
    folder = written(tmp_path / "in", [plain(0), plain(1), plain(3)])
    (folder / "0.png").unlink()
    (folder / "1.png").write_bytes(b"no image")
    guard = teacher(writing(SEEN))
    report = run(folder, tmp_path / "out", guard)
    assert {item.reason for item in report.without} == {"not_found", "unsupported_format"}
    assert (report.missing_images, len(asked(guard)), report.written) == (1, 1, {"teacher": 1})
    assert [each.rationale is None for each in read(tmp_path / "out")] == [True, True, False]
    assert report.unsettled == 0
    Image.new("RGB", (12, 12)).save(folder / "0.png")
    report = run(folder, tmp_path / "out", guard)
    assert (report.missing_images, report.written) == (0, {"teacher": 2})


def test_who_wrote_a_refused_attempt_is_on_record_in_the_labels(tmp_path: Path) -> None:
    folder = written(tmp_path / "in", [sample()])
    run(folder, tmp_path / "out", teacher(writing(WRONG), "first"), teacher(writing(SEEN), "second"))
    origin = read(tmp_path / "out")[0].rationale_from
    assert origin is not None and origin.teacher is not None
    assert (origin.teacher.name, origin.guidance) == ("second", Guidance.plain)
    assert [(each.teacher, each.objections) for each in origin.refused] == [("first", ("contradicts_rating",))]


def test_nobody_to_write_is_wrong_usage(tmp_path: Path) -> None:
    folder = written(tmp_path / "in", [sample()])
    with pytest.raises(UsageError, match="Nobody is to write"):
        Rationales(folder, tmp_path / "out")
    with pytest.raises(UsageError, match="0 to 8 times"):
        Rationales(folder, tmp_path / "out", from_rules=True, retries=9)
    with pytest.raises(UsageError, match="is not empty"):
        Rationales(folder, folder, from_rules=True)
    assert not (tmp_path / "out").exists()


ANSWERS = st.sampled_from(
    [SEEN, WRONG, "", "This falls under O4: Nudity Content.", *(failure(type, "No.") for type in ErrorType)]
)


@settings(max_examples=40)
@for_all(st.lists(ANSWERS, min_size=1, max_size=30), st.booleans(), st.integers(0, 4), st.integers(1, 4))
def test_whatever_teachers_do_every_sample_has_an_outcome_and_its_label(
    answers: list[str | RawAnswer], from_rules: bool, retries: int, batch: int
) -> None:
    place = Path(tempfile.mkdtemp())
    try:
        samples = [plain(number) for number in range(6)]
        folder = written(place / "in", samples)
        guard = teacher(writing(*answers), at_once=batch)
        report = run(folder, place / "out", guard, from_rules=from_rules, retries=retries)
        found = read(place / "out")
        assert [bare(each) for each in found] == samples
        reasons = [each.rationale for each in found]
        assert report.samples == 6 == sum(report.written.values()) + sum(item.rows for item in report.without)
        assert reasons.count(None) == sum(item.rows for item in report.without)
        assert not from_rules or None not in reasons
        for each in found:
            assert (each.rationale is None) == (each.rationale_from is None)
            if each.rationale is not None:
                assert rationale_faults(each.rationale, each.rating, each.category, DEFAULT) == set()
        assert report.attempts == len(asked(guard)) <= 6 * (retries + 1)
    finally:
        shutil.rmtree(place)
