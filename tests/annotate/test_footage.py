"""A video is read where it lies, by several readers at once, and what is not there any more is said."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import pytest

from eyeward.annotate.footage import Copy, Footage
from eyeward.errors import DataError, ErrorType, ImageError

CONTENT = bytes(range(256)) * 40


def places(tmp_path: Path) -> list[Footage]:
    """Return the same content as a file, as a part of one, and as a copy without a name."""
    whole, part = tmp_path / "whole", tmp_path / "part"
    whole.write_bytes(CONTENT)
    part.write_bytes(b"before" + CONTENT + b"behind")
    copy = Copy()
    copy.write(CONTENT[:1000])
    copy.write(CONTENT[1000:])
    return [Footage.of_file(whole), Footage("part", part, 6, len(CONTENT)), Footage("copy", copy, 0, len(CONTENT))]


def test_it_reads_as_a_file_does_wherever_it_lies(tmp_path: Path) -> None:
    for footage in places(tmp_path):
        assert b"".join(footage.pieces()) == CONTENT
        with footage.open() as first, footage.open() as second:
            assert first.seek(-5, io.SEEK_END) == len(CONTENT) - 5
            assert second.read(3) == CONTENT[:3]
            assert first.read() == CONTENT[-5:]
            assert first.read(1) == b""
            assert first.seek(700) == first.tell() == 700
            assert first.seek(7, io.SEEK_CUR) == 707
            assert first.read(9) == CONTENT[707:716]
            assert second.read(3) == CONTENT[3:6]
            first.seek(len(CONTENT) + 9)
            assert first.read(1) == b""
            with pytest.raises((OSError, ValueError)):
                first.seek(-1)


def test_only_copies_take_room_and_they_go_with_the_last_who_holds_them(tmp_path: Path) -> None:
    whole, part, copy = places(tmp_path)
    assert (whole.held, part.held, copy.held) == (0, 0, 1 << 20)
    assert isinstance(copy.file, Copy)
    descriptor = copy.file.fileno()
    with copy.open() as opened:
        del copy
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
        assert opened.read() == CONTENT


def test_what_is_not_there_any_more_is_an_error(tmp_path: Path) -> None:
    whole, part, _ = places(tmp_path)
    (tmp_path / "part").write_bytes(b"before" + CONTENT[:99])
    with pytest.raises(ImageError, match="part has become shorter: 99 of 10,240 bytes are left") as problem:
        list(part.pieces())
    assert problem.value.type is ErrorType.truncated
    for name in ("whole", "part"):
        (tmp_path / name).unlink()
    for footage in (whole, part):
        with pytest.raises(ImageError, match="does not exist"):
            footage.open()
    with pytest.raises(ImageError, match="is a folder"):
        Footage.of_file(tmp_path).open()


def test_a_copy_for_which_there_is_no_room_is_an_error_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Copy()

    def full(descriptor: int, piece: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(DataError, match=r"No space left on device. Make room there, .*TMPDIR"):
        copy.write(b"x")
