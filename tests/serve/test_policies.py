"""Policies that are sent are kept, every version of them; those that ship stay as they are."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from eyeward.errors import PolicyError, UsageError
from eyeward.policy import Policy
from eyeward.serve.policies import PolicyBook, PolicyRejected, SavedMeanwhile, read_policy
from eyeward.serve.refusals import NotAllowed, Unjudgeable

MINE = Policy.load("default").only("O6").renamed("mine")


def test_the_policies_that_ship_are_there_by_name() -> None:
    book = PolicyBook()
    assert book.default.name == "default"
    assert book.find("children") == Policy.load("children")
    assert book.find("children@1") == Policy.load("children")
    assert book.find("children@2") is None
    assert [policy.name for policy in book.all()][:1] == ["default"]


@pytest.mark.parametrize("name", ["none", "", "../default", "a/b", "a@0", "a@x", "A", "x" * 5000, "a@" + "9" * 50, "."])
def test_what_is_no_policy_is_none(tmp_path: Path, name: str) -> None:
    assert PolicyBook(tmp_path).find(name) is None


def test_every_version_of_what_is_sent_is_kept(tmp_path: Path) -> None:
    book = PolicyBook(tmp_path)
    first = book.put("mine", MINE.to_yaml())
    assert (first.created, first.policy.version, first.policy.hash) == (True, 1, MINE.hash)
    changed = MINE.sensitive("O6")
    second = book.put("mine", changed.renamed("mine", 40).to_yaml())
    assert (second.created, second.policy.version) == (True, 2)
    assert book.find("mine") == second.policy
    assert book.find("mine@1") == first.policy
    assert book.versions("mine") == (1, 2)
    assert PolicyBook(tmp_path).find("mine@1") == first.policy, "another process finds it"
    assert "mine" in [policy.name for policy in book.all()]


def test_one_that_cannot_be_read_any_more_hides_no_other_and_is_said_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    book = PolicyBook(tmp_path)
    book.put("a", MINE.renamed("a").to_yaml())
    book.put("c", MINE.renamed("c").to_yaml())
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.yaml").write_text("categories: 3")
    with caplog.at_level(logging.WARNING, "eyeward.serve"):
        listed = [policy.name for policy in PolicyBook(tmp_path).all()]
    assert {"a", "c"} <= set(listed) and "b" not in listed
    assert [(record.message, vars(record)["fields"]["policy"]) for record in caplog.records] == [
        ("policy_unreadable", "b")
    ]
    with pytest.raises(PolicyError):
        PolicyBook(tmp_path).find("b")


def test_what_says_the_same_makes_no_new_version(tmp_path: Path) -> None:
    book = PolicyBook(tmp_path)
    book.put("mine", MINE.to_yaml())
    again = book.put("mine", "# a comment\n" + MINE.to_yaml())
    assert (again.created, again.policy.version) == (False, 1)


def test_many_writers_get_a_version_each(tmp_path: Path) -> None:
    books = [PolicyBook(tmp_path) for _ in range(4)]
    texts = [MINE.add_rule("O6", f"rule number {n}.", "can").to_yaml() for n in range(20)]
    made: list[int] = []

    def write(worker: int) -> None:
        for number in range(worker, 20, 4):
            made.append(books[worker].put("mine", texts[number]).policy.version)

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == list(range(1, 21))
    assert {Policy.load(tmp_path / "mine" / f"{n}.yaml").hash for n in range(1, 21)} == {
        Policy.from_text(text).hash for text in texts
    }
    assert [file.name for file in (tmp_path / "mine").iterdir() if file.name.startswith(".")] == []


def test_of_many_who_began_with_the_same_version_one_is_kept(tmp_path: Path) -> None:
    PolicyBook(tmp_path).put("mine", MINE.to_yaml())
    books = [PolicyBook(tmp_path) for _ in range(3)]
    texts = [MINE.add_rule("O6", f"rule number {n}.", "can").to_yaml() for n in range(9)]
    together = threading.Barrier(9)
    kept: list[int] = []
    refused: list[int] = []

    def write(number: int) -> None:
        together.wait(60.0)
        try:
            kept.append(books[number % 3].put("mine", texts[number], based_on=1).policy.version)
        except SavedMeanwhile as reason:
            refused.append(reason.latest)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (kept, refused) == ([2], [2] * 8)
    assert PolicyBook(tmp_path).versions("mine") == (1, 2)


def test_another_process_that_is_quicker_by_a_moment_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book, other = PolicyBook(tmp_path), PolicyBook(tmp_path)
    book.put("mine", MINE.to_yaml())
    write = book._write

    def late(policy: Policy) -> bool:
        other.put("mine", MINE.sensitive("O6").to_yaml())
        return write(policy)

    monkeypatch.setattr(book, "_write", late)
    with pytest.raises(SavedMeanwhile, match="Version 2 of 'mine' stands now, and you began with version 1") as refused:
        book.put("mine", MINE.non_violating("O6").to_yaml(), based_on=1)
    assert refused.value.latest == 2


def test_what_is_sent_twice_on_the_same_version_is_kept_once(tmp_path: Path) -> None:
    book = PolicyBook(tmp_path)
    first = book.put("mine", MINE.to_yaml(), based_on=0)
    again = book.put("mine", MINE.to_yaml(), based_on=0)
    assert (first.created, again.created, again.policy.version) == (True, False, 1)
    with pytest.raises(SavedMeanwhile, match="to you it was new"):
        book.put("mine", MINE.sensitive("O6").to_yaml(), based_on=0)


def test_a_policy_with_errors_is_refused_with_all_of_them(tmp_path: Path) -> None:
    text = "name: mine\ncategories:\n  - {id: O1, name: A, should_not: [x]}\n"
    text += "  - {id: O1, name: B, should_not: [y], size: 3}\n"
    with pytest.raises(PolicyRejected) as refused:
        PolicyBook(tmp_path).put("mine", text)
    codes = {finding.code for finding in refused.value.findings}
    assert {"duplicate-id", "unknown-key"} <= codes
    assert not (tmp_path / "mine").exists()


def test_doubts_are_told_and_do_not_hinder(tmp_path: Path) -> None:
    kept = PolicyBook(tmp_path).put("mine", "name: mine\ncategories:\n  - {id: O1, name: A., should_not: [x]}\n")
    assert kept.created
    assert [finding.code for finding in kept.findings] == ["name-ends-with-stop"]


def test_a_policy_is_sent_under_its_own_name_and_never_under_that_of_a_pack(tmp_path: Path) -> None:
    book = PolicyBook(tmp_path)
    with pytest.raises(Unjudgeable, match="calls itself 'mine'"):
        book.put("yours", MINE.to_yaml())
    with pytest.raises(NotAllowed, match="stays as it is"):
        book.put("default", Policy.load("default").sensitive("O1").to_yaml())
    with pytest.raises(NotAllowed, match="keeps no policies"):
        PolicyBook().put("mine", MINE.to_yaml())
    long = "x" * 101
    with pytest.raises(Unjudgeable, match="at most 100"):
        book.put(long, MINE.renamed(long).to_yaml())


def test_the_default_may_be_a_file_or_one_that_was_sent(tmp_path: Path) -> None:
    file = tmp_path / "house.yaml"
    file.write_text(MINE.renamed("house", 3).to_yaml())
    book = PolicyBook(tmp_path / "kept", str(file))
    assert (book.default.name, book.find("house@3")) == ("house", book.default)
    book.put("mine", MINE.to_yaml())
    assert PolicyBook(tmp_path / "kept", "mine").default.name == "mine"
    file.write_text(Policy.load("default").sensitive("O1").to_yaml())
    with pytest.raises(UsageError, match="another policy does so too"):
        PolicyBook(None, str(file))
    with pytest.raises(PolicyError):
        PolicyBook(None, "missing")


def test_a_file_that_somebody_changed_is_not_believed(tmp_path: Path) -> None:
    PolicyBook(tmp_path).put("mine", MINE.to_yaml())
    (tmp_path / "mine" / "1.yaml").write_text(MINE.renamed("yours").to_yaml())
    with pytest.raises(PolicyError, match="another policy than its name says"):
        PolicyBook(tmp_path).find("mine")


def test_json_is_read_like_yaml() -> None:
    assert read_policy(MINE.model_dump_json())[0] == MINE
