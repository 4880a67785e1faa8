"""A sample is drawn by strata, the same for the same seed, and tells the labeller nothing of what the guard said."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from eyeward.annotate.audit.frame import Drawn, Frame
from eyeward.annotate.audit.labels import read_labels
from eyeward.annotate.audit.sample import COLUMNS, beside, draw_sample, read_sample, write_sample
from eyeward.annotate.query import connected
from eyeward.annotate.run import annotate
from eyeward.annotate.sources import open_source
from eyeward.errors import UsageError
from eyeward.images import sha256_of_bytes
from eyeward.images.known import KnownHashes
from eyeward.verdict import Rating
from tests.annotate.audit.labelling import fill_in
from tests.annotate.world import DEFAULT, EXEMPT, pictures, png, rows, tar
from tests.evaluate.worlds import guard

LEVELS = [(37 * number) % 256 for number in range(200)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    source = open_source(pictures(tmp_path / "in", LEVELS), images_per_shard=64)
    annotate(source, tmp_path / "run", guard(band=(0.45, 0.55)))
    return tmp_path / "run"


def read(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_strata_are_counted_as_they_are_and_drawn_as_they_say(run: Path) -> None:
    sample, drawn, _ = draw_sample(run, 60)
    judged = {(row["shard"], row["index"]): row for row in rows(run)}
    of = {s.number: s for s in sample.strata}
    assert {s.rating for s in sample.strata} == set(Rating)
    assert sum(s.rows for s in sample.strata) == len(judged) == 200
    assert Counter(one.stratum for one in drawn) == {s.number: s.drawn for s in sample.strata}
    assert len({one.place for one in drawn}) == len(drawn) == 60
    for one in drawn:
        row, stratum = judged[one.place.shard, one.place.index], of[one.stratum]
        assert (row["key"], row["rating"]) == (one.key, stratum.rating)
        assert stratum.at_least <= row["p_unsafe"] < (stratum.below or 2)


def test_weights_stand_for_all_images(run: Path, tmp_path: Path) -> None:
    write_sample(tmp_path / "s.csv", *draw_sample(run, 60))
    assert sum(float(row["weight"]) for row in read(tmp_path / "s.csv")) == pytest.approx(200, rel=1e-4)


def test_each_image_of_a_stratum_is_as_likely_as_any_other(run: Path) -> None:
    sample, _, _ = draw_sample(run, 60)
    (rest,) = [s for s in sample.strata if s.rating is Rating.Safe and s.name == "surest"]
    frame, times = Frame(connected(run), DEFAULT.hash), Counter[Drawn]()
    for seed in range(150):
        times.update(frame.draw([rest], seed))
    expected = 150 * rest.drawn / rest.rows
    assert len(times) == rest.rows
    spread = sum((count - expected) ** 2 for count in times.values()) / rest.rows
    assert spread < 1.6 * expected * (1 - rest.drawn / rest.rows), "as a fair lot spreads, and not much more"


def test_the_same_seed_draws_the_same_and_another_one_others(run: Path) -> None:
    assert draw_sample(run, 60, seed=3)[1] == draw_sample(run, 60, seed=3)[1]
    assert draw_sample(run, 60, seed=3)[1] != draw_sample(run, 60, seed=4)[1]


def test_the_file_is_for_labels_and_says_nothing_of_the_guard(run: Path, tmp_path: Path) -> None:
    sample, drawn, record = draw_sample(run, 60)
    write_sample(tmp_path / "out" / "s.csv", sample, drawn, record)
    lines = read(tmp_path / "out" / "s.csv")
    assert tuple(lines[0]) == COLUMNS
    assert {(line["label"], line["category"]) for line in lines} == {("", "")}
    assert all(Path(line["path"]).is_file() and line["path"].endswith(line["key"]) for line in lines)
    text = (tmp_path / "out" / "s.csv").read_text(encoding="utf-8")
    assert "Unsafe" not in text
    numbers = [one.stratum for one in drawn]
    assert numbers != sorted(numbers)
    assert read_sample(tmp_path / "out" / "s.csv") == sample


def test_the_rows_of_a_file_do_not_come_in_the_order_of_their_lots(run: Path) -> None:
    """The lots of large strata are small ones; an order by lot would show which stratum a row is from."""
    sample, drawn, _ = draw_sample(run, 120)
    halves = [Counter(one.stratum for one in half) for half in (drawn[:60], drawn[60:])]
    for stratum in sample.strata:
        if stratum.drawn >= 20:
            assert min(half[stratum.number] for half in halves) >= stratum.drawn * 0.2


def test_known_images_and_errors_are_not_drawn(tmp_path: Path) -> None:
    members = [(f"{level}.png", png(level)) for level in range(0, 250, 5)] + [("broken.png", b"x"), ("k.png", png(9))]
    known = KnownHashes(frozenset([sha256_of_bytes(png(9))]))
    annotate(tar(tmp_path / "a.tar", members), tmp_path / "run", guard(), known=known)
    sample, drawn, record = draw_sample(tmp_path / "run", 500)
    assert (sample.known, sample.not_rated, sample.labels) == (1, 1, 50)
    assert {"k", "broken"}.isdisjoint({one.key for one in drawn})
    write_sample(tmp_path / "s.csv", sample, drawn, record)
    assert {line["path"] for line in read(tmp_path / "s.csv")} == {str(tmp_path / "a.tar")}


def test_a_name_that_a_spreadsheet_would_run_is_made_harmless_and_found_again(tmp_path: Path) -> None:
    source = tar(tmp_path / "in" / "=1+1.tar", [("=2+2.png", png(3)), ("'b.png", png(4))])
    annotate(source, tmp_path / "run", guard())
    sample, drawn, record = draw_sample(tmp_path / "run", 2)
    write_sample(tmp_path / "s.csv", sample, drawn, record)
    lines = read(tmp_path / "s.csv")
    assert {line["key"] for line in lines} == {"'=2+2", "''b"}
    assert {line["shard"] for line in lines} == {"'=1+1"}
    fill_in(tmp_path / "s.csv", lambda line: ("Safe", ""))
    assert len(read_labels(tmp_path / "s.csv", sample, DEFAULT).by_place) == 2


def test_where_the_dataset_is_gone_paths_are_unknown(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", [5, 10, 200])
    annotate(source, tmp_path / "run", guard())
    source.rename(tmp_path / "moved")
    write_sample(tmp_path / "s.csv", *draw_sample(tmp_path / "run", 3))
    assert {line["path"] for line in read(tmp_path / "s.csv")} == {""}


def test_labels_are_not_overwritten(run: Path, tmp_path: Path) -> None:
    write_sample(tmp_path / "s.csv", *draw_sample(run, 60))
    with pytest.raises(UsageError, match="is there already"):
        write_sample(tmp_path / "s.csv", *draw_sample(run, 60))


def test_one_policy_is_labelled_under(tmp_path: Path) -> None:
    source = tar(tmp_path / "a.tar", [("a.png", png(3)), ("b.png", png(4))])
    annotate(source, tmp_path / "run", guard(), (DEFAULT, EXEMPT))
    with pytest.raises(UsageError, match="--policy default"):
        draw_sample(tmp_path / "run", 2)
    with pytest.raises(UsageError, match="did not ask about children; it asked about default, exempt"):
        draw_sample(tmp_path / "run", 2, "children")
    assert draw_sample(tmp_path / "run", 2, "exempt")[0].policy_hash == EXEMPT.hash


def test_a_sample_without_its_strata_is_refused(run: Path, tmp_path: Path) -> None:
    write_sample(tmp_path / "s.csv", *draw_sample(run, 60))
    beside(tmp_path / "s.csv").write_text("{}")
    with pytest.raises(UsageError, match="not what was written"):
        read_sample(tmp_path / "s.csv")
    beside(tmp_path / "s.csv").unlink()
    with pytest.raises(UsageError, match="Put it back"):
        read_sample(tmp_path / "s.csv")
