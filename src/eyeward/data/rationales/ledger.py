"""What teachers wrote, on disk as soon as it is there, so that no label is explained twice.

`taught.jsonl` has a line for each label that a teacher has explained, or has failed to explain well. A line that was
not finished, because the machine stopped, is taken away when the file is opened again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eyeward.data.rationales.guidance import Guidance
from eyeward.data.rationales.origin import Obstacle, RationaleOrigin, RefusedAttempt, Writer
from eyeward.errors import DataError, ErrorType, described
from eyeward.verdict import ModelRef

FILE_NAME = "taught.jsonl"
_PASSING = frozenset({ErrorType.engine_unavailable, ErrorType.deadline, ErrorType.internal})
"""Failures that say nothing about the image."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Trouble(_Record):
    """What kept a teacher from writing anything, in words."""

    obstacle: Obstacle | ErrorType
    message: str


class Taught(_Record):
    """What came of asking teachers about one label."""

    place: int = Field(ge=0)
    """Of its sample in the data set, counted from 0."""
    rationale: str | None = Field(default=None, min_length=1)
    """None where nothing was written that could be kept."""
    teacher: ModelRef | None = None
    guidance: Guidance | None = None
    grounds_added: bool = False
    refused: tuple[RefusedAttempt, ...] = ()
    troubles: tuple[Trouble, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether a teacher has said something: another run need not ask again."""
        return self.rationale is not None or any(
            not _PASSING.issuperset(attempt.objections) for attempt in self.refused
        )

    @property
    def origin(self) -> RationaleOrigin:
        """Where the rationale is from.

        Raises:
            ValueError: when there is none.
        """
        return RationaleOrigin(
            writer=Writer.teacher,
            teacher=self.teacher,
            guidance=self.guidance,
            grounds_added=self.grounds_added,
            refused=self.refused,
        )


class Ledger:
    """The file of one run; only lines that are whole count."""

    def __init__(self, folder: Path) -> None:
        """Read what is there.

        Raises:
            DataError: with file and line, for one that is whole and makes no sense.
        """
        self._file = folder / FILE_NAME
        self.taught: dict[int, Taught] = {}
        """By place."""
        content = self._file.read_bytes() if self._file.is_file() else b""
        whole = content[: content.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                entry = Taught.model_validate_json(line)
            except ValidationError as problem:
                message = f"{described(problem)}; take the line away, and the label is explained again."
                raise DataError(message, self._file, number) from None
            self.taught[entry.place] = entry
        if len(whole) < len(content):
            with self._file.open("r+b") as file:
                file.truncate(len(whole))

    @contextmanager
    def open(self) -> Iterator[None]:
        """Keep the file open for `add`; at the end all is on the disk, whatever ends it."""
        with self._file.open("ab") as self._out:
            try:
                yield
            finally:
                self.sync()

    def add(self, entry: Taught) -> None:
        """Write an entry behind the others, in one piece."""
        self._out.write(f"{entry.model_dump_json()}\n".encode())
        self._out.flush()
        self.taught[entry.place] = entry

    def sync(self) -> None:
        """Wait until everything is on the disk."""
        self._out.flush()
        os.fsync(self._out.fileno())
