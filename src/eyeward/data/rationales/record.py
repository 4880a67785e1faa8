"""What a run explains and by whom, on disk, so that only the same run goes on in its folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

import eyeward
from eyeward.data.folder import SampleFolder, make_empty
from eyeward.errors import UsageError, described
from eyeward.verdict import ModelRef

FILE_NAME = "run.json"


class RunRecord(BaseModel):
    """What stands in `run.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    eyeward: str
    data: str
    labels: str
    """The sha256 of the labels and their policies."""
    teachers: tuple[ModelRef, ...]
    retries: int


def open_run(folder: Path, out: Path, teachers: Sequence[ModelRef], retries: int) -> None:
    """Make the folder `out` for reasons of the labels in `folder`, or see that it holds a run of the same.

    Raises:
        UsageError: when it holds something else, or a run of other teachers or about other labels.
    """
    record = RunRecord(
        eyeward=eyeward.__version__,
        data=str(folder),
        labels=SampleFolder(folder).digest,
        teachers=tuple(teachers),
        retries=retries,
    )
    file = out / FILE_NAME
    if not file.is_file():
        make_empty(out)
        unfinished = out / f".{FILE_NAME}.unfinished"
        unfinished.write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8", newline="\n")
        unfinished.replace(file)
        return
    before = _read(file)
    differences = {
        "other labels": before.labels != record.labels,
        "other teachers": before.teachers != record.teachers,
        f"{before.retries} retries": before.retries != record.retries,
    }
    for what, differs in differences.items():
        if differs:
            raise UsageError(f"{out} holds rationales with {what}; name a new folder, or ask for the same to go on.")


def _read(file: Path) -> RunRecord:
    try:
        return RunRecord.model_validate_json(file.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as problem:
        what = described(problem) if isinstance(problem, ValidationError) else "it is no text"
        raise UsageError(f"{file} is not the record of rationales: {what}. Name a new folder.") from None
