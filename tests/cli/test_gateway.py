"""`eyeward gateway`: what is refused before it serves, and that it serves what it was told."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from typer.testing import CliRunner, Result

from eyeward.cli import gateway as command
from eyeward.cli.main import app
from eyeward.moderate.gateway import app as gateway_module
from eyeward.moderate.gateway import panel as panel_module
from eyeward.moderate.gateway.panel import Panel
from eyeward.moderate.gateway.settings import Answer, GatewaySettings, Partials
from eyeward.policy import Policy
from eyeward.serve import run as run_module
from eyeward.serve.canary import KnownAnswer
from tests.annotate.world import png
from tests.evaluate.worlds import guard
from tests.moderate.gateway.servers import ImageServer, ask, images, served

UPSTREAM = ("--upstream", "http://127.0.0.1:8000")
loaded: list[tuple[object, ...]] = []
"""What panels were loaded with."""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["gateway", *arguments])


@pytest.fixture
def serves(monkeypatch: pytest.MonkeyPatch) -> list[tuple[GatewaySettings, str, int]]:
    """Serve nothing, but say with which settings, and where, it would have been."""
    served: list[tuple[GatewaySettings, str, int]] = []
    made: list[GatewaySettings] = []

    def gateway_app(settings: GatewaySettings, *others: Any) -> Starlette:
        made.append(settings)
        return Starlette()

    def load_panel(*asked: object) -> tuple[Panel, tuple[str, ...]]:
        loaded.append(asked)
        return Panel.of(guard()), ()

    loaded.clear()
    monkeypatch.setattr(panel_module, "load_panel", load_panel)
    monkeypatch.setattr(gateway_module, "gateway_app", gateway_app)
    monkeypatch.setattr(command, "_serve", lambda app, host, port, deadline: served.append((made[-1], host, port)))
    return served


def test_it_listens_to_this_machine_and_errors_are_the_default(serves: list[tuple[GatewaySettings, str, int]]) -> None:
    result = run(*UPSTREAM)
    assert result.exit_code == 0, result.output
    ((settings, host, port),) = serves
    assert (settings.upstream, host, port) == ("http://127.0.0.1:8000/v1", "127.0.0.1", 8460)
    assert (settings.on_unsafe, settings.on_review, settings.partials) == (Answer.error, None, Partials.drop)
    assert "http://127.0.0.1:8460/v1" in result.stderr


def test_options_reach_the_gateway(
    serves: list[tuple[GatewaySettings, str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "our key")
    monkeypatch.setenv("THEIRS", "their key")
    words = "--on-unsafe blur --on-review report --partials judge --explain --fetch-host a.example.org --deadline 9"
    keys = ("--key-env", "OURS", "--upstream-key-env", "THEIRS", "--host", "0.0.0.0", "--port", "80")
    assert run(*UPSTREAM, *words.split(), *keys).exit_code == 0
    ((settings, host, port),) = serves
    assert (settings.on_unsafe, settings.on_review, settings.partials) == (Answer.blur, Answer.report, Partials.judge)
    assert (settings.explain, settings.fetch_hosts, settings.deadline) == (True, frozenset(["a.example.org"]), 9.0)
    assert settings.key is not None and settings.key.get_secret_value() == "our key"
    assert settings.upstream_key is not None and settings.upstream_key.get_secret_value() == "their key"
    assert (host, port) == ("0.0.0.0", 80)
    assert loaded[0][-1] == 9.0, "a guard behind a server gets no more time than a request has"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--upstream", "images"), "not the address of an image server"),
        ((*UPSTREAM, "--host", "0.0.0.0"), "--key-env"),
        ((*UPSTREAM, "--key-env", "NOT_SET_ANYWHERE"), "that environment variable is empty"),
        ((*UPSTREAM, "--deadline", "0"), "--deadline"),
        ((*UPSTREAM, "--deadline", "nan"), "--deadline"),
        ((*UPSTREAM, "--fetch-host", "https://a.example.org"), "is no host"),
        ((*UPSTREAM, "--non-violating", "O99"), "O99"),
        ((), "upstream"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    serves: list[tuple[GatewaySettings, str, int]], options: tuple[str, ...], said: str
) -> None:
    result = run(*options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert serves == []


def test_images_on_a_list_never_leave(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    picture = png(10)
    (tmp_path / "list").write_text(hashlib.sha256(picture).hexdigest())
    panels: list[Panel] = []

    def gateway_app(settings: GatewaySettings, panel: Panel, policy: Policy) -> Starlette:
        panels.append(panel)
        return Starlette()

    probe = KnownAnswer("probe.png", png(20), Policy.load("default"))
    loaded = SimpleNamespace(guard=guard(), close=lambda: None)
    monkeypatch.setattr(panel_module, "load_within", lambda name, seconds, device: loaded)
    monkeypatch.setattr(panel_module, "settle", lambda subject, how: None)
    monkeypatch.setattr(panel_module, "known_answers", lambda subject, guard: (probe,))
    monkeypatch.setattr(gateway_module, "gateway_app", gateway_app)
    monkeypatch.setattr(command, "_serve", lambda *given: None)
    assert run(*UPSTREAM, "--known-hashes", str(tmp_path / "list")).exit_code == 0
    with ImageServer(images(picture)) as server:
        monkeypatch.undo()
        with served(server.address, panels[0], on_unsafe="report") as gateway:
            (entry,) = ask(gateway).json()["data"]
    assert (entry["placeholder"], entry["eyeward"]["notes"]) == (True, ["hash_match"])


def test_a_stop_waits_for_as_long_as_a_request_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}
    monkeypatch.setattr(uvicorn, "run", lambda app, **settings: told.update(settings))
    monkeypatch.setattr(run_module, "answer_quickly", lambda: None)
    monkeypatch.setattr(logging, "basicConfig", lambda **settings: None)
    command._serve(Starlette(), "127.0.0.1", 8460, 179.5)
    assert told["timeout_graceful_shutdown"] > 179.5
