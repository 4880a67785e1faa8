"""The page of the API: everything that the schema says, and no script from elsewhere."""

from __future__ import annotations

from eyeward.serve.pages.api import Field, kind_of, operations, records
from tests.serve.pages.visiting import visiting
from tests.serve.world import service


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
