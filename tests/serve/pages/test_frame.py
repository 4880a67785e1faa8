"""What all pages share: headers, signing in, roles, tokens, and nothing that could run what somebody wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from eyeward.policy import Policy
from eyeward.serve import keys as keys_module
from eyeward.serve.keys import Keys
from eyeward.serve.pages.frame import HEADERS, HERE, static_address, static_files
from eyeward.serve.policies import PolicyBook
from tests.serve.pages.visiting import DATA, PAGE, Visit, token_of, visiting
from tests.serve.test_keys import entry, write
from tests.serve.world import DARK, LOCAL, assess, service, serving

TEMPLATES = sorted((HERE / "templates").rglob("*.html"))
SCRIPTS = sorted((HERE / "static").rglob("*.js"))


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(keys_module, "LOOK_AGAIN_SECONDS", 0.0)
    return write(
        tmp_path / "keys.yaml",
        entry("web", "caller"),
        entry("owner", "owner", roles=["policy_owner"]),
        entry("reader", "reviewer", roles=["reviewer"]),
        entry("boss", "admin", roles=["admin"]),
    )


@pytest.fixture
def visit(file: Path, tmp_path: Path) -> Iterator[Visit]:
    with visiting(service(keys=Keys(file), book=PolicyBook(tmp_path / "policies"))) as visit:
        yield visit


@pytest.fixture(scope="module")
def local() -> Iterator[Visit]:
    with visiting(service()) as visit:
        yield visit


@pytest.mark.parametrize("path", ["/", "/policies", "/policies/new", "/policies/named/default", "/runs", "/docs"])
def test_every_page_forbids_scripts_and_styles_that_stand_in_it_and_frames_around_it(local: Visit, path: str) -> None:
    answer = local.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    loaded = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
    assert [address for address in loaded if not address.startswith(("/", "#", "data:"))] == []
    assert "http:" not in answer.text.replace(LOCAL, "")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_holds_a_script_a_style_or_a_value_that_is_not_escaped(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\ssrc=)", text) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:", text) == []
    assert re.findall(r"\|\s*safe|autoescape|Markup", text) == []
    assert re.findall(r"\s[\w-]+=\{\{", text) == [], "a value of an attribute stands in quotes"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_script_writes_markup_or_runs_text_or_loads_from_elsewhere(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|https?://", text) == []
    )


def test_files_are_served_for_ever_under_an_address_of_their_content(local: Visit) -> None:
    page = local.page("/")
    address = static_address("frame.js")
    assert f'src="{address}"' in page
    answer = local.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.content == static_files()["frame.js"]


@pytest.mark.parametrize("name", ["none.js", "../frame.py", "..%2fframe.py", "%2e%2e/session.py", "", "frame.js/"])
def test_no_other_file_is(local: Visit, name: str) -> None:
    assert local.get(f"/static/{name}").status_code == 404


def test_without_keys_a_page_is_there_at_once(local: Visit) -> None:
    page = local.page("/")
    assert "Sign out" not in page
    assert "Sign in" not in page
    for tab in ("Playground", "Policies", "Runs"):
        assert f">{tab}</a>" in page


def test_who_is_not_signed_in_is_led_there_and_back(visit: Visit) -> None:
    answer = visit.get("/policies/named/news?version=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/policies/named/news%3Fversion%3D1"
    page = visit.page(answer.headers["location"])
    assert 'name="next" value="/policies/named/news?version=1"' in page
    into = visit.sign_in("owner", next="/policies/named/news?version=1")
    assert (into.status_code, into.headers["location"]) == (303, "/policies/named/news?version=1")
    assert "owner" in visit.page("/policies")


def test_a_script_without_a_session_is_told_so(visit: Visit) -> None:
    answer = visit.send("/playground/policy", {"policy": "default"})
    assert answer.status_code == 401
    assert "sign in" in answer.json()["error"]["message"]
    assert visit.client.get("/", headers=DATA).status_code == 401


def test_the_cookie_is_for_this_site_alone_and_for_no_script(visit: Visit) -> None:
    for answer in (visit.get("/sign-in"), visit.sign_in("owner")):
        cookie = answer.headers["set-cookie"].lower()
        assert cookie.startswith("eyeward_session=")
        for attribute in ("httponly", "samesite=strict", "path=/"):
            assert attribute in cookie
        assert "secure" not in cookie
        assert "max-age" not in cookie


def test_over_https_the_cookie_stays_there(visit: Visit) -> None:
    token = visit.token
    headers = {**PAGE, "origin": LOCAL.replace("http:", "https:")}
    answer = visit.client.post(
        "/sign-in", data={"csrf": token, "key": "owner"}, headers=headers, follow_redirects=False
    )
    assert answer.status_code == 303
    assert "secure" in answer.headers["set-cookie"].lower()


def test_a_wrong_key_is_refused_and_the_page_stays(visit: Visit) -> None:
    answer = visit.sign_in("wrong")
    assert answer.status_code == 403
    assert "Nobody has this key" in answer.text
    assert "wrong" not in answer.text
    assert visit.get("/policies").status_code == 303


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/\n/evil", "/sign-in"]
)
def test_nobody_is_led_elsewhere_after_signing_in(visit: Visit, target: str) -> None:
    assert visit.sign_in("owner", next=target).headers["location"] == "/policies"


def test_signing_out_ends_the_session(visit: Visit) -> None:
    visit.sign_in("owner")
    assert visit.get("/policies").status_code == 200
    assert visit.submit("/sign-out").status_code == 303
    assert visit.get("/policies").status_code == 303


def test_a_key_that_is_taken_away_ends_the_session(visit: Visit, file: Path) -> None:
    visit.sign_in("owner")
    write(file, entry("boss", "admin", roles=["admin"]))
    assert visit.get("/policies").status_code == 303


@pytest.mark.parametrize(
    ("key", "open_pages"),
    [
        ("caller", {"/", "/policies"}),
        ("owner", {"/policies", "/policies/new", "/runs"}),
        ("reviewer", {"/policies"}),
        ("admin", {"/", "/policies", "/policies/new", "/runs"}),
    ],
)
def test_each_role_sees_its_own_pages(visit: Visit, key: str, open_pages: set[str]) -> None:
    visit.sign_in(key)
    answers = {path: visit.get(path) for path in ("/", "/policies", "/policies/new", "/runs")}
    assert {path for path, answer in answers.items() if answer.status_code == 200} == open_pages
    for path, answer in answers.items():
        if path not in open_pages:
            assert answer.status_code == (303 if path == "/" else 403)
    if "/runs" not in open_pages:
        assert "takes the role policy_owner" in answers["/runs"].text
        assert 'href="/runs"' not in answers["/policies"].text


def test_what_comes_without_the_token_of_this_browser_or_from_elsewhere_is_refused(visit: Visit) -> None:
    visit.sign_in("admin")
    body = {"policy": "default"}
    assert visit.send("/playground/policy", body).status_code == 200
    other = token_of(visiting_anew(visit))
    for token in ("", "0" * 64, other):
        assert visit.send("/playground/policy", body, token=token).status_code == 403
    token = visit.token
    for headers in (
        {"x-csrf-token": token},
        {"x-csrf-token": token, "origin": "http://evil.example"},
        {"x-csrf-token": token, "origin": "null"},
        {"x-csrf-token": token, "sec-fetch-site": "cross-site"},
    ):
        answer = visit.client.post("/playground/policy", json=body, headers={**DATA, **headers})
        assert answer.status_code == 403, headers
    form = visit.client.post("/sign-out", data={"csrf": "no"}, headers={**PAGE, "origin": LOCAL})
    assert form.status_code == 403
    assert visit.get("/policies").status_code == 200


def visiting_anew(visit: Visit) -> str:
    """Return a page as another browser gets it."""
    kept = dict(visit.client.cookies)
    visit.client.cookies.clear()
    page = visit.client.get("/sign-in", headers=PAGE).text
    visit.client.cookies.clear()
    for name, value in kept.items():
        visit.client.cookies.set(name, value)
    return str(page)


def test_a_session_is_no_key_of_the_api_and_a_key_no_session(visit: Visit) -> None:
    visit.sign_in("admin")
    assert assess(visit.client, DARK).status_code == 401
    assert visit.client.get("/metrics").status_code == 401
    visit.client.cookies.clear()
    assert visit.get("/policies", authorization="Bearer admin").status_code == 303


def test_what_somebody_wrote_is_shown_as_text(tmp_path: Path) -> None:
    book = PolicyBook(tmp_path)
    nasty = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    policy = Policy.load("default").only("O6").renamed("mine").rename("O6", nasty).add_rule("O6", nasty, "can")
    book.put("mine", policy.to_yaml())
    with visiting(service(book=book)) as visit:
        for path in ("/policies", "/policies/named/mine", "/policies/named/mine/edit"):
            page = visit.page(path)
            assert "<script>alert" not in page
            assert "<img src=x" not in page
            assert "&lt;script&gt;alert(1)" in page
        answer = visit.get("/policies/named/%3Cscript%3Ealert(1)%3C/script%3E")
        assert answer.status_code == 404
        assert "<script>alert" not in answer.text


def test_without_pages_there_is_the_page_of_the_api_alone() -> None:
    with serving(service()) as client:
        for path in ("/", "/sign-in", "/policies", "/playground/scenes/cake.png", "/runs"):
            assert client.get(path).status_code == 404
        answer = client.get("/docs")
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert client.get(re.findall(r'href="(/static/[^"]*)"', answer.text)[0]).status_code == 200


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/v1/<b>", 404), ("/v1/assess", 405)])
def test_an_address_that_leads_nowhere_is_a_page_without_scripts_for_those_who_look(
    visit: Visit, path: str, status: int
) -> None:
    page = visit.get("/sign-in")
    answer = visit.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    for name in (*HEADERS, "x-content-type-options", "cache-control"):
        assert answer.headers[name] == page.headers[name]
    assert "<script" not in answer.text
    assert "<b>" not in answer.text
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-request-id"] in answer.text
    assert answer.headers.get("allow") == ("POST" if status == 405 else None)
    for accept in ("application/json", "*/*"):
        program = visit.get(path, accept=accept)
        assert (program.status_code, set(program.json())) == (status, {"error", "request_id"})


def test_without_pages_an_address_that_leads_nowhere_is_json_for_everybody() -> None:
    with serving(service()) as client:
        assert set(client.get("/nothing", headers=PAGE).json()) == {"error", "request_id"}


def test_a_form_that_is_too_long_or_none_is_refused(local: Visit) -> None:
    assert local.submit("/policies/save", text="x" * (2 << 20)).status_code == 413
    headers = {**PAGE, "origin": LOCAL, "content-type": "application/x-www-form-urlencoded"}
    pieces = iter([b"key=", b"x"])  # nothing says how long it will be
    assert local.client.post("/sign-in", content=pieces, headers=headers).status_code == 413
    headers = {**PAGE, "origin": LOCAL, "x-csrf-token": local.token}
    answer = local.client.post("/policies/save", json={}, headers=headers)
    assert answer.status_code == 400
