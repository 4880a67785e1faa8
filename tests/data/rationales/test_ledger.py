"""What teachers wrote survives whatever ends a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from eyeward.data.rationales.guidance import Guidance
from eyeward.data.rationales.ledger import FILE_NAME, Ledger, Taught, Trouble
from eyeward.data.rationales.origin import Obstacle, RefusedAttempt
from eyeward.errors import DataError, ErrorType
from eyeward.verdict import ModelRef

MINI = ModelRef(name="mini", revision="1", engine="local")
GOOD = Taught(place=3, rationale='A "knife".', teacher=MINI, guidance=Guidance.opened, grounds_added=True)
REFUSED = RefusedAttempt(teacher="mini", guidance=Guidance.plain, objections=(Obstacle.cut,))
BAD = Taught(place=1, refused=(REFUSED,), troubles=(Trouble(obstacle=ErrorType.deadline, message="Late."),))


def filled(folder: Path) -> Ledger:
    ledger = Ledger(folder)
    with ledger.open():
        ledger.add(GOOD)
        ledger.add(BAD)
    return ledger


def test_entries_are_read_back(tmp_path: Path) -> None:
    assert filled(tmp_path).taught == Ledger(tmp_path).taught == {3: GOOD, 1: BAD}
    assert Ledger(tmp_path / "gone").taught == {}


def test_entries_are_there_before_the_run_ends(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with pytest.raises(KeyboardInterrupt), ledger.open():
        ledger.add(GOOD)
        assert Ledger(tmp_path).taught == {3: GOOD}
        raise KeyboardInterrupt
    assert Ledger(tmp_path).taught == {3: GOOD}


@pytest.mark.parametrize("lost", [1, 5, 60])
def test_a_line_that_was_not_finished_is_taken_away(tmp_path: Path, lost: int) -> None:
    filled(tmp_path)
    file = tmp_path / FILE_NAME
    whole = file.read_bytes()
    file.write_bytes(whole[:-lost])
    again = Ledger(tmp_path)
    assert again.taught == {3: GOOD}
    with again.open():
        again.add(BAD)
    assert file.read_bytes() == whole


def test_a_whole_line_that_makes_no_sense_is_named(tmp_path: Path) -> None:
    filled(tmp_path)
    with (tmp_path / FILE_NAME).open("a", encoding="utf-8") as file:
        file.write('{"place": -1}\n')
    with pytest.raises(DataError, match=r"taught\.jsonl:3: .*take the line away"):
        Ledger(tmp_path)


def test_an_empty_rationale_is_none() -> None:
    with pytest.raises(ValidationError):
        Taught(place=0, rationale="", teacher=MINI, guidance=Guidance.plain)
