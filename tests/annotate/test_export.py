"""What is kept was judged and found Safe; everything removed has its reason."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from eyeward.annotate.export import export
from eyeward.annotate.finished import Finished
from eyeward.annotate.run import annotate
from eyeward.annotate.sources import open_source
from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.errors import UsageError
from tests.annotate.world import DEFAULT, parquet, pictures, png, rows, tar, troubled
from tests.evaluate.worlds import guard
from tests.fakes import by_brightness, raw_answer

LENIENT = DEFAULT.only("O2", "O6").renamed("lenient")


def lenient(prompt: Prompt) -> RawAnswer:
    """Call nothing unsafe under the second policy."""
    under_it = prompt.form.label_slots[1].labels[0].startswith("O2")
    return raw_answer(prompt, 0.01) if under_it else by_brightness(prompt)


def names(file: Path) -> list[str]:
    with tarfile.open(file) as archive:
        return archive.getnames()


def listed(file: Path) -> list[tuple[str, int]]:
    return list(dict.fromkeys((row["shard"], row["index"]) for row in pq.read_table(file).to_pylist()))


def test_every_image_is_in_one_list_and_only_safe_ones_are_kept(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 4)
    annotate(source, tmp_path / "run", guard(lenient), (DEFAULT, LENIENT))
    found = export(Finished.open(tmp_path / "run"), tmp_path / "out")
    judged = rows(tmp_path / "run")
    safe = {place(row) for row in judged} - {place(row) for row in judged if row["rating"] != "Safe"}
    assert set(listed(tmp_path / "out" / "kept.parquet")) == safe
    assert set(listed(tmp_path / "out" / "removed.parquet")) == {place(row) for row in judged} - safe
    assert found.kept == len(safe) > 10
    assert found.removed["error"] == 2
    reasons = {
        (row["rating"], row["reason"]) for row in pq.read_table(tmp_path / "out" / "removed.parquet").to_pylist()
    }
    assert reasons == {("Unsafe", "unsafe"), (None, "error"), ("Safe", None)}, "Safe under the other policy"


def place(row: dict[str, object]) -> tuple[object, object]:
    return row["shard"], row["index"]


def test_archives_keep_whole_samples_with_all_their_files(tmp_path: Path) -> None:
    both = [("c.left.png", png(1)), ("c.right.png", png(250)), ("c.json", b"{}")]
    members = [
        ("a.png", png(5)),
        ("a.json", b'{"x": 1}'),
        ("b.png", png(250)),
        ("b.json", b"{}"),
        *both,
        ("d.png", png(6)),
    ]
    source = tar(tmp_path / "in" / "s.tar", members)
    annotate(source, tmp_path / "run", guard())
    export(Finished.open(tmp_path / "run"), tmp_path / "out")
    assert names(tmp_path / "out" / "s.tar") == ["a.png", "a.json", "d.png"]
    assert listed(tmp_path / "out" / "kept.parquet") == [("s", 0), ("s", 4)]
    removed = pq.read_table(tmp_path / "out" / "removed.parquet").to_pylist()
    assert [(row["key"], row["reason"]) for row in removed] == [
        ("b", "unsafe"),
        ("c.left.png", "sample"),
        ("c.right.png", "unsafe"),
    ]
    with tarfile.open(tmp_path / "out" / "s.tar") as archive:
        content = archive.extractfile("a.json")
        assert content is not None
        assert content.read() == b'{"x": 1}'


def test_a_sample_with_an_image_at_which_nobody_can_look_is_not_kept(tmp_path: Path) -> None:
    members = [("a.png", png(5)), ("a.avif", b"x"), ("b.png", png(6)), ("b.json", b"{}"), ("c.heic", b"y")]
    annotate(tar(tmp_path / "s.tar", members), tmp_path / "run", guard())
    assert [(row["key"], row["error_type"]) for row in rows(tmp_path / "run")] == [
        ("a.png", None),
        ("a.avif", "unsupported_format"),
        ("b", None),
        ("c", "unsupported_format"),
    ]
    found = export(Finished.open(tmp_path / "run"), tmp_path / "out")
    assert (found.kept, found.removed) == (1, {"sample": 1, "error": 2})
    assert names(tmp_path / "out" / "s.tar") == ["b.png", "b.json"]


def test_tables_keep_their_columns_and_metadata(tmp_path: Path) -> None:
    levels = [5, 250, 6, 251, 7, 252, 8]
    contents = [None if level == 252 else png(level) for level in levels]
    file = parquet(tmp_path / "in" / "t.parquet", contents, caption=[str(level) for level in levels])
    annotate(file, tmp_path / "run", guard())
    export(Finished.open(tmp_path / "run"), tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "t.parquet")
    assert table["caption"].to_pylist() == ["5", "6", "7", "8"]
    assert table.schema == pq.read_table(file).schema


def test_loose_files_become_links(tmp_path: Path) -> None:
    annotate(pictures(tmp_path / "in", [5, 250, 6]), tmp_path / "run", guard())
    export(Finished.open(tmp_path / "run"), tmp_path / "out")
    links = sorted((tmp_path / "out" / "images").rglob("*.png"))
    assert [str(link.relative_to(tmp_path / "out" / "images")) for link in links] == ["even/0000.png", "even/0002.png"]
    assert links[0].read_bytes() == png(5)


def test_review_is_removed_unless_it_is_asked_for(tmp_path: Path) -> None:
    source = tar(tmp_path / "a.tar", [(f"{level}.png", png(level)) for level in (5, 120, 250)])
    annotate(source, tmp_path / "run", guard(band=(0.4, 0.6)))
    run = Finished.open(tmp_path / "run")
    assert export(run, tmp_path / "strict").removed == {"review": 1, "unsafe": 1}
    assert export(run, tmp_path / "loose", keep_review=True).removed == {"unsafe": 1}
    assert names(tmp_path / "loose" / "a.tar") == ["5.png", "120.png"]


def test_one_policy_of_several_may_decide(tmp_path: Path) -> None:
    source = tar(tmp_path / "a.tar", [("5.png", png(5)), ("250.png", png(250))])
    annotate(source, tmp_path / "run", guard(lenient), (DEFAULT, LENIENT))
    for policy, expected in (("default", ["5"]), ("lenient", ["5", "250"])):
        export(Finished.open(tmp_path / "run"), tmp_path / policy, policies=[policy])
        assert names(tmp_path / policy / "a.tar") == [f"{key}.png" for key in expected]
    with pytest.raises(UsageError, match="did not ask about children"):
        export(Finished.open(tmp_path / "run"), tmp_path / "no", policies=["children"])


def test_a_condition_removes_more_and_never_keeps_what_is_not_safe(tmp_path: Path) -> None:
    source = tar(tmp_path / "a.tar", [("5.png", png(5)), ("100.png", png(100)), ("250.png", png(250)), ("x.png", b"")])
    annotate(source, tmp_path / "run", guard())
    run = Finished.open(tmp_path / "run")
    assert export(run, tmp_path / "a", where="p_unsafe < 0.3").removed == {"condition": 1, "unsafe": 1, "error": 1}
    assert export(run, tmp_path / "b", where="true").removed == {"unsafe": 1, "error": 1}
    assert export(run, tmp_path / "c", where="error_type = 'unreadable'").kept == 0
    with pytest.raises(UsageError, match="makes no sense"):
        export(run, tmp_path / "d", where="no_such_column > 1")
    with pytest.raises(UsageError, match="no condition on a row"):
        export(run, tmp_path / "e", where="count(*) > 1")


def test_what_is_not_finished_or_has_changed_is_not_exported(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 2)
    annotate(open_source(source), tmp_path / "run", guard(), rank=1, world_size=2)
    with pytest.raises(UsageError, match="'00000' is not answered"):
        Finished.open(tmp_path / "run")
    annotate(source, tmp_path / "run", guard())
    source.rename(tmp_path / "moved")
    with pytest.raises(UsageError, match="no file or folder"):
        Finished.open(tmp_path / "run")
    run = Finished.open(tmp_path / "run", [str(tmp_path / "moved")])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    with pytest.raises(UsageError, match="is not empty"):
        export(run, tmp_path / "full")
    tar(tmp_path / "moved" / "00001.tar", [("new.png", png(1))])
    with pytest.raises(UsageError, match="'00001' has changed"):
        Finished.open(tmp_path / "run", [str(tmp_path / "moved")])


def test_a_sample_is_not_exported(tmp_path: Path) -> None:
    annotate(troubled(tmp_path / "in", 2), tmp_path / "run", guard(), sample=3)
    with pytest.raises(UsageError, match="answers a sample only"):
        Finished.open(tmp_path / "run")


def test_numbers_about_images_go_along(tmp_path: Path) -> None:
    annotate(
        tar(tmp_path / "a.tar", [("a.png", png(3)), ("b.png", png(250))]), tmp_path / "run", guard(), statistics=True
    )
    export(Finished.open(tmp_path / "run"), tmp_path / "out")
    (kept,) = pq.read_table(tmp_path / "out" / "kept.parquet").to_pylist()
    assert kept["image_brightness"] == pytest.approx(3 / 255, abs=1e-3)
