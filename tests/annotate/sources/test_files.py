"""Names on a command line to files: patterns, ranges, addresses, what their outputs are called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import fsspec
import pytest

from eyeward.annotate.sources.files import expand, files_below, has_below, identity_of, opened, shard_names
from eyeward.errors import DataError, UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a-008.tar", "a-009.tar", "a-010.tar", "b-8.tar", "b-9.tar", "b-10.tar", "x{1,2}.tar", "sub/c.tar"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["a-{008..010}.tar"], ["a-008.tar", "a-009.tar", "a-010.tar"]),
        (["b-{8..10}.tar"], ["b-8.tar", "b-9.tar", "b-10.tar"]),
        (["a-{010..008}.tar"], ["a-010.tar", "a-009.tar", "a-008.tar"]),
        (["{a-008,b-9}.tar"], ["a-008.tar", "b-9.tar"]),
        (["{a-00,b-}{8,9}.tar"], ["a-008.tar", "a-009.tar", "b-8.tar", "b-9.tar"]),
        (["x{1,2}.tar"], ["x{1,2}.tar"]),
        (["b-*.tar", "a-008.tar"], ["b-10.tar", "b-8.tar", "b-9.tar", "a-008.tar"]),
        (["{a,b}-*9.tar"], ["a-009.tar", "b-9.tar"]),
        (["**/c.tar"], ["sub/c.tar"]),
    ],
)
def test_patterns_and_ranges_stand_for_files_in_order(folder: Path, names: list[str], found: list[str]) -> None:
    assert expand(names) == found


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a-{008..012}.tar"], r"There is no file or folder 'a-011.tar', 'a-012.tar'\."),
        (["a-{100..199}.tar"], "and 97 more"),
        (["missing.tar"], "no file or folder 'missing.tar'"),
        (["z*.tar"], "No file matches"),
        (["a-008.tar", "a-{008..009}.tar"], "'a-008.tar' is named twice"),
        (["{0..99999999}.tar"], "more than 10,000,000 files"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_is_judged(folder: Path, names: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        expand(names)


def test_files_elsewhere_are_found_and_read_as_those_here(folder: Path) -> None:
    memory = fsspec.filesystem("memory")
    for name in ("a-008.tar", "a-009.tar"):
        memory.pipe(f"/bucket/{name}", (folder / name).read_bytes())
    assert expand(["memory://bucket/a-{008..009}.tar"]) == ["memory://bucket/a-008.tar", "memory://bucket/a-009.tar"]
    assert expand(["memory://bucket/*.tar"]) == ["memory:///bucket/a-008.tar", "memory:///bucket/a-009.tar"]
    assert len(files_below("memory://bucket", (".tar",))) == 2
    with opened("memory://bucket/a-008.tar") as file:
        assert file.read() == b"a-008.tar"
    assert identity_of("memory://bucket/a-008.tar") == identity_of("a-008.tar") != identity_of("a-009.tar")


def test_a_store_that_tells_a_digest_is_asked_for_it_and_not_for_the_content(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/a.tar", b"content")
    monkeypatch.setattr(type(memory), "info", lambda self, path, **options: {"size": 7, "ETag": '"abc"', "name": path})
    monkeypatch.setattr(type(memory), "open", None)
    assert identity_of("memory://bucket/a.tar") == "7-abc"


def test_whatever_a_store_raises_is_an_error_of_the_moment_that_names_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/a.tar", b"content")
    name = "memory://bucket/a.tar"

    class ServerSaysNo(Exception):
        """As packages of stores have their own."""

    def fail(*given: object, **options: object) -> object:
        raise ServerSaysNo("401,\nnot you")

    stream = opened(name)
    monkeypatch.setattr(type(stream._file), "read", fail)  # type: ignore[attr-defined]
    with stream, pytest.raises(OSError, match="ServerSaysNo: 401, not you"):
        stream.read(3)
    with pytest.raises(DataError, match=r"memory://bucket/a.tar: It cannot be read: ServerSaysNo: 401, not you\."):
        identity_of(name)
    for method, ask in (("info", identity_of), ("exists", lambda asked: expand([asked])), ("open", opened)):
        monkeypatch.setattr(type(memory), method, fail)
        with pytest.raises(DataError, match="a.tar: It cannot be read: ServerSaysNo"):
            ask(name)


def test_archives_behind_links_are_found_and_a_folder_that_cannot_be_opened_stands_for_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "in" / "closed").mkdir(parents=True)
    (folder / "in" / "linked").symlink_to(folder / "sub")
    (folder / "in" / "round").symlink_to(folder / "in")
    (folder / "in" / ".hidden.tar").touch()
    assert files_below("in", (".tar",)) == ["in/linked/c.tar"]
    scandir = os.scandir

    def guarded(path: Path) -> Any:  # the superuser, who may run this, can open every folder
        if path.name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert files_below("in", (".tar",)) == ["in/closed", "in/linked/c.tar"]
    assert has_below("in", (".tar",))
    assert not has_below("in", (".parquet",))


def test_an_unknown_kind_of_address_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be reached"):
        expand(["nosuchthing://bucket/a.tar"])


def test_outputs_are_called_as_their_shards_below_the_folder_that_all_share() -> None:
    assert shard_names(["d/00000.tar"]) == ["00000"]
    assert shard_names(["d/a/0.tar", "d/b/0.tar.gz"]) == ["a/0", "b/0"]
    assert shard_names(["d/0.tar", "d/b/0.tar"]) == ["0", "b/0"]
    assert shard_names(["../x/0.tar", "y/1.tar"])[0].endswith("x/0")
    assert not any(name.startswith(("/", "..")) for name in shard_names(["../x/0.tar", "y/1.tar"]))
    assert shard_names(["s3://bucket/v1.5/a.b.parquet"]) == ["a.b"]


def test_two_shards_with_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="would both be answered in 'a'"):
        shard_names(["a.tar", "a.tar.gz"])


def test_hidden_files_and_other_endings_are_no_shards(folder: Path) -> None:
    (folder / ".a.tar").touch()
    (folder / "A.TAR").touch()
    (folder / "a.txt").touch()
    names = [Path(file).name for file in files_below(".", (".tar",))]
    assert "A.TAR" in names
    assert not {".a.tar", "a.txt"} & set(names)
