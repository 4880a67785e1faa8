"""Only the same run goes on in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyeward.data.rationales.record import FILE_NAME, open_run
from eyeward.errors import UsageError
from eyeward.verdict import ModelRef
from tests.data.rationales.classroom import plain, written

MINI = ModelRef(name="mini", revision="1", engine="local")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "in", [plain(0)])


def test_the_same_goes_on_wherever_its_labels_lie_now(folder: Path, tmp_path: Path) -> None:
    open_run(folder, tmp_path / "out", [MINI], 2)
    open_run(folder.rename(tmp_path / "elsewhere"), tmp_path / "out", [MINI], 2)


def test_anything_else_is_refused_and_says_what_differs(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    open_run(folder, out, [MINI], 2)
    with pytest.raises(UsageError, match="with 2 retries"):
        open_run(folder, out, [MINI], 3)
    with pytest.raises(UsageError, match="other teachers"):
        open_run(folder, out, [MINI.model_copy(update={"revision": "2"})], 2)
    with pytest.raises(UsageError, match="other teachers"):
        open_run(folder, out, [], 2)
    with pytest.raises(UsageError, match="other labels"):
        open_run(written(tmp_path / "more", [plain(0), plain(1)]), out, [MINI], 2)


def test_a_folder_that_holds_something_else_is_left_alone(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not empty"):
        open_run(folder, folder, [MINI], 2)
    out = tmp_path / "out"
    out.mkdir()
    for content in (b'{"questions": 3}', b"\xff"):
        (out / FILE_NAME).write_bytes(content)
        with pytest.raises(UsageError, match="is not the record of rationales"):
            open_run(folder, out, [MINI], 2)
        assert (out / FILE_NAME).read_bytes() == content
