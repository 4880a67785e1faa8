"""What a run asks of the place where it lies holds for folders and for object stores."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import obstore
import pytest
from obstore.exceptions import NotSupportedError
from obstore.store import MemoryStore

from eyeward.annotate.local_folder import LocalFolder
from eyeward.annotate.object_store import ObjectFolder
from eyeward.annotate.storage import MOMENTARY, Storage, storage_at
from eyeward.errors import UsageError


@pytest.fixture(params=["folder", "store"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return LocalFolder(tmp_path / "run")
    return ObjectFolder(MemoryStore(), "memory://run")


def test_what_is_written_is_read_whole_or_from_its_end(storage: Storage) -> None:
    assert storage.read("a/b") is None
    storage.put("a/b", b"0123456789")
    assert storage.read("a/b") == b"0123456789"
    assert storage.read("a/b", 3) == b"789"
    assert storage.read("a/b", 99) == b"0123456789"
    storage.put("a/b", b"new")
    assert storage.read("a/b") == b"new"
    storage.delete("a/b")
    storage.delete("a/b")
    assert storage.read("a/b") is None


def test_a_store_that_gives_no_ends_is_asked_for_the_size_first(monkeypatch: pytest.MonkeyPatch) -> None:
    store = ObjectFolder(MemoryStore(), "memory://run")
    store.put("a", b"0123456789")

    def refused(*arguments: object, **options: object) -> None:
        raise NotSupportedError("no suffix ranges")

    monkeypatch.setattr(obstore, "get", refused)
    assert store.read("a", 3) == b"789"
    assert store.read("a", 99) == b"0123456789"
    assert store.read("b", 3) is None


def test_a_file_is_made_once_however_many_try(storage: Storage) -> None:
    made: list[int] = []
    start = threading.Barrier(8)

    def make(number: int) -> None:
        start.wait()
        if storage.create("one", f"by {number}".encode()):
            made.append(number)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert storage.read("one") == f"by {made[0]}".encode()
    assert not storage.create("one", b"once more")
    assert list(storage.names("one")) == ["one"]


def answer_is_lost(patch: pytest.MonkeyPatch, owner: object, name: str, says: OSError) -> None:
    """Have something be done, and fail as on a file server whose answer does not come through."""
    do = getattr(owner, name)

    def done(*arguments: object) -> None:
        do(*arguments)
        raise says

    patch.setattr(owner, name, done)


LOST = [FileExistsError(errno.EEXIST, "it was asked again"), OSError(errno.EIO, "no answer")]


@pytest.mark.parametrize("says", LOST, ids=["exists", "broken"])
def test_a_file_whose_making_was_not_confirmed_is_not_taken_for_that_of_another(
    says: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = LocalFolder(tmp_path)
    folder.put("another", b"mine")
    answer_is_lost(monkeypatch, os, "link", says)
    assert folder.create("one", b"mine")
    assert folder.read("one") == b"mine"
    assert not folder.create("another", b"mine"), "the same bytes in a file of somebody else"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["another", "one"]


def test_where_there_are_no_links_a_file_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refused)
    folder = LocalFolder(tmp_path)
    assert folder.create("one", b"first")
    assert not folder.create("one", b"second")
    assert (folder.read("one"), list(folder.names(""))) == (b"first", ["one"])


def test_a_file_whose_renaming_was_not_confirmed_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_is_lost(monkeypatch, Path, "replace", FileNotFoundError(errno.ENOENT, "it was asked again"))
    folder = LocalFolder(tmp_path)
    draft, taken_away = folder.draft("file", "1"), folder.draft("file", "2")
    with draft.open(), taken_away.open():
        assert draft.publish()
        taken_away.discard()
        assert not taken_away.publish(), "there is a file, but another one"


def test_files_are_found_by_their_endings_and_hidden_ones_are_not(storage: Storage) -> None:
    for name in ("a.x", "b/c/d.x", "b/.e.x", "f.y"):
        storage.put(name, b"1")
    assert sorted(storage.names(".x")) == ["a.x", "b/c/d.x"]
    assert [entry.name for entry in storage.entries("b/c")] == ["b/c/d.x"]
    assert storage.entries("nowhere") == []


def test_the_time_of_files_and_the_time_now_are_of_one_clock(storage: Storage) -> None:
    before = storage.now()
    storage.put(f"{MOMENTARY}/a", b"")
    (entry,) = storage.entries(MOMENTARY)
    assert before - 0.1 <= entry.modified <= storage.now() + 0.1


def test_a_draft_is_seen_when_it_is_published_and_not_before(storage: Storage) -> None:
    draft = storage.draft("deep/file.x", "1")
    with draft.open() as output:
        output.write(b"whole")
        draft.make_last()
        assert list(storage.names(".x")) == []
        assert draft.publish()
    draft.discard()
    assert storage.read("deep/file.x") == b"whole"


def test_a_draft_that_is_dropped_leaves_nothing(storage: Storage, tmp_path: Path) -> None:
    draft = storage.draft("file.x", "1")
    with draft.open() as output:
        output.write(b"half")
    draft.discard()
    assert storage.read("file.x") is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_drafts_of_the_dead_are_swept_away_and_those_of_other_files_are_not(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    for name in ("a.x", "deep/b.x", "c.x"):
        folder.draft(name, "1").open().close()
    folder.sweep({"a.x", "deep/b.x"})
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [".c.x.1.unfinished"]


def overwrite(storage: Storage, name: str, first: bytes, second: bytes) -> tuple[bool, bool]:
    """Have two processes write one file, of which the second is quicker."""
    slow, quick = storage.draft(name, "slow"), storage.draft(name, "quick")
    with slow.open() as slowly, quick.open() as quickly:
        quickly.write(second)
        quick.make_last()
        published = quick.publish()
        slowly.write(first)
        slow.make_last()
        return slow.publish(), published


@pytest.mark.parametrize("before", [None, b"an older one"])
def test_in_a_store_whoever_is_late_does_not_replace_what_is_newer(before: bytes | None) -> None:
    store = ObjectFolder(MemoryStore(), "memory://run")
    if before is not None:
        store.put("file", before)
    assert overwrite(store, "file", b"late", b"new") == (False, True)
    assert store.read("file") == b"new"


def test_in_a_store_the_same_bytes_twice_are_no_conflict() -> None:
    store = ObjectFolder(MemoryStore(), "memory://run")
    assert overwrite(store, "file", b"same", b"same") == (True, True)


def test_the_clock_of_a_store_goes_on_while_the_machine_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    store = ObjectFolder(MemoryStore(), "memory://run")
    before = store.now()
    clock = time.clock_gettime

    def after_a_night(which: int) -> float:
        return clock(which) + (30_000 if which == time.CLOCK_BOOTTIME else 0)

    monkeypatch.setattr(time, "clock_gettime", after_a_night)
    assert store.now() - before >= 30_000


def test_what_a_store_has_written_is_not_of_the_future(monkeypatch: pytest.MonkeyPatch) -> None:
    store = ObjectFolder(MemoryStore(), "memory://run")
    store.now()
    clock = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda which: clock(which) - 30_000)  # it stood still for so long
    store.put(f"{MOMENTARY}/a", b"")
    (entry,) = store.entries(MOMENTARY)
    assert entry.modified <= store.now()


@pytest.mark.parametrize("size", [10, 11 << 20], ids=["small", "in parts"])
def test_a_file_is_sent_to_a_store_whole(size: int, tmp_path: Path) -> None:
    store = ObjectFolder(MemoryStore(), "memory://run")
    assert store.is_empty
    file = tmp_path / "file"
    file.write_bytes(os.urandom(size))
    store.send("deep/file", file)
    assert store.read("deep/file") == file.read_bytes()
    assert not store.is_empty


def test_lines_are_appended(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    store = ObjectFolder(MemoryStore(), "memory://run")
    for number in range(250):
        folder.append("ledger/me.jsonl", f"{number}\n")
        store.append("ledger/me.jsonl", f"{number}\n")
    parts = sorted(store.names(".jsonl"))
    assert len(parts) == 3
    assert b"".join(store.read(name) or b"" for name in parts) == (tmp_path / "ledger" / "me.jsonl").read_bytes()


@pytest.mark.parametrize("kind", [str, Path])
def test_addresses_lead_to_stores_and_paths_to_folders(kind: Callable[[str], str | Path], tmp_path: Path) -> None:
    assert isinstance(storage_at(kind("s3://bucket/a/run/")), ObjectFolder)
    assert str(storage_at(kind("s3://bucket/a/run/"))) == "s3://bucket/a/run"
    assert isinstance(storage_at(kind(str(tmp_path / "run"))), LocalFolder)


@pytest.mark.parametrize(
    "address", ["memory://run", "http://example.org/run", "file:///run", "hf://datasets/a/b", "s3://"]
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(UsageError, match="are written to a folder, or to s3://"):
        storage_at(address)


def test_a_file_is_no_place_for_a_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file; name a folder"):
        storage_at(tmp_path / "file")
