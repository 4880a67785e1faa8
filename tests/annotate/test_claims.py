"""One process works at a shard, and what the dead have claimed is free, in folders as in object stores."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from eyeward.annotate import claims as module
from eyeward.annotate.claims import Claims, Owner
from eyeward.annotate.local_folder import LocalFolder
from eyeward.annotate.object_store import ObjectFolder
from eyeward.annotate.storage import MOMENTARY, Storage


@pytest.fixture(params=["folder", "store"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return LocalFolder(tmp_path)
    return ObjectFolder(MemoryStore(), "memory://run")


def files(storage: Storage) -> list[str]:
    return sorted(entry.name.removeprefix(f"{MOMENTARY}/") for entry in storage.entries(MOMENTARY))


def pass_time(storage: Storage, seconds: float, patch: pytest.MonkeyPatch) -> None:
    """Move the clock of a storage on."""
    now = storage.now
    patch.setattr(storage, "now", lambda: now() + seconds)


def put(storage: Storage, shard: str, owner: Owner) -> None:
    """Write a claim as another process does."""
    storage.put(f"{MOMENTARY}/{module._file_name(shard)}.000001.claim", owner.model_dump_json().encode())


def test_a_claim_is_there_once_until_it_is_given_back(storage: Storage) -> None:
    mine, yours = Claims(storage), Claims(storage)
    claim = mine.take("a/00001")
    assert claim is not None
    with claim:
        assert yours.take("a/00001") is None
        other = yours.take("a_00001")
        assert other is not None
        with other:
            assert len(files(storage)) == 2
    again = yours.take("a/00001")
    assert again is not None
    with again:
        assert again.before is None
    assert files(storage) == []


def test_an_expired_claim_is_taken_over_and_the_old_owner_leaves_it_alone(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = Claims(storage, lease=100)
    old = claims.take("a")
    assert old is not None
    with old:
        pass_time(storage, 90, monkeypatch)
        assert claims.take("a") is None
        pass_time(storage, 20, monkeypatch)
        new = claims.take("a")
        assert new is not None
        assert new.before == old.owner
        assert not old._make_next(), "it learns that it was too late"
        monkeypatch.undo()
        new.__enter__()
    assert claims.take("a") is None
    new.__exit__(None, None, None)
    assert files(storage) == []
    assert claims.take("a") is not None


@pytest.mark.parametrize("awake", ["at once", "after a renewal"])
@pytest.mark.parametrize("other", ["at work", "for long", "gone"])
def test_who_slept_longer_than_a_lease_holds_nothing_any_more(
    other: str, awake: str, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = Claims(storage, lease=1000)
    old = claims.take("a")
    assert old is not None and old.is_held()
    pass_time(storage, 2000, monkeypatch)
    new = claims.take("a")
    assert new is not None
    monkeypatch.undo()
    with new:
        if other == "for long":
            assert [new.is_held() for _ in range(2 * module._KEPT)] == [True] * 2 * module._KEPT
        if other == "gone":
            new.__exit__(None, None, None)
            assert files(storage) == []
        if awake == "after a renewal":
            old._make_next()
        assert not old.is_held()
        old._take_away()
        assert other == "gone" or new.is_held(), "who comes back disturbs nobody"
    assert files(storage) == []


def test_a_number_whose_making_failed_and_was_done_after_all_is_no_loss(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = Claims(storage).take("a")
    assert claim is not None
    create = storage.create

    def unanswered(name: str, data: bytes, lasting: bool = True) -> bool:
        create(name, data, lasting)
        raise OSError("no answer")

    monkeypatch.setattr(storage, "create", unanswered)
    with pytest.raises(OSError, match="no answer"):
        claim.is_held()
    monkeypatch.undo()
    assert claim.is_held()
    claim._take_away()
    assert files(storage) == []


def test_a_claim_is_kept_alive_while_its_owner_lives(storage: Storage) -> None:
    claims = Claims(storage, lease=1.6)
    claim = claims.take("a")
    assert claim is not None
    with claim:
        for _ in range(8):
            time.sleep(0.25)
            assert claims.take("a") is None
        assert 1 < len(files(storage)) <= module._KEPT + 1, "old numbers are taken away, and not the last ones"
    assert files(storage) == []


def test_the_claim_of_a_process_that_is_dead_is_free_at_once(storage: Storage) -> None:
    claims = Claims(storage)
    process = os.posix_spawn("/bin/sleep", ["sleep", "60"], os.environ)
    dead = Owner(token="t", host=module._host(), process=process, started=module._started(process))
    assert not dead.is_dead
    os.kill(process, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while not dead.is_dead and time.monotonic() < deadline:
        time.sleep(0.01)
    assert dead.is_dead, "a zombie is dead"
    os.waitpid(process, 0)
    assert dead.is_dead
    put(storage, "a", dead)
    claim = claims.take("a")
    assert claim is not None
    assert claim.before == dead
    with claim:
        assert len(files(storage)) == 2
    assert files(storage) == []


def test_a_number_that_is_used_again_is_another_process_and_another_machine_is_never_known_to_be_dead() -> None:
    me = Owner.myself()
    assert not me.is_dead
    assert me.model_copy(update={"started": "1"}).is_dead
    assert not me.model_copy(update={"started": "1", "host": "elsewhere"}).is_dead


def test_the_claims_of_a_process_are_freed_by_who_knows_that_it_is_dead(storage: Storage) -> None:
    claims = Claims(storage)
    dead = Owner.myself().model_copy(update={"host": "far away"})
    put(storage, "a", dead)
    put(storage, "b", dead.model_copy(update={"token": "of another claim"}))
    put(storage, "c", dead.model_copy(update={"process": 1}))
    put(storage, "d", dead.model_copy(update={"started": "earlier"}))
    mine = claims.take("e")
    assert mine is not None
    assert claims.take("a") is None
    claims.end(dead)
    taken = [shard for shard in "abcde" if claims.take(shard) is not None]
    assert taken == ["a", "b"]


def test_claims_of_the_dead_at_finished_shards_are_forgotten_and_no_others(storage: Storage) -> None:
    claims = Claims(storage)
    dead = Owner.myself().model_copy(update={"started": "earlier"})
    for shard in "ab":
        put(storage, shard, dead)
    mine = claims.take("c")
    assert mine is not None
    claims.forget(["a", "c"])
    assert len(files(storage)) == 2
    assert claims.take("c") is None


def test_a_claim_that_changes_hands_in_the_midst_is_not_stolen(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = Claims(storage, lease=100)
    put(storage, "a", Owner.myself().model_copy(update={"started": "earlier"}))
    is_over = Claims._is_over
    quicker: list[module.Claim | None] = []

    def slow(self: Claims, held: list[module._Number], owner: Owner | None) -> bool:
        found = is_over(self, held, owner)
        if not quicker:  # another process takes it over between the look and the making
            quicker.append(None)
            quicker.append(Claims(storage, lease=100).take("a"))
        return found

    monkeypatch.setattr(Claims, "_is_over", slow)
    assert claims.take("a") is None
    assert quicker[1] is not None
    assert claims.take("a") is None


def test_what_killed_processes_left_is_swept_away(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (".a.draft", ".b.time", "d.000001.claim"):
        storage.put(f"{MOMENTARY}/{name}", b"")
    Claims(storage, lease=10)
    assert files(storage) == [".a.draft", ".b.time", "d.000001.claim"]
    pass_time(storage, 20, monkeypatch)
    Claims(storage, lease=10)
    assert files(storage) == ["d.000001.claim"]


def test_an_interrupt_while_a_claim_is_made_leaves_none(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    claims = Claims(storage)
    create = storage.create

    def interrupted(name: str, data: bytes, lasting: bool = True) -> bool:
        create(name, data, lasting)
        raise KeyboardInterrupt

    monkeypatch.setattr(storage, "create", interrupted)
    with pytest.raises(KeyboardInterrupt):
        claims.take("a")
    assert files(storage) == []
