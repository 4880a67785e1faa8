"""The service keeps to its own schema, whatever is sent; `benchmarks/schema_cases.py` asks ten times as much."""

from __future__ import annotations

from pathlib import Path

from tests.serve.schema_cases import answers


def test_no_request_that_is_drawn_from_the_schema_makes_an_error_of_the_service(tmp_path: Path) -> None:
    found = answers(200, tmp_path)
    assert all(status < 500 for _, status in found)
    asked = {
        operation: sum(count for (label, _), count in found.items() if label == operation) for operation, _ in found
    }
    assert asked["POST /v1/assess"] >= 20
    assert asked["GET /v1/models"] == 1
    judged = [label for label in ("POST /v1/assess", "POST /v1/moderations") if found[label, 200]]
    assert judged == ["POST /v1/assess", "POST /v1/moderations"], "pictures among the requests were judged"
    assert found["POST /v1/assess", 422] + found["POST /v1/assess", 400] > 0, "so were requests that do not fit"
