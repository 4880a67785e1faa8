"""Labels are read as people write them; a line that cannot be used is named with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyeward.annotate.audit.frame import Place
from eyeward.annotate.audit.labels import Label, Labels, read_labels
from eyeward.annotate.audit.sample import Sample
from eyeward.annotate.audit.strata import Stratum
from eyeward.errors import UsageError
from eyeward.verdict import Rating
from tests.annotate.audit.labelling import Line, write
from tests.annotate.world import DEFAULT

WEAPONS = DEFAULT.category("O6").label
SAMPLE = Sample(
    policy="default",
    policy_hash=DEFAULT.hash,
    fingerprint="f",
    seed=0,
    strata=(Stratum(number=1, name="all", rating=Rating.Safe, rows=50, drawn=4),),
    known=0,
    not_rated=0,
    places=tuple(("a", index, 1) for index in range(4)),
)


def line(index: int | str, label: str, category: str = "", shard: str = "a") -> Line:
    return {"key": str(index), "shard": shard, "index": str(index), "label": label, "category": category}


def read(tmp_path: Path, *lines: Line, delimiter: str = ",") -> Labels:
    return read_labels(write(tmp_path / "s.csv", list(lines), delimiter), SAMPLE, DEFAULT)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_labels_are_read_in_any_case_and_from_any_spreadsheet(tmp_path: Path, delimiter: str) -> None:
    given = [line(0, "Safe"), line(1, " UNSAFE ", "o6"), line(2, "unsafe"), line(3, "Unknown")]
    found = read(tmp_path, *given, delimiter=delimiter)
    assert found.by_place == {
        Place("a", 0): Label(False, None),
        Place("a", 1): Label(True, WEAPONS),
        Place("a", 2): Label(True, None),
    }
    assert (found.unknown, found.missing, found.refused) == (1, 0, ())


@pytest.mark.parametrize("category", ["O6", WEAPONS, "Weapons or Substance Abuse", "weapons or substance abuse"])
def test_a_category_is_known_by_its_id_its_name_and_both(tmp_path: Path, category: str) -> None:
    assert read(tmp_path, line(0, "Unsafe", category)).by_place == {Place("a", 0): Label(True, WEAPONS)}


def test_the_category_of_what_is_safe_does_not_count(tmp_path: Path) -> None:
    assert read(tmp_path, line(0, "safe", "O6")).by_place == {Place("a", 0): Label(False, None)}


def test_what_has_no_label_yet_is_missing(tmp_path: Path) -> None:
    found = read(tmp_path, line(0, "safe"), line(1, ""))
    assert (len(found.by_place), found.missing, found.refused) == (1, 3, ())


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line(0, "nsfw"), "the label is 'nsfw'; write Safe, Unsafe or unknown"),
        (line(0, "unsafe", "O12"), "no category 'O12'; it has O1, O2"),
        (line(0, "unsafe", "NA"), "falls under a category"),
        (line(0, "unsafe", "NA: None applying"), "falls under a category"),
        (line(9, "safe"), "no such image"),
        (line(0, "safe", shard="b"), "no such image"),
        (line("", "safe"), "no such image"),
        (line("first", "safe"), "no such image"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_and_no_label(tmp_path: Path, bad: Line, reason: str) -> None:
    found = read(tmp_path, line(1, "unsafe"), bad)
    assert set(found.by_place) == {Place("a", 1)}
    assert [refused.line for refused in found.refused] == [3]
    assert reason in found.refused[0].reason
    assert found.missing == (2 if bad["index"] == "0" and bad["shard"] == "a" else 3)


def test_an_image_with_two_lines_counts_in_none(tmp_path: Path) -> None:
    found = read(tmp_path, line(0, "safe"), line(1, "safe"), line(0, "unsafe"))
    assert set(found.by_place) == {Place("a", 1)}
    assert [(refused.line, "2 lines" in refused.reason) for refused in found.refused] == [(2, True), (4, True)]


def test_a_file_that_is_no_sample_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no column index, label"):
        read(tmp_path, {"shard": "a", "name": "x"})
    with pytest.raises(UsageError, match="cannot be read"):
        read_labels(tmp_path / "none.csv", SAMPLE, DEFAULT)
    (tmp_path / "s.csv").write_bytes(b"shard,index,label\n\xff,1,safe\n")
    with pytest.raises(UsageError, match="UTF-8"):
        read_labels(tmp_path / "s.csv", SAMPLE, DEFAULT)
