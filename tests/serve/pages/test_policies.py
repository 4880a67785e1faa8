"""The pages of policies: list, versions, what changed, an editor that is looked over, and saving as the API saves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eyeward.policy import Policy
from eyeward.serve.keys import Keys
from eyeward.serve.policies import Kept, PolicyBook
from tests.serve.pages.visiting import Visit, visiting
from tests.serve.test_keys import entry, write
from tests.serve.world import DARK, data_url, png, service

MINE = Policy.load("default").only("O6", "O2").renamed("mine")


@pytest.fixture
def book(tmp_path: Path) -> PolicyBook:
    return PolicyBook(tmp_path / "policies")


@pytest.fixture
def visit(book: PolicyBook) -> Iterator[Visit]:
    with visiting(service(book=book, unknown=["zeppelin"])) as visit:
        yield visit


def text_of(page: str) -> str:
    """Return what stands in the editor."""
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert found is not None
    return found[1].replace("&#39;", "'").replace("&#34;", '"').replace("&amp;", "&")


def test_all_policies_are_listed_with_what_the_guard_cannot_read(visit: Visit, book: PolicyBook) -> None:
    book.put("mine", MINE.add_rule("O6", "zeppelin.", "can").sensitive("O2").to_yaml())
    page = visit.page("/policies")
    for name in ("default", "children", "news", "medical", "mine"):
        assert f'<a href="/policies/named/{name}">{name}</a>' in page
    assert page.count("came with the service") == 4
    assert "This guard cannot read all of O6." in page
    assert "O2 sensitive" in page
    assert "used where none is named" in page


def test_a_policy_is_shown_in_each_of_its_versions_with_what_changed(visit: Visit, book: PolicyBook) -> None:
    book.put("mine", MINE.to_yaml())
    book.put("mine", MINE.sensitive("O6").add_rule("O2", "Show a fist.", "should_not").to_yaml())
    page = visit.page("/policies/named/mine")
    assert "mine, version 2" in page
    assert "all of it is forbidden" in page
    assert "What changed since" in page
    old = visit.page("/policies/named/mine?version=1")
    assert "This is an older version." in old
    assert "all of it is forbidden" not in old
    changed = visit.page("/policies/named/mine?version=2&against=1")
    assert "From version 1 to version 2" in changed
    assert "<li>stance: enforced -&gt; sensitive</li>" in changed
    assert "<li>added to should not: Show a fist.</li>" in changed
    assert "They say the same." in visit.page("/policies/named/mine?version=2&against=2")
    assert "unread" not in changed


@pytest.mark.parametrize(
    "path",
    [
        "/policies/named/none",
        "/policies/named/mine?version=9",
        "/policies/named/mine?version=1&against=7",
        "/policies/named/mine?version=x",
        "/policies/named/mine?version=../1",
        "/policies/named/..%2fmine",
        "/policies/new?from=none",
        "/policies/named/none/edit",
    ],
)
def test_what_is_not_there_is_not_found(visit: Visit, book: PolicyBook, path: str) -> None:
    book.put("mine", MINE.to_yaml())
    assert visit.get(path).status_code == 404


def test_saving_keeps_the_next_version_and_the_same_text_keeps_none(visit: Visit, book: PolicyBook) -> None:
    answer = visit.submit("/policies/save", text=MINE.to_yaml().replace("\n", "\r\n"), name="", based_on="0")
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/policies/named/mine?saved=created"
    assert "Saved as version 1." in visit.page(answer.headers["location"])
    kept = book.find("mine")
    assert kept is not None
    assert kept.hash == MINE.hash
    edit = visit.page("/policies/named/mine/edit")
    assert Policy.from_text(text_of(edit)).hash == MINE.hash
    assert 'name="based_on" value="1"' in edit
    same = visit.submit("/policies/save", text=MINE.to_yaml(), name="mine", based_on="1")
    assert same.headers["location"] == "/policies/named/mine?saved=same"
    assert "Nothing changed" in visit.page(same.headers["location"])
    changed = MINE.sensitive("O6")
    visit.submit("/policies/save", text=changed.to_yaml(), name="mine", based_on="1")
    assert book.versions("mine") == (1, 2)


def test_what_somebody_else_saved_meanwhile_is_said_before_it_is_passed_over(visit: Visit, book: PolicyBook) -> None:
    book.put("mine", MINE.to_yaml())
    book.put("mine", MINE.sensitive("O2").to_yaml())
    mine = MINE.sensitive("O6").to_yaml()
    answer = visit.submit("/policies/save", text=mine, name="mine", based_on="1")
    assert answer.status_code == 409
    assert "Somebody saved version 2" in answer.text
    assert text_of(answer.text) == mine
    assert book.versions("mine") == (1, 2)
    assert 'name="based_on" value="2"' in answer.text
    assert visit.submit("/policies/save", text=mine, name="mine", based_on="2").status_code == 303
    assert book.versions("mine") == (1, 2, 3)


@pytest.mark.parametrize(("name", "said"), [("mine", "Somebody saved version 2"), ("", "There is a policy")])
def test_who_saves_in_the_very_same_moment_passes_over_nobody(
    visit: Visit, book: PolicyBook, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    if name:
        book.put("mine", MINE.to_yaml())
    put = book.put

    def beaten(*arguments: Any) -> Kept:
        put("mine", MINE.sensitive("O2").to_yaml())
        return put(*arguments)

    monkeypatch.setattr(book, "put", beaten)
    text = MINE.sensitive("O6").to_yaml()
    answer = visit.submit("/policies/save", text=text, name=name, based_on="1" if name else "0")
    assert answer.status_code == 409
    assert said in answer.text
    assert text_of(answer.text) == text
    assert len(book.versions("mine")) == (2 if name else 1)


@pytest.mark.parametrize(
    ("text", "name", "status", "said"),
    [
        ("name: mine\n", "mine", 422, "categories"),
        (MINE.renamed("yours").to_yaml(), "mine", 422, "calls itself &#39;yours&#39;"),
        (MINE.to_yaml(), "", 422, "There is a policy &#39;mine&#39; already"),
        (Policy.load("default").to_yaml(), "default", 403, "stays as it is"),
        (MINE.add_rule("O6", "<end> of it.", "can").to_yaml(), "mine", 422, "mark of its own"),
        ("# " + "x" * 70_000, "mine", 413, "larger than"),
    ],
)
def test_what_cannot_be_kept_stays_in_the_editor_with_the_reason(
    visit: Visit, book: PolicyBook, text: str, name: str, status: int, said: str
) -> None:
    book.put("mine", MINE.sensitive("O6").to_yaml())
    answer = visit.submit("/policies/save", text=text, name=name, based_on="1")
    assert answer.status_code == status
    assert said in answer.text
    assert 'role="alert"' in answer.text
    assert book.versions("mine") == (1,)
    if status == 422 and "<" not in text:
        assert text_of(answer.text).strip() == text.strip()


def test_a_version_that_is_no_number_is_refused(visit: Visit) -> None:
    assert visit.submit("/policies/save", text=MINE.to_yaml(), name="mine", based_on="x").status_code == 400


def test_a_draft_is_looked_over_with_lines(visit: Visit) -> None:
    good = visit.send("/policies/lint", {"text": MINE.to_yaml()}).json()
    assert (good["usable"], good["name"], good["findings"]) == (True, "mine", [])
    assert good["covered"]["not_covered"] == []
    text = "name: mine\ncategories:\n  - {id: O1, name: A, should_not: [x]}\n  - {id: O1, name: B, should_not: [y]}\n"
    bad = visit.send("/policies/lint", {"text": text}).json()
    assert (bad["usable"], bad["covered"]) == (False, None)
    assert [(found["level"], found["line"]) for found in bad["findings"]] == [("error", 4)]
    doubt = visit.send(
        "/policies/lint", {"text": text.replace("  - {id: O1, name: B, should_not: [y]}\n", "").replace("A", "A.")}
    )
    assert [found["level"] for found in doubt.json()["findings"]] == ["warning"]
    mark = visit.send("/policies/lint", {"text": MINE.add_rule("O6", "<end> of it.", "can").to_yaml()}).json()
    assert (mark["usable"], mark["findings"][0]["code"]) == (False, "guard")
    unread = visit.send("/policies/lint", {"text": MINE.add_rule("O6", "zeppelin.", "can").to_yaml()}).json()
    assert unread["covered"]["unknown_words"] == {"O6": ["zeppelin"]}
    assert visit.send("/policies/lint", {"text": "x" * 70_000}).status_code == 413


def test_a_policy_is_copied_under_another_name(visit: Visit) -> None:
    text = text_of(visit.page("/policies/new?from=news%401"))
    copied = Policy.from_text(text)
    assert (copied.name, copied.version, copied.hash) == ("news-copy", 1, Policy.load("news").hash)
    assert visit.submit("/policies/save", text=text, name="", based_on="0").status_code == 303


def test_the_text_that_an_empty_editor_begins_with_can_be_kept(visit: Visit) -> None:
    text = text_of(visit.page("/policies/new"))
    lint = visit.send("/policies/lint", {"text": text}).json()
    assert (lint["usable"], lint["findings"]) == (True, [])


def test_a_policy_from_the_playground_becomes_yaml(visit: Visit) -> None:
    answer = visit.send("/policies/yaml", {"text": MINE.model_dump_json(exclude={"verbatim"})})
    assert Policy.from_text(answer.json()["yaml"]).hash == MINE.hash


def test_those_who_may_not_write_see_and_do_not_save(tmp_path: Path, book: PolicyBook) -> None:
    book.put("mine", MINE.to_yaml())
    keys = write(
        tmp_path / "keys.yaml",
        entry("web", "caller", policies=["mine", "news@1"]),
        entry("reader", "reviewer", roles=["reviewer"]),
    )
    with visiting(service(book=book, keys=Keys(keys))) as visit:
        visit.sign_in("caller")
        listed = visit.page("/policies")
        assert re.findall(r"/policies/named/([a-z]+)", listed) == ["news", "mine"]
        assert visit.get("/policies/named/default").status_code == 404
        assert visit.get("/policies/named/mine").status_code == 200
        for key in ("caller", "reviewer"):
            visit.sign_in(key)
            page = visit.page("/policies/named/mine")
            assert ">Edit</a>" not in page
            assert "Add a test case" not in page
            assert visit.get("/policies/named/mine/edit").status_code == 403
            saved = visit.submit("/policies/save", text=MINE.sensitive("O6").to_yaml(), name="mine", based_on="1")
            assert saved.status_code == 403
            assert visit.send("/policies/lint", {"text": "name: x"}).status_code == 403
    assert book.versions("mine") == (1,)


def test_without_a_folder_nothing_is_kept_and_the_page_says_how_to_change_that() -> None:
    with visiting(service()) as visit:
        assert "--policies DIR" in visit.page("/policies")
        answer = visit.submit("/policies/save", text=MINE.to_yaml(), name="", based_on="0")
        assert answer.status_code == 403
        assert "--policies FOLDER" in answer.text


def test_a_damaged_version_is_an_error_with_its_reason(visit: Visit, book: PolicyBook, tmp_path: Path) -> None:
    book.put("mine", MINE.to_yaml())
    (tmp_path / "policies" / "mine" / "2.yaml").write_text("name: other", encoding="utf-8")
    answer = visit.get("/policies/named/mine")
    assert answer.status_code == 422
    assert "cannot be read" in answer.text
    listed = visit.get("/policies")
    assert listed.status_code == 200 and "children" in listed.text, "the others are there"


def test_a_version_in_the_address_of_a_policy_is_no_failure(visit: Visit) -> None:
    assert visit.get("/policies/named/default@1").status_code in (200, 404)


def test_an_owner_of_one_version_saves_the_next_and_goes_on(book: PolicyBook, tmp_path: Path) -> None:
    book.put("mine", MINE.to_yaml())
    keys = Keys(write(tmp_path / "keys.yaml", entry("owner", "owner", roles=["policy_owner"], policies=["mine@1"])))
    with visiting(service(book=book, keys=keys)) as visit:
        visit.sign_in("owner")
        saved = visit.submit("/policies/save", text=MINE.sensitive("O6").to_yaml(), name="mine", based_on="1")
        assert saved.headers["location"] == "/policies/named/mine?saved=created"
        assert "Saved as version 2." in visit.page(saved.headers["location"])
        assert 'name="based_on" value="2"' in visit.page("/policies/named/mine/edit")
        case = {"image": data_url(png(DARK)), "name": "a.png", "rating": "Safe", "category": None}
        assert visit.send("/policies/named/mine/cases", case).status_code == 201
        assert visit.submit("/policies/named/mine/cases/run", version="2").status_code == 303
        assert visit.send("/policies/try", {"name": "mine", "text": MINE.to_yaml()}).status_code == 200
        assert visit.get("/policies/named/news").status_code == 404


@pytest.mark.parametrize("path", ["/policies/lint", "/policies/yaml"])
def test_a_text_that_is_more_than_a_policy_is_told_so_at_once(visit: Visit, path: str) -> None:
    text = "name: mine\ncategories:\n- id: O1\n  name: A\n  can: [" + "a, " * 20_000 + "]"
    answer = visit.send(path, {"text": text})
    assert "more than 5,000 keys, lists and texts" in answer.text
    assert answer.status_code == (200 if path == "/policies/lint" else 422)
