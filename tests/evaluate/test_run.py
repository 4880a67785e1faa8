"""A run asks every question once and keeps what it heard."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.errors import ErrorType, UsageError
from eyeward.evaluate import run as module
from eyeward.evaluate.covered import PolicyCoverage
from eyeward.evaluate.outcome import OutcomeKind
from eyeward.evaluate.outcome_file import read_outcomes
from eyeward.evaluate.questions import read_questions
from eyeward.evaluate.run import Run, name_guards, read_run, read_run_outcomes
from eyeward.evaluate.table import OutcomeTable
from eyeward.guard import Guard
from eyeward.guard.profile import Coverage
from eyeward.policy import Policy
from eyeward.verdict import Failure, Rating
from tests.evaluate.worlds import asked, data, guard, row, small
from tests.fakes import by_brightness

POLICY = Policy.load("default")
PASSES = ErrorType.engine_unavailable
MANY = 70
"""More than two batches of a guard."""


def many(folder: Path) -> Path:
    images = [f"{number:02}.png" for number in range(MANY)]
    levels = {image: 3 * number for number, image in enumerate(images)}
    return data(folder, levels, [row(image, Rating.Unsafe) for image in images])


def opened(tmp_path: Path, folder: Path) -> Run:
    return Run.open(tmp_path / "out", str(folder), read_questions(folder).asks)


def breaking_after(count: int) -> Callable[[Prompt], RawAnswer]:
    """Answer some prompts; then the machine stops."""
    answered: list[Prompt] = []

    def answer(prompt: Prompt) -> RawAnswer:
        answered.append(prompt)
        if len(answered) > count:
            raise KeyboardInterrupt
        return by_brightness(prompt)

    return answer


def test_every_question_is_asked_and_kept_in_order(tmp_path: Path) -> None:
    run = opened(tmp_path, small(tmp_path / "d"))
    advanced: list[None] = []
    assert run.ask("bright", guard(), lambda: advanced.append(None)) == len(advanced) == 4
    assert run.finish() == {"bright": read_outcomes(tmp_path / "out" / "outcomes.parquet")}
    outcomes = read_run_outcomes(tmp_path / "out")["bright"]
    assert [o.question.image for o in outcomes] == ["unsafe.png", "missed.png", "flagged.png", "safe.png"]
    assert [o.right for o in outcomes] == [True, False, False, True]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["outcomes.parquet", "run.json"]


def test_a_run_that_was_stopped_goes_on_and_judges_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_QUESTIONS", 10)
    folder = many(tmp_path / "d")
    with pytest.raises(KeyboardInterrupt):
        opened(tmp_path, folder).ask("bright", guard(breaking_after(40)))
    kept = len(opened(tmp_path, folder).answered("bright"))
    assert 0 < kept <= 40
    again = guard()
    run = opened(tmp_path, folder)
    assert run.ask("bright", again) == asked(again) == MANY - kept
    resumed = run.finish()["bright"]

    whole = Run.open(tmp_path / "whole", str(folder), read_questions(folder).asks)
    whole.ask("bright", guard())
    uninterrupted = whole.finish()["bright"]
    without_times = [
        [o.model_copy(update={"verdict": o.verdict.model_copy(update={"seconds": None})}) for o in outcomes]
        for outcomes in (resumed, uninterrupted)
    ]
    assert without_times[0] == without_times[1]


def test_a_finished_run_asks_nothing_more(tmp_path: Path) -> None:
    folder = small(tmp_path / "d")
    run = opened(tmp_path, folder)
    run.ask("bright", guard())
    first = run.finish()
    again = guard()
    assert opened(tmp_path, folder).ask("bright", again) == asked(again) == 0
    assert opened(tmp_path, folder).finish() == first


def test_a_second_guard_joins_a_finished_run(tmp_path: Path) -> None:
    folder = small(tmp_path / "d")
    for name in ("first", "second"):
        run = opened(tmp_path, folder)
        assert run.ask(name, guard(name=name)) == 4
        run.finish()
    assert list(read_run_outcomes(tmp_path / "out")) == ["first", "second"]
    assert set(read_run(tmp_path / "out").guards) == {"first", "second"}


def test_another_guard_under_the_same_name_is_refused(tmp_path: Path) -> None:
    folder = small(tmp_path / "d")
    opened(tmp_path, folder).ask("bright", guard())
    with pytest.raises(UsageError, match="holds answers of another 'bright': its weights, its files, its server"):
        opened(tmp_path, folder).ask("bright", guard(threshold=0.7))


def test_a_guard_whose_files_or_server_have_changed_is_another_guard(tmp_path: Path) -> None:
    folder = small(tmp_path / "d")
    opened(tmp_path, folder).ask("bright", guard())
    with_file = replace(guard(), settings={"preprocessor_config.json": "0" * 64})
    served = guard()
    engine: Any = SimpleNamespace(capabilities=replace(served.engine.capabilities, served="other (whole answers)"))
    for other in (with_file, replace(served, engine=engine)):
        with pytest.raises(UsageError, match="its files, its server"):
            opened(tmp_path, folder).ask("bright", other)
    assert opened(tmp_path, folder).ask("bright", guard()) == 0


def test_what_a_guard_covers_is_recorded_and_one_that_covers_other_things_is_another_guard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small(tmp_path / "d")
    opened(tmp_path, folder).ask("bright", guard())
    recorded = read_run(tmp_path / "out").guards["bright"].coverage
    assert recorded is not None
    assert recorded.policies == {POLICY.hash: PolicyCoverage(covered=POLICY.ids)}
    assert opened(tmp_path, folder).ask("bright", guard()) == 0
    monkeypatch.setattr(Guard, "coverage", lambda self, policy: Coverage(("O4",), ("O3",), partly=("O3",)))
    with pytest.raises(UsageError, match="what it covers"):
        opened(tmp_path, folder).ask("bright", guard())


def test_a_run_of_an_older_eyeward_goes_on_and_learns_what_its_guards_cover(tmp_path: Path) -> None:
    folder = small(tmp_path / "d")
    opened(tmp_path, folder).ask("bright", guard())
    file = tmp_path / "out" / "run.json"
    record = json.loads(file.read_text())
    del record["guards"]["bright"]["coverage"]
    file.write_text(json.dumps(record))
    assert read_run(tmp_path / "out").guards["bright"].coverage is None
    assert opened(tmp_path, folder).ask("bright", guard()) == 0
    assert read_run(tmp_path / "out").guards["bright"].coverage is not None


def test_other_questions_in_the_same_folder_are_refused(tmp_path: Path) -> None:
    opened(tmp_path, small(tmp_path / "d"))
    other = data(tmp_path / "e", {"a.png": 9}, [row("a.png", Rating.Safe)])
    with pytest.raises(UsageError, match="holds an evaluation of 4 questions; there are 1 now"):
        opened(tmp_path, other)
    with pytest.raises(UsageError, match="holds an evaluation without rationales"):
        Run.open(tmp_path / "out", "d", read_questions(tmp_path / "d").asks, explain=True)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty and holds no evaluation"):
        opened(tmp_path, small(tmp_path / "d"))


def test_failures_and_reviews_are_outcomes_and_stay_in_the_table(tmp_path: Path) -> None:
    levels = {"gone.png": 0, "doubtful.png": 128, "unread.png": 230, "late.png": 10}
    folder = data(tmp_path / "d", levels, [row(image, Rating.Safe) for image in levels])
    (folder / "gone.png").unlink()

    def answer(prompt: Prompt) -> RawAnswer:
        shown = prompt.images[0].getpixel((0, 0))
        assert isinstance(shown, tuple)
        types = {230: ErrorType.unparsable_answer, 10: ErrorType.deadline}
        if shown[0] in types:
            return RawAnswer(error=Failure(type=types[int(shown[0])], message="It went wrong."))
        return by_brightness(prompt)

    run = opened(tmp_path, folder)
    run.ask("bright", guard(answer, band=(0.4, 0.6)))
    outcomes = run.finish()["bright"]
    kinds = [outcome.kind for outcome in outcomes]
    assert kinds == [OutcomeKind.failed, OutcomeKind.review, OutcomeKind.unparsable, OutcomeKind.failed]
    assert not OutcomeTable.of(outcomes).right.any()


def test_failures_that_may_pass_are_asked_again_where_that_is_wanted_and_others_stay(tmp_path: Path) -> None:
    folder = small(tmp_path / "d")

    def down(prompt: Prompt) -> RawAnswer:
        bright = by_brightness(prompt)
        shown = prompt.images[0].getpixel((0, 0))
        return bright if shown == (20, 20, 20) else RawAnswer(error=Failure(type=PASSES, message="No server."))

    (folder / "missed.png").unlink()
    opened(tmp_path, folder).ask("bright", guard(down))
    kinds = [outcome.kind for outcome in opened(tmp_path, folder).finish()["bright"]]
    assert kinds == [OutcomeKind.failed, OutcomeKind.failed, OutcomeKind.failed, OutcomeKind.ok]
    assert opened(tmp_path, folder).ask("bright", guard()) == 0
    up = guard()
    run = opened(tmp_path, folder)
    assert run.ask("bright", up, retry_failed=True) == asked(up) == 2
    assert [outcome.kind for outcome in run.finish()["bright"]] == [
        OutcomeKind.ok,
        OutcomeKind.failed,  # the image is not there
        OutcomeKind.ok,
        OutcomeKind.ok,
    ]


def test_rationales_are_asked_for_only_where_they_are_wanted(tmp_path: Path) -> None:
    folder = small(tmp_path / "d")
    for explain in (False, True):
        run = Run.open(tmp_path / str(explain), str(folder), read_questions(folder).asks, explain)
        run.ask("bright", guard())
        assert {o.verdict.rationale for o in run.finish()["bright"]} == {"Because." if explain else None}


def test_guards_are_named_by_their_folders_where_these_differ() -> None:
    assert name_guards(["runs/a/mini", "runs/b/large"]) == {"mini": "runs/a/mini", "large": "runs/b/large"}
    assert name_guards(["a/mini", "b/mini"]) == {"a/mini": "a/mini", "b/mini": "b/mini"}
    assert list(name_guards(["."])) == [Path.cwd().name]
    assert list(name_guards(["http://127.0.0.1:8000/v1#mini"])) == ["http://127.0.0.1:8000/v1#mini"]
    with pytest.raises(UsageError, match="--model mini is given twice"):
        name_guards(["mini", "mini"])
