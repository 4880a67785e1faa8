"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

DRAFT_SUFFIX = ".draft"


def create(file: Path, text: str, lasting: bool = True) -> bool:
    """Make a file unless it is there; return whether it was not. Of several processes one makes it.

    A file that is not lasting may be gone after the machine has crashed.
    """
    draft = file.with_name(f".{secrets.token_hex(8)}{DRAFT_SUFFIX}")
    try:
        with draft.open("x", encoding="utf-8") as output:
            output.write(text)
            output.flush()
            if lasting:
                os.fsync(output.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            return False
        except OSError:  # a file system without links: the file is there before its text is
            with suppress(FileExistsError):
                with file.open("x", encoding="utf-8") as output:
                    output.write(text)
                return True
            return False
    finally:
        draft.unlink(missing_ok=True)
    if lasting:
        make_names_last(file.parent)
    return True


def make_names_last(folder: Path) -> None:
    """Make sure that new names in a folder are on the disk; where folders cannot be opened there is no need."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        with suppress(OSError):  # some network file systems know no such thing
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
