"""One process works at a shard, and what the dead have claimed is free."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from eyeward.annotate import claims as module
from eyeward.annotate.claims import Claims, Owner


def age(claims: Claims, seconds: float) -> None:
    (file,) = claims.folder.glob("*.claim")
    then = time.time() - seconds
    os.utime(file, (then, then))


def test_a_claim_is_there_once_until_it_is_given_back(tmp_path: Path) -> None:
    mine, yours = Claims(tmp_path), Claims(tmp_path)
    claim = mine.take("a/00001")
    assert claim is not None
    with claim:
        assert yours.take("a/00001") is None
        other = yours.take("a_00001")
        assert other is not None
        with other:
            assert len(list(mine.folder.iterdir())) == 2
    again = yours.take("a/00001")
    assert again is not None
    with again:
        assert again.before is None
    assert list(mine.folder.iterdir()) == []


def test_an_expired_claim_is_taken_over_and_the_old_owner_leaves_it_alone(tmp_path: Path) -> None:
    claims = Claims(tmp_path, lease=100)
    old = claims.take("a")
    assert old is not None
    with old:
        age(claims, 90)
        assert claims.take("a") is None
        age(claims, 110)
        new = claims.take("a")
        assert new is not None
        assert new.before == old.owner
        new.__enter__()
    assert claims.take("a") is None
    new.__exit__(None, None, None)
    assert claims.take("a") is not None


def test_a_claim_is_kept_alive_while_its_owner_lives(tmp_path: Path) -> None:
    claims = Claims(tmp_path, lease=1.6)
    claim = claims.take("a")
    assert claim is not None
    with claim:
        for _ in range(8):
            time.sleep(0.25)
            assert claims.take("a") is None


def test_the_claim_of_a_process_that_is_dead_is_free_at_once(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
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
    file = claims.folder / f"{module._file_name('a')}.claim"
    file.write_text(dead.model_dump_json())
    claim = claims.take("a")
    assert claim is not None
    assert claim.before == dead


def test_a_number_that_is_used_again_is_another_process_and_another_machine_is_never_known_to_be_dead() -> None:
    me = Owner.myself()
    assert not me.is_dead
    assert me.model_copy(update={"started": "1"}).is_dead
    assert not me.model_copy(update={"started": "1", "host": "elsewhere"}).is_dead


def test_the_claims_of_a_process_are_freed_by_who_knows_that_it_is_dead(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
    dead = Owner.myself().model_copy(update={"host": "far away"})
    for shard, owner in (
        ("a", dead),
        ("b", dead.model_copy(update={"token": "of another claim"})),
        ("c", dead.model_copy(update={"process": 1})),
        ("d", dead.model_copy(update={"started": "earlier"})),
    ):
        (claims.folder / f"{module._file_name(shard)}.claim").write_text(owner.model_dump_json())
    mine = claims.take("e")
    assert mine is not None
    assert claims.take("a") is None
    claims.end(dead)
    taken = [shard for shard in "abcde" if claims.take(shard) is not None]
    assert taken == ["a", "b"]


def test_a_claim_that_changes_hands_in_the_midst_is_not_stolen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claims = Claims(tmp_path, lease=100)
    old = claims.take("a")
    assert old is not None
    age(claims, 110)
    looked: list[Path] = []
    is_over = Claims._is_over

    def slow(self: Claims, file: Path, gone: Owner | None = None) -> bool:
        found = is_over(self, file, gone)
        looked.append(file)
        if len(looked) == 1:  # another process takes it over between the look and the renaming
            file.unlink()
            assert Claims(tmp_path, lease=100).take("a") is not None
        return found

    monkeypatch.setattr(Claims, "_is_over", slow)
    assert claims.take("a") is None
    assert len(list(claims.folder.glob("*.claim"))) == 1


def test_what_killed_processes_left_is_swept_away(tmp_path: Path) -> None:
    claims = Claims(tmp_path, lease=10)
    for name, seconds in ((".a.draft", 20), (".b.time", 20), (".c.over", 5), ("d.claim", 20)):
        (claims.folder / name).write_text("")
        os.utime(claims.folder / name, (time.time() - seconds, time.time() - seconds))
    Claims(tmp_path, lease=10)
    assert sorted(file.name for file in claims.folder.iterdir()) == [".c.over", "d.claim"]
