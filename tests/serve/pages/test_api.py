"""The page of the API: everything that the schema says, and no script from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from eyeward.serve import app as app_module
from eyeward.serve.app import make_app
from eyeward.serve.keys import Keys
from eyeward.serve.pages import api as api_module
from eyeward.serve.pages.api import Field, kind_of, operations, records
from eyeward.serve.pages.site import PageOptions
from tests.serve.pages.visiting import visiting
from tests.serve.test_keys import entry, write
from tests.serve.world import LOCAL, service


def test_the_page_shows_every_route_and_every_record_of_the_schema() -> None:
    with visiting(service()) as visit:
        page = visit.page("/docs")
        schema = visit.client.get("/openapi.json").json()
        shown = list(operations(schema))
        assert len(shown) >= 10
        for operation in shown:
            assert f"<code>{operation.method} {operation.path}</code>" in page
            assert operation.summary.replace("'", "&#39;") in page
        for record in records(schema):
            assert f"<summary><code>{record.name}</code></summary>" in page
        assert {"AssessBody", "Verdict", "ErrorAnswer"} <= {record.name for record in records(schema)}
        assert "cdn" not in page
        assert "<script>" not in page


def test_the_schema_and_its_page_are_made_once_and_what_depends_on_the_visitor_each_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[str] = []

    def counted(owner: Any, name: str) -> None:
        function = getattr(owner, name)

        def noted(*given: Any, **more: Any) -> Any:
            made.append(name)
            return function(*given, **more)

        monkeypatch.setattr(owner, name, noted)

    counted(app_module, "models_json_schema")
    counted(api_module, "operations")
    file = write(tmp_path / "keys.yaml", entry("web", "ew_web"), entry("owner", "ew_owner", roles=["policy_owner"]))
    with visiting(service(keys=Keys(file)), PageOptions(runs=(tmp_path,))) as visit:
        schemas = {visit.client.get("/openapi.json").text for _ in range(2)}
        strange = visit.page("/docs")
        visit.sign_in("ew_web")
        calling = visit.page("/docs")
        visit.client.cookies.clear()
        visit.sign_in("ew_owner")
        owning = visit.page("/docs")
    assert len(schemas) == 1
    assert made == ["models_json_schema", "operations"]
    tabs = [
        {name for name in ("Playground", "Policies", "Runs") if f">{name}</a>" in page}
        for page in (strange, calling, owning)
    ]
    assert tabs == [set(), {"Playground", "Policies"}, {"Policies", "Runs"}]
    assert all("<code>POST /v1/assess</code>" in page for page in (strange, calling, owning))
    assert "owner" not in calling.split("<main")[0]


def test_the_schema_says_where_a_proxy_has_put_the_service() -> None:
    app = make_app(service())  # nothing of it is started
    plain, moved = (TestClient(app, base_url=LOCAL, root_path=root) for root in ("", "/guard"))
    assert "servers" not in plain.get("/openapi.json").json()
    assert moved.get("/guard/openapi.json").json()["servers"] == [{"url": "/guard"}]


def test_a_form_shows_its_fields() -> None:
    with visiting(service()) as visit:
        schema = visit.client.get("/openapi.json").json()
    (assess,) = [one for one in operations(schema) if one.path == "/v1/assess"]
    form = {body.name: body for body in assess.bodies}["multipart/form-data"]
    assert form.fields[0] == Field("image", "list of file", True, "")
    assert {body.description for body in assess.bodies} == {"AssessBody", "object"}
    assert "200" in dict(assess.answers)
    (show,) = [one for one in operations(schema) if (one.path, one.method) == ("/v1/policies/{name}", "GET")]
    assert show.parameters == (Field("name", "string", True, "path"),)


def test_types_are_named_in_a_few_words() -> None:
    assert kind_of({"anyOf": [{"type": "string"}, {"type": "null"}]}) == "string | null"
    assert kind_of({"type": "array", "items": {"$ref": "#/components/schemas/Verdict"}}) == "list of Verdict"
    assert kind_of({"enum": ["a", "b"]}) == "'a' | 'b'"
    assert kind_of({"type": "object", "additionalProperties": {"type": "number"}}) == "object of number"
    assert kind_of({}) == "anything"
