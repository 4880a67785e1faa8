"""The suites by one command: what is asked by default, and votes whose gap is known beforehand."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import suites
from eyeward.data.sample import Split
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.questions import read_questions
from eyeward.evaluate.suites.annotators import annotator_report, read_votes
from eyeward.evaluate.suites.cultures import culture_packs
from eyeward.policy import Policy
from eyeward.scenes.labels import write_scenes
from tests.evaluate.hand_made import said

SCENES = 120


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suites") / "scenes"
    write_scenes(folder, SCENES, 5, split=Split.TEST, size=16)
    return folder


def test_votes_are_those_of_two_packs_with_one_in_ten_the_other_way_round(scenes: Path) -> None:
    votes = suites.drawn_votes(scenes)
    assert votes == suites.drawn_votes(scenes) != suites.drawn_votes(scenes, seed=1)
    assert len(votes) == SCENES * 2 * suites.VOTERS
    assert len({(vote.image, vote.annotator) for vote in votes}) == len(votes)
    by_name = {pack.name: pack for pack in culture_packs()}
    for group, pack in suites.GROUPS.items():
        right = {ask.question.image: ask.question.rating for ask in read_questions(scenes, [by_name[pack]]).asks}
        theirs = [vote for vote in votes if vote.group == group]
        wrong = sum(vote.rating is not right[vote.image] for vote in theirs) / len(theirs)
        assert 0.06 < wrong < 0.14


def test_a_guard_that_is_right_under_the_first_pack_has_the_gap_that_is_foretold(scenes: Path) -> None:
    default = Policy.load("default")
    asks = read_questions(scenes, [default]).asks
    perfect = [Outcome(question=ask.question, guard="g", verdict=said(ask.question.rating)) for ask in asks]
    ((gap,),) = (found.gaps for found in annotator_report({"g": perfect}, suites.drawn_votes(scenes), default.hash))
    expected = suites.expected_gap(scenes)
    assert 0.05 < expected < 0.3
    assert gap.low < expected < gap.high and gap.sure


def test_by_default_the_suites_are_small_and_without_the_mean_and_their_seconds_are_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands: list[list[str]] = []
    drawn: list[int] = []

    def draw(folder: Path, count: int, seed: int, split: Split) -> None:
        drawn.append(count)
        write_scenes(folder, 3, seed, split=split, size=16)

    def run(command: list[str], standalone_mode: bool) -> None:
        commands.append(command)

    monkeypatch.setattr(suites, "write_scenes", draw)
    monkeypatch.setattr(suites, "app", run)
    suites.main(["--out", str(tmp_path / "out")])
    attacks, cultures = commands
    assert drawn == [120] and attacks[-4:] == ["--attacked", "40", "--white-box", "16"]
    assert "--averaged" not in attacks and cultures[-2] == "--votes"
    assert len(read_votes(Path(cultures[-1]))) == 3 * 2 * suites.VOTERS
    printed = capsys.readouterr().out
    assert [line.split(":")[0] for line in printed.splitlines() if line.endswith(" s")] == [
        "scenes and votes",
        "attacks",
        "cultures",
        "all",
    ]
    suites.main(["attacks", "--scenes", "3", "--averaged", "--out", str(tmp_path / "out")])
    assert commands[-1][-1] == "--averaged" and len(commands) == 3
    with pytest.raises(SystemExit):
        suites.main(["--scenes", "4", "--out", str(tmp_path / "out")])
    assert "holds 3 scenes; say --scenes 3" in capsys.readouterr().err
