"""Keys are hashes in a file, with roles and policies; a changed file counts at once, a broken one does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from eyeward.errors import UsageError
from eyeward.serve import keys as keys_module
from eyeward.serve.keys import NOBODY, KeyFile, Keys, Role, hash_of, new_key
from eyeward.serve.refusals import NoKey, NotAllowed


def entry(name: str, key: str, **more: object) -> dict[str, object]:
    return {"name": name, "sha256": hash_of(key), **more}


def write(file: Path, *entries: dict[str, object]) -> Path:
    file.write_text(yaml.safe_dump({"keys": list(entries)}), encoding="utf-8")
    return file


@pytest.fixture(autouse=True)
def _looks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "LOOK_AGAIN_SECONDS", 0.0)


def test_a_key_is_known_by_its_hash_and_brings_its_roles_and_policies(tmp_path: Path) -> None:
    made = new_key()
    file = write(
        tmp_path / "keys.yaml",
        entry("web", made, policies=["children", "news@2"]),
        entry("boss", "ew_boss", roles=["admin"], inline_policies=True),
    )
    assert made not in file.read_text()
    keys = Keys(file)
    web = keys.principal(made)
    assert (web.name, web.roles, web.inline_policies) == ("web", frozenset([Role.caller]), False)
    assert web.may_use("children", 7)
    assert web.may_use("news", 2)
    assert not web.may_use("news", 1)
    assert not web.may_use("default", 1)
    assert keys.principal("ew_boss").may_use("anything", 1)


@pytest.mark.parametrize("key", [None, "", "ew_other", "\ud800", "x" * 100_000])
def test_any_other_key_is_none(tmp_path: Path, key: str | None) -> None:
    keys = Keys(write(tmp_path / "keys.yaml", entry("web", "ew_web")))
    with pytest.raises(NoKey):
        keys.principal(key)


def test_the_hash_itself_is_no_key(tmp_path: Path) -> None:
    keys = Keys(write(tmp_path / "keys.yaml", entry("web", "ew_web")))
    with pytest.raises(NoKey):
        keys.principal(hash_of("ew_web"))


def test_a_role_is_required_and_admin_has_all_of_them(tmp_path: Path) -> None:
    keys = Keys(
        write(
            tmp_path / "k",
            entry("web", "a"),
            entry("owner", "b", roles=["policy_owner"]),
            entry("boss", "c", roles=["admin"]),
        )
    )
    keys.principal("a").require(Role.caller)
    with pytest.raises(NotAllowed, match="takes the role policy_owner"):
        keys.principal("a").require(Role.policy_owner)
    with pytest.raises(NotAllowed, match="takes the role admin"):
        keys.principal("b").require()
    for role in Role:
        keys.principal("c").require(role)


def test_a_changed_file_counts_without_a_restart(tmp_path: Path) -> None:
    file = write(tmp_path / "keys.yaml", entry("web", "ew_old"))
    keys = Keys(file)
    assert keys.principal("ew_old").name == "web"
    write(file, entry("web", "ew_brand_new", roles=["caller", "reviewer"]))
    assert keys.principal("ew_brand_new").roles == {Role.caller, Role.reviewer}
    with pytest.raises(NoKey):
        keys.principal("ew_old")


def test_a_file_that_was_replaced_by_one_of_the_same_size_counts_too(tmp_path: Path) -> None:
    file = write(tmp_path / "keys.yaml", entry("web", "ew_old"))
    keys = Keys(file)
    other = write(tmp_path / "other.yaml", entry("web", "ew_new"))
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.replace(file)
    assert keys.principal("ew_new").name == "web"


@pytest.mark.parametrize("broken", ["keys: [", "keys: []", "- 1", "", None])
def test_a_file_that_breaks_leaves_the_keys_as_they_were_and_is_warned_of(tmp_path: Path, broken: str | None) -> None:
    file = write(tmp_path / "keys.yaml", entry("web", "ew_web"))
    warned: list[str] = []
    keys = Keys(file, warned.append)
    if broken is None:
        file.unlink()
    else:
        file.write_text(broken)
    assert keys.principal("ew_web").name == "web"
    assert len(warned) == 1
    assert "stay as they were" in warned[0]
    keys.principal("ew_web")
    assert len(warned) == 1, "once is enough"
    write(file, entry("web", "ew_later"))
    assert keys.principal("ew_later").name == "web"


def test_a_reload_can_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "LOOK_AGAIN_SECONDS", 1e9)
    file = write(tmp_path / "keys.yaml", entry("web", "ew_old"))
    keys = Keys(file)
    write(file, entry("web", "ew_new"))
    with pytest.raises(NoKey):
        keys.principal("ew_new")
    keys.reload()
    assert keys.principal("ew_new").name == "web"


def test_without_a_file_nobody_is_asked_for_a_key() -> None:
    keys = Keys(None)
    assert not keys.wanted
    assert keys.principal(None) is NOBODY
    assert keys.principal("anything") is NOBODY


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"keys": [{"name": "a", "sha256": "ew_secret"}]}, "keys.0.sha256"),
        ({"keys": [{"name": "a b", "sha256": "0" * 64}]}, "keys.0.name"),
        ({"keys": [{"name": "a", "sha256": "0" * 64, "role": "caller"}]}, "keys.0.role"),
        ({"keys": [{"name": "a", "sha256": "0" * 64, "roles": ["king"]}]}, "keys.0.roles"),
        ({"keys": [{"name": "a", "sha256": "0" * 64, "roles": []}]}, "good for nothing"),
        ({"keys": [{"name": "a", "sha256": "0" * 64}, {"name": "a", "sha256": "1" * 64}]}, "same name"),
        ({"keys": [{"name": "a", "sha256": "0" * 64}, {"name": "b", "sha256": "0" * 64}]}, "same sha256"),
    ],
)
def test_a_mistake_in_the_file_is_named_and_no_value_of_it_is_shown(tmp_path: Path, content: object, said: str) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(UsageError, match=said) as refused:
        KeyFile.read(file)
    assert "ew_secret" not in str(refused.value)


def test_keys_are_long_and_never_the_same() -> None:
    made = {new_key() for _ in range(100)}
    assert len(made) == 100
    assert all(len(key) >= 40 for key in made)
