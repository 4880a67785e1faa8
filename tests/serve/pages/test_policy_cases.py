"""Test cases of a policy: added with an image, run at every save, shown blurred, never of known images."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from eyeward.images import DecodedImage, Limits, decode
from eyeward.images.hashes import sha256_of_bytes
from eyeward.images.known import KnownHashes
from eyeward.policy import Policy
from eyeward.serve import cases as cases_module
from eyeward.serve.keys import Keys
from eyeward.serve.pages import policy_cases
from eyeward.serve.policies import PolicyBook
from eyeward.serve.settings import ServeSettings
from eyeward.serve.threads import Threads
from eyeward.verdict import Failure
from tests.serve.pages.visiting import Visit, visiting
from tests.serve.test_keys import entry, write
from tests.serve.watching import Watch
from tests.serve.world import BRIGHT, DARK, Engine, bmp, data_url, png, service

MINE = Policy.load("default").only("O6", "O2").renamed("mine")
CASES = "/policies/named/mine/cases"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "policies"


@pytest.fixture
def book(folder: Path) -> PolicyBook:
    book = PolicyBook(folder)
    book.put("mine", MINE.to_yaml())
    return book


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def visit(book: PolicyBook, engine: Engine) -> Iterator[Visit]:
    with visiting(service(engine, book=book)) as visit:
        yield visit


def add(visit: Visit, image: bytes, rating: str, category: str | None = None, name: str = "a.png") -> Any:
    body = {"image": data_url(image), "name": name, "rating": rating, "category": category}
    return visit.send(CASES, body)


def rows(page: str) -> list[str]:
    """Return the cells of the cases, as text, one line a case."""
    found = re.findall(r"<tr data-case=.*?</tr>", page, re.DOTALL)
    return [" | ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in found]


def test_a_case_is_judged_at_once_and_kept_beside_the_versions(visit: Visit, folder: Path) -> None:
    answer = add(visit, png(BRIGHT), "Unsafe", "O6")
    assert answer.status_code == 201, answer.text
    assert answer.json()["outcome"]["passed"] is True
    place = folder / "mine" / "cases"
    assert (place / f"{sha256_of_bytes(png(BRIGHT))}.image").read_bytes() == png(BRIGHT)
    kept = json.loads((place / f"{sha256_of_bytes(png(BRIGHT))}.json").read_text(encoding="utf-8"))
    assert (kept["name"], kept["rating"], kept["category"], kept["added_by"]) == ("a.png", "Unsafe", "O6", "nobody")
    page = visit.page("/policies/named/mine")
    assert "1 of 1 as expected, by fake" in " ".join(page.split())
    (row,) = rows(page)
    assert "a.png" in row
    assert "as | expected" in row


def test_others_need_not_wait_while_the_image_of_a_case_is_read_and_hashed(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(monkeypatch)
    for name in ("from_address", "new_case"):
        watch(policy_cases, name)
    watch(cases_module, "sha256_of_bytes")
    assert add(visit, bmp(BRIGHT, 320), "Unsafe").status_code == 201
    assert {name for name, _ in watch.in_loop} == {"from_address", "new_case", "sha256_of_bytes"}
    assert not any(in_loop for _, in_loop in watch.in_loop)


def test_all_cases_are_run_when_a_policy_is_saved_and_what_failed_is_shown(visit: Visit, folder: Path) -> None:
    add(visit, png(BRIGHT), "Unsafe", "O6", "bright.png")
    add(visit, png(DARK), "Unsafe", None, "dark.png")
    add(visit, png(DARK, 9), "Safe", "O2", "other.png")
    answer = visit.submit("/policies/save", text=MINE.sensitive("O2").to_yaml(), name="mine", based_on="1")
    assert answer.headers["location"] == "/policies/named/mine?saved=created"
    page = visit.page(answer.headers["location"])
    assert "1 of 3 as expected" in " ".join(page.split())
    first, second, third = rows(page)
    assert "bright.png" in first
    assert "not | as | expected" not in first
    assert "not | as | expected" in second
    assert "not | as | expected" in third, "the rating is right, the category is not"
    assert (folder / "mine" / "cases" / "results" / "2.json").is_file()
    old = visit.page("/policies/named/mine?version=1")
    assert "1 of 3 as expected" in " ".join(old.split()), "what was said under the version before stays"


def test_cases_can_be_run_under_an_older_version_and_on_a_draft(visit: Visit, book: PolicyBook, folder: Path) -> None:
    add(visit, png(BRIGHT), "Unsafe", "O6")
    book.put("mine", MINE.sensitive("O2").to_yaml())
    assert "Not run under this version yet" in visit.page("/policies/named/mine")
    answer = visit.submit(f"{CASES}/run", version="2")
    assert answer.headers["location"] == "/policies/named/mine?version=2#cases"
    assert "1 of 1 as expected" in " ".join(visit.page("/policies/named/mine").split())
    tried = visit.send("/policies/try", {"name": "mine", "text": MINE.sensitive("O6").to_yaml()}).json()
    assert (tried["passed"], tried["lines"][0]["wanted"]) == (1, "Unsafe, O6")
    assert "Unsafe, O6: Weapons or Substance Abuse" in tried["lines"][0]["said"]
    assert book.versions("mine") == (1, 2)
    assert not (folder / "mine" / "cases" / "results" / "3.json").exists()
    assert visit.send("/policies/try", {"name": "mine", "text": "name: mine"}).status_code == 422
    assert visit.send("/policies/try", {"name": "none", "text": MINE.to_yaml()}).status_code == 404


def test_what_is_not_judged_never_passes_and_the_policy_is_kept_all_the_same(
    visit: Visit, engine: Engine, book: PolicyBook
) -> None:
    add(visit, png(DARK), "Safe")
    engine.trouble = "crash"
    answer = visit.submit("/policies/save", text=MINE.sensitive("O2").to_yaml(), name="mine", based_on="1")
    assert answer.headers["location"] == "/policies/named/mine?saved=created&cases=unrun"
    assert book.versions("mine") == (1, 2)
    page = visit.page(answer.headers["location"])
    assert "could not be run now" in page
    assert "Not run under this version yet" in page
    engine.trouble = ""


def test_a_case_without_an_answer_of_its_own_is_shown_as_not_judged(visit: Visit, engine: Engine) -> None:
    add(visit, png(40), "Safe", name="spoilt.png")
    add(visit, png(BRIGHT), "Unsafe")
    engine.trouble = "patchy unavailable"  # images as bright as a probe are spared
    visit.submit(f"{CASES}/run", version="1")
    engine.trouble = ""
    page = visit.page("/policies/named/mine")
    assert "1 of 2 as expected" in " ".join(page.split())
    assert "not | judged:" in rows(page)[0]
    assert "not | as | expected" in rows(page)[0]


def test_pictures_on_the_page_hold_a_few_pixels_only(visit: Visit) -> None:
    large = io.BytesIO()
    Image.effect_noise((400, 300), 90).convert("RGB").save(large, "PNG")
    assert add(visit, large.getvalue(), "Review").status_code == 201
    page = visit.page("/policies/named/mine")
    (source,) = re.findall(r'<img class="blurred" src="data:image/jpeg;base64,([^"]*)"', page)
    with Image.open(io.BytesIO(base64.b64decode(source))) as picture:
        assert max(picture.size) <= 16
    assert base64.b64encode(large.getvalue())[:200].decode() not in page


def test_a_known_image_is_refused_and_nothing_of_it_is_kept(book: PolicyBook, folder: Path) -> None:
    known = KnownHashes(frozenset([sha256_of_bytes(png(DARK))]))
    with visiting(service(book=book, known=known)) as visit:
        answer = add(visit, png(DARK), "Unsafe")
    assert answer.status_code == 422
    assert "list of known images" in answer.text
    assert not (folder / "mine" / "cases").exists()


def test_a_case_whose_image_becomes_known_is_shown_without_its_picture(book: PolicyBook) -> None:
    known = KnownHashes(frozenset([sha256_of_bytes(png(DARK))]))
    with visiting(service(book=book)) as visit:
        add(visit, png(DARK), "Safe")
        add(visit, png(BRIGHT), "Unsafe", "O6")
        assert visit.page("/policies/named/mine").count("data:image/") == 2
    with visiting(service(book=book, known=known)) as visit:
        page = visit.page("/policies/named/mine")
    assert len(rows(page)) == 2
    assert page.count("data:image/") == 1


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"image": data_url(b"nothing")}, 422, "cannot be judged"),
        ({"image": "https://example.org/a.png"}, 422, "data: address"),
        ({"image": "data:image/png,a"}, 400, "base64"),
        ({"rating": "Fine"}, 422, "rating"),
        ({"category": "O9"}, 422, "no category"),
        ({"category": "NA"}, 422, "has a category"),
        ({"more": 1}, 422, "more"),
    ],
)
def test_what_is_no_case_is_refused_and_not_kept(
    visit: Visit, folder: Path, change: dict[str, object], status: int, said: str
) -> None:
    body = {"image": data_url(png(BRIGHT)), "name": "a", "rating": "Unsafe", "category": None, **change}
    answer = visit.send(CASES, body)
    assert answer.status_code == status, answer.text
    assert said in answer.text
    assert not (folder / "mine" / "cases").exists()


def test_the_same_image_is_one_case(visit: Visit) -> None:
    add(visit, png(DARK), "Unsafe")
    add(visit, png(DARK), "Safe")
    (row,) = rows(visit.page("/policies/named/mine"))
    assert "not | as" not in row


def test_there_is_an_end_to_cases(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases_module, "MOST_CASES", 1)
    assert add(visit, png(DARK), "Safe").status_code == 201
    assert add(visit, png(DARK), "Unsafe").status_code == 201
    assert "at most 1" in add(visit, png(BRIGHT), "Unsafe").text


def test_more_cases_than_one_request_may_hold_are_run_in_parts(book: PolicyBook) -> None:
    with visiting(service(book=book, settings=ServeSettings(images=2))) as visit:
        for side in range(8, 13):
            assert add(visit, png(DARK, side), "Safe").status_code == 201
        visit.submit(f"{CASES}/run", version="1")
        assert "5 of 5 as expected" in " ".join(visit.page("/policies/named/mine").split())


def test_a_case_is_taken_away_with_its_image(visit: Visit, folder: Path) -> None:
    add(visit, png(DARK), "Safe")
    sha256 = sha256_of_bytes(png(DARK))
    assert visit.submit(f"{CASES}/remove", sha256=sha256).status_code == 303
    assert [file.name for file in (folder / "mine" / "cases").iterdir() if file.is_file()] == []
    for other in (sha256, "../../1", "", "..%2f", "a" * 64):
        assert visit.submit(f"{CASES}/remove", sha256=other).status_code == 404
    assert (folder / "mine" / "1.yaml").is_file()


def test_names_of_files_are_shown_as_text(visit: Visit) -> None:
    add(visit, png(DARK), "Safe", name='"><script>alert(1)</script>.png')
    page = visit.page("/policies/named/mine")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_damaged_file_is_named(visit: Visit, folder: Path) -> None:
    add(visit, png(DARK), "Safe")
    file = folder / "mine" / "cases" / f"{sha256_of_bytes(png(DARK))}.json"
    file.write_text("{", encoding="utf-8")
    answer = visit.get("/policies/named/mine")
    assert answer.status_code == 422
    assert file.name in answer.text


def test_only_those_who_write_policies_touch_cases(tmp_path: Path, book: PolicyBook) -> None:
    keys = write(tmp_path / "keys.yaml", entry("web", "caller"), entry("owner", "owner", roles=["policy_owner"]))
    with visiting(service(book=book, keys=Keys(keys))) as visit:
        visit.sign_in("caller")
        assert add(visit, png(DARK), "Safe").status_code == 403
        assert visit.submit(f"{CASES}/run", version="1").status_code == 403
        assert visit.submit(f"{CASES}/remove", sha256="a" * 64).status_code == 403
        visit.sign_in("owner")
        assert add(visit, png(DARK), "Safe").status_code == 201
        assert "owner" in next((tmp_path / "policies" / "mine" / "cases").glob("*.json")).read_text(encoding="utf-8")


def test_the_image_of_a_case_is_decoded_once_for_all_who_look(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []

    def counting(data: bytes, limits: Limits) -> DecodedImage | Failure:
        decoded.append(len(data))
        return decode(data, limits)

    monkeypatch.setattr(policy_cases, "decode", counting)
    add(visit, png(DARK), "Safe")
    first = visit.page("/policies/named/mine")
    assert first.count("data:image/") == 1
    assert visit.page("/policies/named/mine").count("data:image/") == 1
    assert decoded == [len(png(DARK))]
    add(visit, png(BRIGHT), "Unsafe", "O6")
    assert visit.page("/policies/named/mine").count("data:image/") == 2
    assert decoded == [len(png(DARK)), len(png(BRIGHT))]


def test_an_image_that_is_not_the_one_of_its_case_is_not_shown(visit: Visit, folder: Path) -> None:
    add(visit, png(DARK), "Safe")
    file = folder / "mine" / "cases" / f"{sha256_of_bytes(png(DARK))}.image"
    file.write_bytes(png(BRIGHT))
    assert "data:image/" not in visit.page("/policies/named/mine")


def test_who_waits_behind_too_many_for_pictures_is_told_so(book: PolicyBook, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, hold = threading.Event(), threading.Event()

    def slowly(data: bytes, limits: Limits) -> DecodedImage | Failure:
        begun.set()
        assert hold.wait(60.0)
        return decode(data, limits)

    monkeypatch.setattr(policy_cases, "decode", slowly)
    monkeypatch.setattr(policy_cases, "Threads", lambda name, most, waiting: Threads(name, most, 0))
    book.put("empty", MINE.renamed("empty").to_yaml())
    with visiting(service(book=book)) as visit, ThreadPoolExecutor(1) as other:
        add(visit, png(DARK), "Safe")
        first = other.submit(visit.get, "/policies/named/mine")
        assert begun.wait(60.0)
        assert visit.get("/policies/named/mine").status_code == 429
        assert visit.get("/policies/named/empty").status_code == 200, "there is nothing to decode"
        hold.set()
        assert first.result(60.0).status_code == 200
        assert visit.get("/policies/named/mine").status_code == 200
