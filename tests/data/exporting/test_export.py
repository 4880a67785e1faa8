from __future__ import annotations

from pathlib import Path

import pytest

from eyeward.data.exporting.export import Export, Form
from eyeward.data.folder import SampleFolder, SampleWriter
from eyeward.data.sample import Sample, Split
from eyeward.errors import DataError, UsageError
from eyeward.verdict import NA, Rating
from tests.data.exporting.exports import exported, labelled
from tests.data.importing.imports import imported

EVERY = tuple(Form)


def sample(number: int, **fields: object) -> Sample:
    given = {"image": f"{number}.png", "group": f"g{number}", "category": NA, "rating": Rating.Safe}
    return Sample.model_validate({**given, "split": Split.TRAIN, **fields})


@pytest.mark.parametrize("form", EVERY)
def test_every_row_is_written_or_named_with_the_reason(tmp_path: Path, form: Form) -> None:
    samples = [
        sample(0),
        sample(1),
        sample(2),
        sample(3, policy="0" * 64),
        sample(4, category="O77: Cooking"),
        sample(5),
    ]
    data = labelled(tmp_path / "in", samples)
    (tmp_path / "in" / "1.png").unlink()
    (tmp_path / "in" / "2.png").write_bytes(b"\x80\x04K\x01.")
    done = exported(data, tmp_path / "out", form)
    reasons = {item.reason: item.rows for item in done.rows.discarded}
    assert reasons == {"not_found": 1, "unsupported_format": 1, "unreadable_policy": 1, "unknown_category": 1}
    assert (done.rows.rows, done.rows.taken) == (6, 2)
    assert sum(size.samples for size in done.sides.values()) == 2
    assert len(imported(tmp_path / "out", tmp_path / "again").samples) == 2


@pytest.mark.parametrize("form", EVERY)
def test_a_row_that_names_another_file_by_a_link_takes_no_secret_along(tmp_path: Path, form: Form) -> None:
    (tmp_path / "secret.txt").write_text("geheim", encoding="utf-8")
    data = labelled(tmp_path / "in", [sample(0), sample(1)])
    (tmp_path / "in" / "1.png").unlink()
    (tmp_path / "in" / "1.png").symlink_to(tmp_path / "secret.txt")
    done = exported(data, tmp_path / "out", form)
    assert {item.reason for item in done.rows.discarded} == {"unsupported_format"}
    there = [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert not [file for file in there if b"geheim" in file.read_bytes()]


@pytest.mark.parametrize("form", EVERY)
def test_the_card_comes_last_and_nothing_unfinished_stays(
    tmp_path: Path, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = labelled(tmp_path / "in", [sample(number) for number in range(3)])
    exported(data, tmp_path / "out", form)
    assert not [file for file in (tmp_path / "out").rglob("*") if file.name.startswith(".")]
    newest = max((file for file in (tmp_path / "out").rglob("*") if file.is_file()), key=lambda f: f.stat().st_mtime_ns)
    assert newest.name == "README.md"

    def full(self: Path, *arguments: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("eyeward.data.exporting.sink.Item.read", full)
    with pytest.raises(OSError, match="No space"):
        exported(data, tmp_path / "full", form)
    assert not (tmp_path / "full" / "README.md").exists()


@pytest.mark.parametrize("form", EVERY)
def test_nothing_to_export_is_one_sentence(tmp_path: Path, form: Form) -> None:
    (tmp_path / "in").mkdir()
    SampleWriter(tmp_path / "in").finish()
    with pytest.raises(DataError, match="nothing to export; import or build"):
        exported(SampleFolder(tmp_path / "in"), tmp_path / "out", form)
    data = labelled(tmp_path / "lost", [sample(0)])
    (tmp_path / "lost" / "0.png").unlink()
    with pytest.raises(DataError, match="nothing to export: .*does not exist"):
        exported(data, tmp_path / "other", form)
    assert not (tmp_path / "out" / "README.md").exists()


def test_nothing_is_overwritten_and_a_wrong_guard_leaves_no_folder(tmp_path: Path) -> None:
    data = labelled(tmp_path / "in", [sample(0)])
    with pytest.raises(UsageError, match="is not empty"):
        exported(data, tmp_path / "in", Form.parquet)
    with pytest.raises(UsageError, match="There is no guard"):
        exported(data, tmp_path / "out", Form.llava, "none")
    assert not (tmp_path / "out").exists()


def test_progress_is_told_for_every_row_and_the_name_is_that_of_the_folder(tmp_path: Path) -> None:
    data = labelled(tmp_path / "in", [sample(number) for number in range(3)])
    (tmp_path / "in" / "1.png").unlink()
    told: list[int] = []
    Export(Form.parquet).run(data, tmp_path / "called-so", lambda: told.append(1))
    assert len(told) == 3
    assert "# called-so" in (tmp_path / "called-so" / "README.md").read_text(encoding="utf-8")
