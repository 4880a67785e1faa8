"""Models, health, readiness, metrics."""

from __future__ import annotations

from eyeward.serve.queue import QueueLimits
from eyeward.serve.settings import ServeSettings
from tests.serve.world import BRIGHT, DARK, Engine, assess, patiently, service, serving


def test_the_guard_is_listed_as_clients_list_models() -> None:
    with serving(service()) as client:
        body = client.get("/v1/models").json()
        assert body["object"] == "list"
        (model,) = body["data"]
        assert (model["id"], model["object"], model["owned_by"], model["revision"]) == ("fake", "model", "eyeward", "1")


def test_readiness_is_that_of_the_probe_and_health_that_of_the_process() -> None:
    engine = Engine()
    settings = ServeSettings(queue=QueueLimits(probe_seconds=0.02, retry_seconds=0.02))
    of = service(engine, settings=settings)
    with serving(of) as client:
        assert (client.get("/ready").status_code, client.get("/ready").json()["ready"]) == (200, True)
        engine.trouble = "wrong"
        patiently(lambda: of.queue.problem is not None)
        assert (client.get("/ready").status_code, client.get("/ready").json()["ready"]) == (503, False)
        assert client.get("/health").status_code == 200
        answer = assess(client, DARK)
        assert (answer.status_code, answer.json()["error"]["type"]) == (503, "engine_unavailable")
        assert answer.headers["retry-after"] == "1"
        engine.trouble = ""
        patiently(lambda: of.queue.problem is None)
        assert client.get("/ready").status_code == 200
        assert assess(client, DARK).status_code == 200


def test_the_metrics_count_requests_verdicts_errors_and_batches() -> None:
    engine = Engine()
    with serving(service(engine)) as client:
        assess(client, BRIGHT, DARK)
        client.post("/v1/assess", json={"images": [{"base64": "YQ=="}]})
        client.post("/v1/assess", content=b"{")
        engine.trouble = "crash"
        assess(client, DARK)
        page = client.get("/metrics").text
        assert 'eyeward_request_seconds_count{route="/v1/assess",status="200"} 2.0' in page
        assert 'eyeward_request_seconds_count{route="/v1/assess",status="503"} 1.0' in page
        assert 'eyeward_verdicts_total{rating="Unsafe"} 1.0' in page
        assert 'eyeward_verdicts_total{rating="error"} 1.0' in page
        assert 'eyeward_errors_total{kind="unsupported_format"} 1.0' in page
        assert 'eyeward_errors_total{kind="invalid_request"} 1.0' in page
        assert 'eyeward_errors_total{kind="engine_unavailable"} 1.0' in page
        assert "eyeward_batch_size_count" in page
        assert "eyeward_queue_depth 0.0" in page
        assert "eyeward_ready 0.0" in page
        assert "eyeward_requests_under_way 1.0" in page
