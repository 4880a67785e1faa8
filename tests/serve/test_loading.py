"""A guard behind a server gets no more time than whoever waits for it has, under whatever name it is asked for."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from eyeward.errors import UsageError
from eyeward.guard.self_check import Subject
from eyeward.moderate.gateway.desk import Desk
from eyeward.moderate.gateway.panel import Panel, load_panel
from eyeward.moderate.gateway.settings import GatewaySettings
from eyeward.policy import Policy
from eyeward.serve.loading import ATTEMPTS, is_remote, load_within
from eyeward.serve.run import ServeOptions, load_served
from eyeward.serve.settings import ServeSettings
from tests.engine.remote.fake_server import FakeServer

DEFAULT = Policy.load("default")
SECONDS = 47.0


def seconds_of(subject: Subject) -> tuple[float, ...]:
    engine: Any = subject.guard.engine
    settings = engine._settings
    return settings.item_seconds, settings.request_seconds, settings.connect_seconds, settings.attempts


@pytest.mark.parametrize("name", ["{}", "{}#a-model", "zero_shot:{}", "moderations:{}#a-model"])
def test_each_name_of_a_server_is_given_the_seconds_of_a_request(name: str) -> None:
    with FakeServer() as server, closing(load_within(name.format(server.address), SECONDS)) as subject:
        assert seconds_of(subject) == (SECONDS, SECONDS, 3.0, ATTEMPTS)


def test_a_service_gives_a_server_the_seconds_that_its_requests_have() -> None:
    with FakeServer() as server:
        options = ServeOptions(model=f"zero_shot:{server.address}", settings=ServeSettings(deadline=SECONDS))
        with closing(load_served(options)) as subject:
            assert seconds_of(subject)[0] == SECONDS


def test_a_gateway_that_waits_for_a_server_takes_it_for_down_when_its_seconds_are_over() -> None:
    settings = GatewaySettings(upstream="http://127.0.0.1:9", deadline=500.0)
    with FakeServer() as server:
        panel, _ = load_panel(server.address, DEFAULT, seconds=SECONDS)
        desk = Desk(panel, DEFAULT, settings)
        judge: Any = panel.judges[0]
        assert judge.engine._engine._settings.item_seconds == SECONDS
        assert desk.queue.limits.stall_seconds == 2 * SECONDS
        judge.engine.close()
    assert Desk(Panel.of(judge), DEFAULT, settings).queue.limits.stall_seconds == 1000.0


@pytest.mark.parametrize("more", [{"device": "cpu"}, {"max_tiles": 2}, {"memory_gb": 1.0}])
def test_what_is_said_where_the_server_is_started_is_not_taken_in_silence(more: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="leave device, tiles and memory out"):
        load_within("http://127.0.0.1:9/v1", SECONDS, **more)


@pytest.mark.parametrize("name", ["mini", "nudenet", "folder/guard", "moderations:here", "file:///a"])
def test_what_runs_here_is_bounded_by_nothing_but_the_queue(name: str) -> None:
    assert not is_remote(name)
