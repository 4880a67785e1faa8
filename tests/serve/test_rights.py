"""Who may do what, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from eyeward.policy import Policy
from eyeward.serve.keys import Keys
from eyeward.serve.policies import PolicyBook
from tests.serve.test_keys import entry, write
from tests.serve.world import BRIGHT, DARK, assess, service, serving

MINE = Policy.load("default").only("O6").renamed("mine")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    keys = write(
        tmp_path / "keys.yaml",
        entry("web", "caller"),
        entry("pinned", "pinned", policies=["children", "news"]),
        entry("free", "free", inline_policies=True),
        entry("owner", "owner", roles=["policy_owner"]),
        entry("owner_of_one", "owner-of-one", roles=["policy_owner"], policies=["mine@1"]),
        entry("user_of_one", "user-of-one", policies=["mine@1"]),
        entry("reviewer", "reviewer", roles=["reviewer"]),
        entry("boss", "boss", roles=["admin"]),
    )
    with serving(service(keys=Keys(keys), book=PolicyBook(tmp_path / "policies"))) as client:
        yield client


def by(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def status(client: TestClient, key: str, *levels: int, **more: Any) -> int:
    client.headers["Authorization"] = f"Bearer {key}"
    answer = assess(client, *levels, **more)
    assert answer.status_code == 200 or "verdicts" not in answer.text
    return int(answer.status_code)


def test_without_a_key_only_health_and_readiness_are_answered(client: TestClient) -> None:
    assert assess(client, DARK).status_code == 401
    assert assess(client, DARK).headers["www-authenticate"] == "Bearer"
    for path in ("/v1/models", "/v1/policies", "/v1/policies/default", "/metrics"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers=by("wrong")).status_code == 401
        assert client.get(path, headers={"Authorization": "Basic caller"}).status_code == 401
    assert client.put("/v1/policies/mine", content=MINE.to_yaml()).status_code == 401
    assert client.post("/v1/moderations", json={"input": "a"}).status_code == 401
    assert client.get("/health").status_code == 200
    assert client.get("/ready").status_code == 200


def test_each_role_does_its_own(client: TestClient) -> None:
    assert [status(client, key, DARK) for key in ("caller", "owner", "reviewer", "boss")] == [200, 403, 403, 200]
    put = [
        client.put("/v1/policies/mine", content=MINE.to_yaml(), headers=by(key)).status_code
        for key in ("caller", "reviewer", "owner", "boss")
    ]
    assert put == [403, 403, 201, 200]
    other = client.put("/v1/policies/other", content=MINE.renamed("other").to_yaml(), headers=by("owner-of-one"))
    assert other.status_code == 403
    next_version = MINE.sensitive("O6").to_yaml()
    assert client.put("/v1/policies/mine", content=next_version, headers=by("owner-of-one")).status_code == 201
    assert [client.get("/metrics", headers=by(key)).status_code for key in ("caller", "owner", "boss")] == [
        403,
        403,
        200,
    ]
    for key in ("caller", "owner", "reviewer", "boss"):
        assert client.get("/v1/policies", headers=by(key)).status_code == 200


def test_a_pinned_key_uses_its_policies_only_the_first_where_none_is_named(client: TestClient) -> None:
    client.headers["Authorization"] = "Bearer pinned"
    assert assess(client, BRIGHT).json()["verdicts"][0]["policy"]["name"] == "children"
    assert status(client, "pinned", DARK, policies=["news"]) == 200
    assert status(client, "pinned", DARK, policies=["default"]) == 403
    assert status(client, "pinned", DARK, policies=["news", "default"]) == 403
    assert status(client, "pinned", DARK, policies=["missing"]) == 403
    listed = client.get("/v1/policies", headers=by("pinned")).json()
    assert [policy["policy"]["name"] for policy in listed["policies"]] == ["children", "news"]
    assert client.get("/v1/policies/default", headers=by("pinned")).status_code == 404
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,YQ=="}}
    sent = {"input": [image], "policy": "default"}
    assert client.post("/v1/moderations", json=sent, headers=by("pinned")).status_code == 403
    call = {"images": ["YQ=="], "additional_provider_specific_params": {"policy": "default"}}
    assert client.post("/beta/litellm_basic_guardrail_api", json=call, headers=by("pinned")).status_code == 403


def test_policies_are_sent_along_only_by_keys_that_may(client: TestClient) -> None:
    for sent in (MINE.to_yaml(), MINE.model_dump(mode="json")):
        assert status(client, "caller", DARK, policies=[sent]) == 403
        assert status(client, "pinned", DARK, policies=[sent]) == 403
        assert status(client, "free", DARK, policies=[sent]) == 200


def test_a_policy_that_is_too_long_to_be_sent_along_is_refused(client: TestClient) -> None:
    assert status(client, "free", DARK, policies=["# " + "x" * 70_000 + "\n" + MINE.to_yaml()]) == 422


HOSTILE = "name: mine\ncategories:\n- id: O1\n  name: A\n  can: ["


@pytest.mark.parametrize("rest", ["a, " * 20_000 + "]", "&x '" + "a" * 30_000 + "', " + "*x, " * 8_000 + "]"])
def test_a_policy_that_is_more_than_one_is_refused_wherever_it_is_sent(client: TestClient, rest: str) -> None:
    assert status(client, "free", DARK, policies=[HOSTILE + rest]) == 422
    answer = client.put("/v1/policies/mine", content=HOSTILE + rest, headers=by("owner"))
    assert answer.status_code == 422
    assert answer.json()["error"]["findings"]


def test_an_owner_of_one_version_reads_all_of_them_and_judges_with_that_one(client: TestClient) -> None:
    for text in (MINE, MINE.sensitive("O6")):
        client.put("/v1/policies/mine", content=text.to_yaml(), headers=by("owner-of-one"))
    shown = [
        client.get(f"/v1/policies/{name}", headers=by("owner-of-one")).status_code
        for name in ("mine", "mine@1", "mine@2", "children")
    ]
    assert shown == [200, 200, 200, 404]
    assert [
        client.get(f"/v1/policies/{name}", headers=by("user-of-one")).status_code for name in ("mine", "mine@1")
    ] == [404, 200]
    assert status(client, "user-of-one", DARK, policies=["mine@1"]) == 200
    assert status(client, "user-of-one", DARK, policies=["mine"]) == 403
