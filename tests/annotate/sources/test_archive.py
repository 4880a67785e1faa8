"""An archive gives all its files, however it was written; damage is told, and nothing behind it is lost."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeward.annotate.sources.archive import Damage, Member, read_archive
from eyeward.errors import ErrorType
from eyeward.verdict import Failure
from tests.annotate.world import tar

LIMIT = 1 << 20
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
FILES = [(f"{number}.png", bytes([number]) * (300 * number)) for number in range(1, 7)]


def read(content: bytes, largest: int = LIMIT) -> list[Member | Damage]:
    return list(read_archive(io.BytesIO(content), largest))


def packed(tmp_path: Path, form: int = tarfile.USTAR_FORMAT) -> bytes:
    return tar(tmp_path / "a.tar", FILES, form).read_bytes()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return packed(tmp_path_factory.mktemp("archive"))


@pytest.mark.parametrize("form", FORMATS)
def test_names_and_contents_are_those_that_the_standard_library_reads(form: int, tmp_path: Path) -> None:
    files = [*FILES, ("a/" * 60 + "long.png", b"long"), ("é/ü.png", b"accents"), ("empty.png", b""), ("x" * 300, b"x")]
    files = files if form != tarfile.USTAR_FORMAT else [file for file in files if len(file[0]) < 256]
    file = tar(tmp_path / "a.tar", files, form)
    with tarfile.open(file) as opened:
        expected = [(header.name, opened.extractfile(header).read()) for header in opened]  # type: ignore[union-attr]
    assert [
        (member.name, member.content) for member in read(file.read_bytes()) if isinstance(member, Member)
    ] == expected
    assert expected == files


def test_folders_and_devices_are_passed_over_and_links_are_failures(tmp_path: Path) -> None:
    file = tmp_path / "a.tar"
    with tarfile.open(file, "w") as archive:
        for name, kind in (
            ("d", tarfile.DIRTYPE),
            ("p", tarfile.FIFOTYPE),
            ("l", tarfile.SYMTYPE),
            ("h", tarfile.LNKTYPE),
        ):
            header = tarfile.TarInfo(name)
            header.type = kind
            header.linkname = "elsewhere"
            archive.addfile(header)
    found = read(file.read_bytes())
    assert [member.name for member in found if isinstance(member, Member)] == ["l", "h"]
    assert all(isinstance(member, Member) and isinstance(member.content, Failure) for member in found)


def test_a_file_above_the_limit_is_passed_over_and_said_to_be_too_large(archive: bytes) -> None:
    found = read(archive, largest=1000)
    sizes = [member.content if isinstance(member, Member) else None for member in found]
    assert [content.type if isinstance(content, Failure) else content for content in sizes] == [
        *(content for _, content in FILES[:3]),
        *[ErrorType.too_large] * 3,
    ]


@given(st.data())
def test_wherever_an_archive_is_cut_the_files_before_are_whole_and_the_cut_is_told(
    archive: bytes, data: st.DataObject
) -> None:
    ends = []
    place = 0
    for _, content in FILES:
        place += 512 + len(content)
        ends.append(place)
        place += -len(content) % 512
    cut = data.draw(st.integers(0, place))
    found = read(archive[:cut])
    whole = [(m.name, m.content) for m in found if isinstance(m, Member) and isinstance(m.content, bytes)]
    assert whole == FILES[: sum(end <= cut for end in ends)]
    last = found[-1]
    told = last.failure if isinstance(last, Damage) else last.content
    assert isinstance(told, Failure)
    assert told.type is ErrorType.truncated


@given(st.data())
def test_wherever_a_header_is_damaged_the_files_behind_it_are_there_and_the_gap_is_told(
    archive: bytes, data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(FILES) - 1))
    place = sum(512 + len(content) + -len(content) % 512 for _, content in FILES[:number])
    offset = data.draw(st.integers(0, 150))
    damaged = bytearray(archive)
    damaged[place + offset] ^= 0x55
    found = read(bytes(damaged))
    whole = [(m.name, m.content) for m in found if isinstance(m, Member)]
    assert whole == FILES[:number] + FILES[number + 1 :]
    assert [entry.at for entry in found if isinstance(entry, Damage)] == [place]
    assert isinstance(found[number], Damage)


@pytest.mark.parametrize("content", [b"", b"no archive", b"x" * 5000])
def test_what_is_no_archive_is_one_damage(content: bytes) -> None:
    (found,) = read(content)
    assert isinstance(found, Damage)
    assert found.at == 0


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_long_name_whose_file_is_lost_is_not_given_to_the_next(form: int, tmp_path: Path) -> None:
    long = "l" * 120 + ".png"
    content = bytearray(tar(tmp_path / "a.tar", [(long, b"first"), ("next.png", b"next")], form).read_bytes())
    content[2 * 512 + 10] ^= 0x55  # the header behind the one that tells the name
    damage, member = read(bytes(content))
    assert isinstance(damage, Damage)
    assert member == Member("next.png", b"next")


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_SPARSE, b"Z"])
def test_files_of_kinds_that_are_not_read_are_failures_and_not_passed_over(kind: bytes, tmp_path: Path) -> None:
    block = bytearray(tar(tmp_path / "a.tar", [("a.png", b"x" * 700)], tarfile.GNU_FORMAT).read_bytes())
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block[:512])
    found, behind = read(bytes(block[: 3 * 512]) + tar(tmp_path / "b.tar", [("b.png", b"behind")]).read_bytes())
    assert isinstance(found, Member)
    assert isinstance(found.content, Failure)
    assert (found.name, found.content.type) == ("a.png", ErrorType.unreadable)
    assert behind == Member("b.png", b"behind")


def test_what_is_put_apart_is_given_piece_by_piece_and_a_cut_is_told(archive: bytes) -> None:
    taken = bytearray()
    found = list(
        read_archive(
            io.BytesIO(archive), 10, lambda name, at, size: (b"apart", taken.extend) if name == "4.png" else None
        )
    )
    contents = {entry.name: entry.content for entry in found if isinstance(entry, Member)}
    assert (contents["4.png"], bytes(taken)) == (b"apart", FILES[3][1])
    assert len(contents) == len(FILES)
    cut = read_archive(io.BytesIO(archive[:700]), 10, lambda name, at, size: (b"apart", taken.extend))
    first = next(cut)
    assert isinstance(first, Member)
    assert isinstance(first.content, Failure)
    assert first.content.message == "The archive breaks off inside of it, after 188 of 300 bytes."


def test_files_behind_an_end_mark_are_read_too(archive: bytes) -> None:
    found = read(archive + archive)
    assert [(m.name, m.content) for m in found if isinstance(m, Member)] == FILES + FILES
    assert len(found) == 2 * len(FILES)


def test_extended_headers_that_make_no_sense_end_the_archive_with_damage() -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 9
    content = header.tobuf() + b"99999 a=b".ljust(512, b"\0")
    (found,) = read(content)
    assert isinstance(found, Damage)
    assert "an extended header that makes no sense" in found.failure.message


def header(name: bytes, size: bytes, signed: bool = False) -> bytes:
    block = bytearray(tarfile.TarInfo("x").tobuf(tarfile.USTAR_FORMAT))
    block[:100], block[124:136], block[148:156] = name.ljust(100, b"\0"), size, b" " * 8
    block[148:156] = b"%06o\0 " % sum(byte - 256 * (signed and byte > 127) for byte in block)
    return bytes(block)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    "size", [b"00000000003\0", b"          3 ", b"3\0" + b"\0" * 10, b"\x80" + b"\0" * 10 + b"\x03"]
)
def test_numbers_and_sums_are_read_as_any_writer_has_written_them(size: bytes, signed: bool) -> None:
    content = header("é.png".encode(), size, signed) + b"abc".ljust(512, b"\0") + bytes(1024)
    assert read(content) == [Member("é.png", b"abc")]


@pytest.mark.parametrize("size", [b"\xff" * 12, b"9" * 11 + b"\0", b"-0000000003\0"])
def test_a_size_that_is_no_size_is_damage(size: bytes) -> None:
    (found,) = read(header(b"a.png", size) + bytes(1024))
    assert isinstance(found, Damage)
