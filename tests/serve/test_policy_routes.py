"""Policies over HTTP: lint on write, versions kept, what the guard makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from eyeward.policy import Policy
from eyeward.serve.policies import PolicyBook
from tests.serve.world import BRIGHT, assess, service, serving

MINE = Policy.load("default").only("O6").renamed("mine")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with serving(service(book=PolicyBook(tmp_path), unknown=["zeppelin"])) as client:
        yield client


def test_a_policy_is_written_read_and_judged_by(client: TestClient) -> None:
    answer = client.put("/v1/policies/mine", content=MINE.to_yaml(), headers={"content-type": "application/yaml"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["created"] is True
    again = client.put("/v1/policies/mine", content=MINE.to_yaml())
    assert (again.status_code, again.json()["created"], again.json()["policy"]["version"]) == (200, False, 1)
    changed = client.put("/v1/policies/mine", json=MINE.sensitive("O6").model_dump(mode="json"))
    assert (changed.status_code, changed.json()["versions"]) == (201, [1, 2])
    first = client.get("/v1/policies/mine@1").json()
    assert Policy.from_text(first["yaml"]).hash == MINE.hash
    assert client.get("/v1/policies/mine").json()["policy"]["version"] == 2
    assert assess(client, BRIGHT, policies=["mine@1"]).json()["verdicts"][0]["policy"]["hash"] == MINE.hash
    assert "mine" in [policy["policy"]["name"] for policy in client.get("/v1/policies").json()["policies"]]


def test_a_change_of_somebody_else_is_not_passed_over(client: TestClient) -> None:
    assert client.put("/v1/policies/mine?based_on=0", content=MINE.to_yaml()).status_code == 201
    first, second = MINE.sensitive("O6").to_yaml(), MINE.non_violating("O6").to_yaml()
    assert client.put("/v1/policies/mine?based_on=1", content=first).status_code == 201
    late = client.put("/v1/policies/mine?based_on=1", content=second)
    assert (late.status_code, late.json()["error"]["code"]) == (409, "conflict")
    assert "Version 2 of 'mine' stands now" in late.json()["error"]["message"]
    assert client.get("/v1/policies/mine").json()["versions"] == [1, 2]
    assert client.put("/v1/policies/mine?based_on=2", content=second).json()["policy"]["version"] == 3
    for nonsense in ("x", "-1", "1.5", "", "9" * 10):
        assert client.put(f"/v1/policies/mine?based_on={nonsense}", content=first).status_code == 400


def test_what_the_guard_cannot_read_of_a_policy_is_said(client: TestClient) -> None:
    policy = MINE.add_rule("O6", "zeppelin.", "can")
    assert client.put("/v1/policies/mine", content=policy.to_yaml()).json()["not_covered"] == ["O6"]
    assert client.get("/v1/policies/default").json()["not_covered"] == []


def test_errors_are_refused_with_their_lines_and_nothing_is_kept(client: TestClient) -> None:
    text = "name: mine\ncategories:\n  - {id: O1, name: A, should_not: [x]}\n  - {id: O1, name: B, should_not: [y]}\n"
    answer = client.put("/v1/policies/mine", content=text)
    assert answer.status_code == 422
    assert any("4: error" in finding for finding in answer.json()["error"]["findings"])
    assert client.get("/v1/policies/mine").status_code == 404


def test_a_policy_that_the_guard_cannot_be_asked_is_refused(client: TestClient) -> None:
    answer = client.put("/v1/policies/mine", content=MINE.add_rule("O6", "<end> of it.", "can").to_yaml())
    assert answer.status_code == 422
    assert "mark of its own" in answer.json()["error"]["message"]
    assert client.get("/v1/policies/mine").status_code == 404


@pytest.mark.parametrize(
    ("name", "content", "kind", "status"),
    [
        ("mine", b"\xff\xfe", "application/yaml", 400),
        ("mine", b"", "application/yaml", 422),
        ("mine", b"- 1", "application/yaml", 422),
        ("mine", b"name: mine", "image/png", 415),
        ("mine", b"# " + b"x" * 70_000, "application/yaml", 413),
        ("default", Policy.load("default").to_yaml().encode(), "application/yaml", 403),
        ("yours", MINE.to_yaml().encode(), "application/yaml", 422),
        ("..%2fmine", MINE.to_yaml().encode(), "application/yaml", 404),
    ],
)
def test_what_is_no_policy_or_may_not_be_written_is_refused(
    client: TestClient, name: str, content: bytes, kind: str, status: int
) -> None:
    answer = client.put(f"/v1/policies/{name}", content=content, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
