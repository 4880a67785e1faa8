from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from eyeward.errors import PublishError, UsageError
from eyeward.publish.card import Card
from eyeward.publish.hub import RepoKind
from eyeward.publish.leaving import Refusal, files_of
from eyeward.publish.plan import Plan, publish
from tests.publish.repositories import FakeHub, good_dataset

REPO = "somebody/scenes"


def planned(folder: Path, *refusals: Refusal) -> Plan:
    return Plan(folder, REPO, RepoKind.dataset, files_of(folder)[0], Card(("mit",)), refusals)


def test_what_was_planned_is_sent_and_nothing_else(tmp_path: Path) -> None:
    folder = good_dataset(tmp_path)
    hub = FakeHub()
    plan = planned(folder)
    assert publish(plan, hub) == f"fake://dataset/{REPO}"
    assert hub.received == {file.name: (folder / file.name).read_bytes() for file in plan.files}
    assert plan.bytes == sum(map(len, hub.received.values()))
    assert plan.by_ending == {"*.png": 2, "*.md": 1, "*.jsonl": 1}


@pytest.mark.parametrize("public", [False, True])
def test_a_new_repository_is_private_unless_told(tmp_path: Path, public: bool) -> None:
    hub = FakeHub()
    publish(planned(good_dataset(tmp_path)), hub, public)
    assert hub.made == [(REPO, RepoKind.dataset, not public)]


def test_a_public_repository_that_is_there_wants_to_be_named_as_one(tmp_path: Path) -> None:
    hub = FakeHub(private=False)
    with pytest.raises(PublishError, match="is public.*say --public"):
        publish(planned(good_dataset(tmp_path)), hub)
    assert hub.received == {}
    publish(planned(tmp_path), hub, public=True)
    assert hub.made == []
    assert hub.received


def test_a_private_one_that_is_there_is_used(tmp_path: Path) -> None:
    hub = FakeHub(private=True)
    publish(planned(good_dataset(tmp_path)), hub)
    assert hub.made == []
    assert hub.received


def test_nothing_leaves_while_something_is_refused(tmp_path: Path) -> None:
    hub = FakeHub()
    with pytest.raises(PublishError, match="a.py is a program"):
        publish(planned(good_dataset(tmp_path), Refusal("a.py", "is a program.")), hub)
    assert (hub.made, hub.received) == ([], {})


@pytest.mark.parametrize("change", ["added", "rewritten", "longer", "gone", "linked"])
def test_a_folder_that_was_changed_since_it_was_checked_does_not_leave(tmp_path: Path, change: str) -> None:
    folder = good_dataset(tmp_path / "in")
    plan, hub = planned(folder), FakeHub()
    if change == "added":
        (folder / "new.md").write_text("x", encoding="utf-8")
    elif change == "rewritten":
        card = folder / "README.md"
        card.write_text(card.read_text(encoding="utf-8").swapcase(), encoding="utf-8")
        os.utime(card, ns=(0, card.stat().st_mtime_ns + 1))
    elif change == "longer":
        (folder / "README.md").write_text("another card", encoding="utf-8")
    elif change == "gone":
        (folder / "README.md").unlink()
    else:
        (folder / "new.md").symlink_to(tmp_path)
    with pytest.raises(PublishError, match="was changed since it was checked"):
        publish(plan, hub)
    assert (hub.made, hub.received) == ([], {})


@pytest.mark.parametrize("repo", ["scenes", "a/b/c", "a b/c", "", "../x", "a/", "/a", "a/-b", "https://x.org/a/b"])
def test_a_repository_is_named_by_its_owner_and_its_name(tmp_path: Path, repo: str) -> None:
    with pytest.raises(UsageError, match="write ORGANISATION/NAME"):
        replace(planned(good_dataset(tmp_path)), repo=repo)
