"""Many clients before one engine: judged together, probed, counted; and no image is made that nobody could judge."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from eyeward.errors import ErrorType
from eyeward.moderate.gateway.answer import Item
from eyeward.moderate.gateway.desk import Desk
from eyeward.moderate.gateway.panel import READERS, Panel
from eyeward.moderate.gateway.settings import GatewaySettings
from eyeward.policy import Policy
from eyeward.serve.canary import KnownAnswer
from eyeward.verdict import Rating
from tests.moderate.gateway.servers import ImageServer, ask, images, served
from tests.serve.clock import outlast_a_probe
from tests.serve.world import BRIGHT, DARK, DEFAULT, PROBES, Engine, guard, patiently, png

SAFE, UNSAFE = png(DARK), png(BRIGHT)


def panel(engine: Engine) -> Panel:
    return Panel.around(guard(engine), PROBES)


def about(gateway: str, what: str, **headers: str) -> httpx2.Response:
    return httpx2.get(f"{gateway.removesuffix('/v1')}/{what}", headers=headers, timeout=60)


def test_the_images_of_several_clients_are_judged_together_and_each_gets_its_own() -> None:
    engine = Engine()
    with (
        ImageServer(lambda asked: images(UNSAFE if b"bad" in asked.body else SAFE)) as server,
        served(server.address, panel(engine)) as gateway,
        ThreadPoolExecutor(24) as clients,
    ):
        engine.hold = threading.Event()
        wishes = ["bad", "good"] * 12
        found = clients.map(lambda wish: ask(gateway, json={"prompt": wish}).status_code, wishes)
        patiently(lambda: len(server.asked) == len(wishes))  # but for a few, they are before the engine now
        engine.hold.set()
        assert list(found) == [400, 200] * 12
    assert max(engine.batches) > 2
    assert len(engine.batches) < 20, "24 images and a probe"


def test_an_engine_that_goes_down_has_no_more_images_made_until_it_judges_right_again() -> None:
    engine = Engine()
    with ImageServer(images(SAFE)) as server, served(server.address, panel(engine)) as gateway:
        assert about(gateway, "ready").json() == {"ready": True, "probe": "known answers"}
        engine.trouble = "crash"
        lost = ask(gateway)
        assert (lost.status_code, lost.json()["error"]["code"]) == (503, "image_not_judged")
        assert lost.json()["eyeward"][0]["error"]["type"] == "engine_unavailable"
        assert about(gateway, "ready").status_code == 503
        assert about(gateway, "health").status_code == 200
        refused = ask(gateway)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "guard_unavailable")
        assert int(refused.headers["Retry-After"]) >= 1
        assert "X-Should-Retry" not in refused.headers
        assert len(server.asked) == 1, "the second was not made"
        engine.trouble = ""
        patiently(lambda: about(gateway, "ready").status_code == 200)
        assert ask(gateway).status_code == 200


def test_a_guard_that_judges_its_probe_wrong_judges_nothing() -> None:
    with ImageServer(images(SAFE)) as server, served(server.address, panel(Engine(trouble="wrong"))) as gateway:
        assert about(gateway, "ready").status_code == 503
        assert ask(gateway).status_code == 503
    assert server.asked == []


def test_probes_without_a_known_answer_are_called_what_they_are() -> None:
    unknown = Panel.around(guard(Engine()), [KnownAnswer("grey.png", png(128), DEFAULT)])
    with ImageServer(images(SAFE)) as server, served(server.address, unknown) as gateway:
        assert about(gateway, "ready").json() == {"ready": True, "probe": "can be judged"}


def test_what_happened_is_counted_for_who_shows_the_key() -> None:
    with ImageServer(images(SAFE, UNSAFE)) as server, served(server.address, panel(Engine()), key="ours") as gateway:
        ask(gateway, headers={"Authorization": "Bearer ours"})
        assert about(gateway, "metrics").status_code == 401
        page = about(gateway, "metrics", Authorization="Bearer ours").text
    assert 'eyeward_verdicts_total{rating="Safe"} 1.0' in page
    assert 'eyeward_verdicts_total{rating="Unsafe"} 1.0' in page
    assert 'eyeward_request_seconds_count{route="/v1/images/generations",status="400"} 1.0' in page
    assert "eyeward_ready 1.0" in page
    assert "eyeward_batch_size_sum 2.0" in page


def test_images_that_nobody_waits_for_any_more_are_not_judged() -> None:
    engine = Engine()
    desk = Desk(panel(engine), Policy.load("default"), GatewaySettings(upstream="http://127.0.0.1:9"))
    desk.start()
    engine.hold = threading.Event()
    tasks: list[asyncio.Task[Any]] = []

    async def waits(depth: int) -> None:
        async with asyncio.timeout(60.0):
            while desk.queue.depth != depth:
                await asyncio.sleep(0.005)

    async def main() -> None:
        for _ in range(READERS):
            tasks.append(asyncio.create_task(desk.moderated([Item(SAFE, {})])))
            await asyncio.sleep(0)  # it submits its question now
            await waits(0)
        given_up = asyncio.create_task(desk.moderated([Item(UNSAFE, {})] * 3))
        await waits(3)
        given_up.cancel()
        await waits(0)
        assert engine.hold is not None
        engine.hold.set()
        assert [len(await task) for task in tasks] == [1] * READERS

    try:
        asyncio.run(main())
    finally:
        engine.hold.set()
        desk.close()
    assert sum(engine.batches) == 1 + READERS, "the probe, and those that were waited for"


def test_after_its_end_a_desk_judges_nothing_and_lets_nothing_out() -> None:
    desk = Desk(panel(Engine()), Policy.load("default"), GatewaySettings(upstream="http://127.0.0.1:9"))
    desk.start()
    desk.close()
    verdicts = asyncio.run(desk._judged([Item(SAFE, {})]))
    assert verdicts[0].error is not None
    assert verdicts[0].error.type is ErrorType.engine_unavailable


def test_a_gateway_whose_batches_take_longer_than_a_probe_may_is_not_down(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    desk = Desk(panel(engine), Policy.load("default"), GatewaySettings(upstream="http://127.0.0.1:9"))
    tickets = outlast_a_probe(desk.queue, engine, monkeypatch)
    assert [ticket.result()[0].verdict.rating for ticket in tickets] == [Rating.Unsafe, Rating.Safe]
    assert desk.queue.problem is None
    desk.close()
