"""Windows out of runs and logs, and what is said where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyeward.annotate.run import annotate
from eyeward.errors import DataError, UsageError
from eyeward.evaluate.monitor.reading import hashes_in, labelled_by_hash, read_windows, sha256_of
from eyeward.evaluate.questions import read_questions
from eyeward.evaluate.run import Run
from eyeward.images.statistics import RANGES
from eyeward.policy import Policy
from eyeward.verdict import Rating
from tests.annotate.s3 import serving
from tests.annotate.world import png, tar
from tests.evaluate.monitor.streams import window
from tests.evaluate.worlds import data, guard, row, small

POLICY = Policy.load("default")


def evaluated(tmp_path: Path, name: str = "week 1", guards: tuple[str, ...] = ("bright",)) -> Path:
    run = Run.open(tmp_path / name, "d", read_questions(small(tmp_path / f"data of {name}")).asks)
    for each in guards:
        run.ask(each, guard(name=each))
    run.finish()
    return tmp_path / name


def test_an_evaluation_is_a_window_with_its_own_labels(tmp_path: Path) -> None:
    (found,) = read_windows(evaluated(tmp_path))
    assert (found.name, found.images, found.policy) == ("week 1", 4, POLICY.hash)
    assert found.ratings == {"Safe": 2, "Unsafe": 2}
    assert found.categories == {"NA": 2, "O1": 2}
    assert [(label.truth.value, label.said) for label in found.labels] == [
        ("Unsafe", "Unsafe"),
        ("Unsafe", "Safe"),
        ("Safe", "Unsafe"),
        ("Safe", "Safe"),
    ]
    assert found.model.name == "bright"


def test_one_of_several_guards_and_policies_has_to_be_named(tmp_path: Path) -> None:
    folder = evaluated(tmp_path, guards=("bright", "other"))
    with pytest.raises(UsageError, match="answers of bright, other; name one of them with --guard"):
        read_windows(folder)
    assert read_windows(folder, guard="other")[0].model.name == "other"
    with pytest.raises(UsageError, match="asks under default; name one policy with --policy"):
        read_windows(folder, guard="other", policy="news")
    assert read_windows(folder, guard="other", policy=POLICY.hash[:8])[0].images == 4


def test_an_annotation_run_is_a_window_whose_labels_come_from_elsewhere(tmp_path: Path) -> None:
    folder = small(tmp_path / "d")
    annotate([str(folder)], tmp_path / "run", guard(), [POLICY, POLICY.non_violating("O1").renamed("open")])
    with pytest.raises(UsageError, match="asks under default, open; name one policy"):
        read_windows(tmp_path / "run")
    truth = labelled_by_hash(folder)
    canary = sha256_of(folder / "safe.png")
    (found,) = read_windows(tmp_path / "run", policy="default", labels=truth, canaries={canary})
    assert found.images == 3 and found.ratings == {"Safe": 1, "Unsafe": 2}
    assert found.canaries == {canary: "Safe"}
    assert sorted((label.truth.value, label.said) for label in found.labels) == [
        ("Safe", "Unsafe"),
        ("Unsafe", "Safe"),
        ("Unsafe", "Unsafe"),
    ]
    (other,) = read_windows(tmp_path / "run", policy="open")
    assert other.policy != found.policy


def test_labels_that_no_image_takes_are_a_notice_of_the_window(tmp_path: Path) -> None:
    folder = small(tmp_path / "d")
    annotate([str(folder)], tmp_path / "run", guard(), [POLICY])
    log = tmp_path / "weeks.jsonl"
    log.write_text(window("one", {"NA": 5, "O6": 2}).model_dump_json())
    evaluation = evaluated(tmp_path)
    strangers = {"f" * 64: Rating.Safe}
    said = [read_windows(each, labels=strangers)[0].notices for each in (tmp_path / "run", log, evaluation)]
    assert said == [
        ("Labels were given, and none of them is of its images.",),
        ("Labels were given, and a log holds no SHA-256 to join them by.",),
        ("The labels that were given are not used: an evaluation brings its own.",),
    ]
    assert [read_windows(each)[0].notices for each in (tmp_path / "run", log, evaluation)] == [(), (), ()]
    assert read_windows(tmp_path / "run", labels=labelled_by_hash(folder))[0].notices == ()


def test_a_run_that_is_half_done_says_how_many_of_its_shards_are_finished(tmp_path: Path) -> None:
    for number in range(3):
        tar(tmp_path / "in" / f"{number}.tar", [(f"{number}.png", png(80 * number))])
    source, run = [str(tmp_path / "in")], tmp_path / "run"
    annotate(source, run, guard(), [POLICY])
    annotate(source, tmp_path / "sample", guard(), [POLICY], sample=2)
    assert [read_windows(each)[0].notices for each in (run, tmp_path / "sample")] == [(), ()]
    (run / "1.safety.parquet").unlink()
    (found,) = read_windows(run, labels={"f" * 64: Rating.Safe})
    assert found.images == 2
    assert found.notices == (
        "1 of 3 shards are not judged yet; all counts are of the others.",
        "Labels were given, and none of them is of its images.",
    )
    (tmp_path / "in").rename(tmp_path / "moved")
    (notice,) = read_windows(run)[0].notices
    assert notice.startswith("Whether all shards are judged is not known: the dataset is not there")


def test_a_run_in_an_object_store_is_the_window_that_a_folder_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small(tmp_path / "d")
    annotate([str(folder)], tmp_path / "week 2", guard(), [POLICY])
    with serving() as s3:
        for name, value in {**s3.environment, "XDG_CACHE_HOME": str(tmp_path / "caches")}.items():
            monkeypatch.setenv(name, value)
        annotate([str(folder)], "s3://bucket/runs/week 2", guard(), [POLICY])
        assert read_windows("s3://bucket/runs/week 2") == read_windows(tmp_path / "week 2")
        with pytest.raises(UsageError, match="s3://bucket/runs/week 3 holds no run"):
            read_windows("s3://bucket/runs/week 3")


def test_a_log_has_a_window_a_line_and_a_broken_line_is_named(tmp_path: Path) -> None:
    log = tmp_path / "weeks.jsonl"
    lines = [window(name, {"NA": 5, "O6": 2}).model_dump_json() for name in ("one", "two")]
    log.write_text("\n".join(lines) + "\n\n")
    assert [found.name for found in read_windows(log)] == ["one", "two"]
    assert read_windows(log, policy="ffff") == ()
    log.write_text("\n".join([lines[0], lines[1].replace('"images":7', '"images":8')]))
    with pytest.raises(DataError, match=r"weeks\.jsonl:2: .*add up"):
        read_windows(log)


def test_labels_under_another_policy_are_no_labels_here_and_two_ratings_of_one_file_are_refused(tmp_path: Path) -> None:
    levels = {"a.png": 10, "b.png": 20}
    hash = POLICY.non_violating("O1").model_dump(mode="json")
    folder = data(tmp_path / "d", levels, [row("a.png", Rating.Unsafe), row("b.png", Rating.Safe, policy=hash)])
    assert list(labelled_by_hash(folder).values()) == [Rating.Unsafe]
    twice = data(tmp_path / "t", {"a.png": 10, "b.png": 10}, [row("a.png", Rating.Unsafe), row("b.png", Rating.Safe)])
    with pytest.raises(DataError, match="b.png is labelled Unsafe and Safe"):
        labelled_by_hash(twice)


def test_what_is_no_window_is_refused_with_what_would_be_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no window: name a folder"):
        read_windows(tmp_path)
    with pytest.raises(UsageError, match="holds no canary images"):
        hashes_in(tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        sha256_of(tmp_path / "none")
    (tmp_path / "x.png").write_bytes(b"abc")
    assert hashes_in(tmp_path) == {"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}


def test_numbers_about_images_come_from_runs_that_kept_them(tmp_path: Path) -> None:
    folder = small(tmp_path / "d")
    annotate([str(folder)], tmp_path / "with", guard(), [POLICY], statistics=True)
    annotate([str(folder)], tmp_path / "without", guard(), [POLICY])
    (found,) = read_windows(tmp_path / "with")
    assert found.statistics.keys() == RANGES.keys()
    assert all(sum(counts) == found.images for counts in found.statistics.values())
    assert read_windows(tmp_path / "without")[0].statistics == {}
