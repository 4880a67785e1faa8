"""Over real HTTP: callers together, callers that go away, more than fits, an end that loses nothing."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx2

from eyeward.serve.queue import QueueLimits
from eyeward.serve.refusals import QueueFull
from eyeward.serve.settings import ServeSettings
from tests.serve.listening import listening
from tests.serve.world import BRIGHT, DARK, Engine, coded, patiently, png, service

UNDER_WAY = "eyeward_requests_under_way "


def body(*levels: int) -> dict[str, object]:
    return {"images": [{"base64": coded(png(level)), "name": str(level)} for level in levels]}


def under_way(client: httpx2.Client, address: str) -> int:
    """Count the requests that are under way, this one left out."""
    (line,) = (line for line in client.get(f"{address}/metrics").text.splitlines() if line.startswith(UNDER_WAY))
    return int(float(line.split()[1])) - 1


def test_callers_are_judged_together_and_each_gets_its_own() -> None:
    engine = Engine(seconds=0.05)
    with listening(service(engine)) as address, httpx2.Client(base_url=address, timeout=60.0) as client:
        engine.batches.clear()
        engine.hold = threading.Event()
        with ThreadPoolExecutor(16) as pool:
            levels = [DARK + number % 3 if number % 2 else BRIGHT for number in range(32)]
            asked = pool.map(lambda level: client.post("/v1/assess", json=body(level)).json(), levels)
            patiently(lambda: under_way(client, address) == 16)
            engine.hold.set()
            answers = list(asked)
        for level, answer in zip(levels, answers, strict=True):
            (verdict,) = answer["verdicts"]
            assert (verdict["image"], verdict["rating"]) == (str(level), "Unsafe" if level == BRIGHT else "Safe")
        assert len(engine.batches) < 24
        assert max(engine.batches) > 1


def test_a_full_queue_answers_at_once_and_says_when_to_come_back() -> None:
    engine = Engine()
    settings = ServeSettings(deadline=60.0, questions=2, queue=QueueLimits(waiting=2, together=1))
    refused: list[str | None] = []
    with (
        listening(service(engine, settings=settings)) as address,
        httpx2.Client(base_url=address, timeout=60.0) as client,
        ThreadPoolExecutor(12) as pool,
    ):
        engine.hold = threading.Event()

        def ask(number: int) -> int:
            answer = client.post("/v1/assess", json=body(DARK))
            if answer.status_code == 429:
                refused.append(answer.headers.get("retry-after"))
            return answer.status_code

        asked = pool.map(ask, range(12))
        patiently(lambda: len(refused) >= 12 - 2 - settings.readers)  # while the engine is at its first batch
        engine.hold.set()
        counts = Counter(asked)
    assert set(counts) == {200, 429}
    assert counts[200] >= 2
    for retry_after in refused:
        assert retry_after is not None
        assert int(retry_after) >= 1


def test_who_finds_no_room_behind_those_who_wait_for_their_turn_is_refused_at_once() -> None:
    of = service(settings=ServeSettings(deadline=60.0, questions=2, queue=QueueLimits(waiting=2, probe_seconds=60.0)))
    of.queue.start()
    patiently(lambda: of.queue.problem is None)

    async def main() -> list[str]:
        order: list[str] = []

        async def come(name: str) -> None:
            try:
                await of.let_in()
                order.append(f"{name} is in")
            except QueueFull:
                order.append(f"{name} is refused")

        await asyncio.gather(*(come(name) for name in ("first", "second", "third")))
        await of.let_in()  # the door is open again
        return order

    try:
        assert asyncio.run(main()) == ["third is refused", "first is in", "second is in"]
    finally:
        of.close()


def test_a_client_that_goes_away_has_its_work_dropped() -> None:
    engine = Engine()
    of = service(engine)
    with listening(of) as address, httpx2.Client(base_url=address, timeout=60.0) as client:
        engine.hold = threading.Event()
        held = threading.Thread(target=lambda: client.post("/v1/assess", json=body(DARK)))
        judged = len(engine.batches)
        held.start()
        patiently(lambda: len(engine.batches) > judged)
        also_held = threading.Thread(target=lambda: client.post("/v1/assess", json=body(DARK)))
        also_held.start()  # it is read by the other worker and waits for its turn
        time.sleep(0.3)
        sent = json.dumps(body(BRIGHT, BRIGHT)).encode()
        head = f"POST /v1/assess HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(sent)}\r\n\r\n".encode()
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as caller:
            caller.sendall(head + sent)
            patiently(lambda: of.queue.depth == 2)
        patiently(lambda: of.queue.depth == 0)
        assert held.is_alive(), "the engine is still busy"
        engine.hold.set()
        held.join()
        also_held.join()
        page = client.get("/metrics").text
        assert 'eyeward_errors_total{kind="disconnected"} 1.0' in page
        assert 'eyeward_verdicts_total{rating="Unsafe"}' not in page


def test_a_request_past_its_deadline_is_a_504() -> None:
    engine = Engine()
    with listening(service(engine)) as address, httpx2.Client(base_url=address, timeout=60.0) as client:
        engine.hold = threading.Event()
        answer = client.post("/v1/assess", json={**body(DARK), "deadline_seconds": 0.1})
        engine.hold.set()
        assert answer.status_code == 504
        assert answer.json()["error"]["type"] == "deadline"


def test_stopping_answers_what_was_taken_in() -> None:
    engine = Engine()
    answers = []
    with httpx2.Client(timeout=60.0) as client, listening(service(engine)) as address:
        engine.hold, engine.seconds = threading.Event(), 0.5
        judged = len(engine.batches)
        threads = [
            threading.Thread(target=lambda: answers.append(client.post(f"{address}/v1/assess", json=body(BRIGHT))))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        patiently(lambda: len(engine.batches) > judged)
        patiently(lambda: under_way(client, address) == 4)
        engine.hold.set()  # which is at it for half a second after it was told to stop
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200] * 4
    assert {answer.json()["verdicts"][0]["rating"] for answer in answers} == {"Unsafe"}


def test_an_engine_killed_under_load_is_a_503_at_once_and_comes_back_without_a_restart() -> None:
    engine = Engine(seconds=0.01)
    of = service(engine)
    counts: Counter[int] = Counter()
    safe_while_down: list[str] = []
    stop = threading.Event()

    def caller(address: str) -> None:
        with httpx2.Client(base_url=address, timeout=60.0) as client:
            while not stop.is_set():
                answer = client.post("/v1/assess", json=body(BRIGHT))
                counts[answer.status_code] += 1
                if "Safe" in answer.text:
                    safe_while_down.append(answer.text)

    with listening(of) as address, httpx2.Client(base_url=address, timeout=60.0) as client:
        callers = [threading.Thread(target=caller, args=(address,)) for _ in range(6)]
        for thread in callers:
            thread.start()
        patiently(lambda: counts[200] > 20)
        engine.trouble = "crash"
        patiently(lambda: of.queue.problem is not None)
        assert client.post("/v1/assess", json=body(BRIGHT)).status_code == 503
        assert client.get("/ready").status_code == 503
        assert client.get("/health").status_code == 200
        patiently(lambda: counts[503] > 20)
        engine.trouble = ""
        patiently(lambda: of.queue.problem is None)
        before = counts[200]
        patiently(lambda: counts[200] > before + 20)
        assert client.get("/ready").status_code == 200
        stop.set()
        for thread in callers:
            thread.join()
    assert set(counts) == {200, 503}
    assert safe_while_down == []
