"""Starting the service: what is refused, and a real process that serves mini."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from eyeward.errors import UsageError
from eyeward.serve.run import SWITCH_SECONDS, ServeOptions, answer_quickly, bound_socket, is_loopback, server_of
from tests.serve.test_keys import entry, write
from tests.serve.world import patiently, png

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.9.9.9"])
def test_this_machine_alone_may_be_served_without_keys(host: str) -> None:
    assert is_loopback(host)
    ServeOptions(host=host).check()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "", "example.org", "127.0.0.1.example.org"])
def test_others_are_served_with_keys_only(host: str) -> None:
    with pytest.raises(UsageError, match="Give --keys"):
        ServeOptions(host=host).check()
    ServeOptions(host=host, keys=Path("keys.yaml")).check()


def test_threads_that_judge_do_not_keep_the_one_that_answers_waiting() -> None:
    before, frozen = sys.getswitchinterval(), gc.get_freeze_count()
    try:
        answer_quickly()
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
        assert gc.get_freeze_count() > frozen
    finally:
        sys.setswitchinterval(before)


def test_answers_leave_at_once_however_small_their_pieces_are() -> None:
    async def main() -> bool:
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            opened = writer.get_extra_info("socket")
            told.set_result(bool(opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
            writer.close()

        taken = bound_socket(ServeOptions(port=0))
        async with await asyncio.start_server(answer, sock=taken):
            _, writer = await asyncio.open_connection(*taken.getsockname())
            found = await asyncio.wait_for(told, 60.0)
            writer.close()
        return found

    assert asyncio.run(main())


def test_stopping_waits_for_as_long_as_a_request_may_take() -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        raise AssertionError("nobody asks")

    config = server_of(app, deadline=29.5).config
    assert config.timeout_graceful_shutdown == 31
    assert (config.access_log, config.server_header, config.proxy_headers) == (False, False, False)


def test_mini_is_served_by_the_command_judges_reads_changed_keys_and_stops_when_told(tmp_path: Path) -> None:
    keys = write(tmp_path / "keys.yaml", entry("web", "ew_web", roles=["caller", "admin"]))
    known = tmp_path / "known.txt"
    known.write_text(hashlib.sha256(png(3)).hexdigest() + "\n")
    port = 18_000 + os.getpid() % 2_000
    arguments = ["serve", "--port", str(port), "--keys", str(keys), "--known-hashes", str(known), "--device", "cpu"]
    log = tmp_path / "log"
    with log.open("w") as written:
        process = subprocess.Popen(
            [sys.executable, "-c", "from eyeward.cli.main import app; app()", *arguments],
            stderr=written,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        )
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": "Bearer ew_web"}) as client:
            _until_ready(client, process)
            burglar = (ROOT / "examples" / "images" / "burglar.png").read_bytes()
            answer = client.post("/v1/assess", files=[("image", ("burglar.png", burglar))], data={"explain": "true"})
            (verdict,) = answer.json()["verdicts"]
            assert verdict["model"]["name"] == "mini"
            assert verdict["rating"] == "Unsafe"
            assert verdict["rationale"]
            matched = client.post("/v1/assess", files=[("image", ("a.png", png(3)))]).json()["verdicts"][0]
            assert matched["notes"] == ["hash_match"]
            assert client.get("/ready").json() == {"ready": True, "probe": "known answers"}
            write(keys, entry("web", "ew_changed_key"))
            process.send_signal(signal.SIGHUP)
            patiently(lambda: client.get("/v1/models").status_code == 401)
            assert client.get("/v1/models", headers={"Authorization": "Bearer ew_changed_key"}).status_code == 200
        process.terminate()
        assert process.wait(60.0) == 0
    finally:
        process.kill()
        process.wait()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert lines[0]["event"] == "starting"
    assert [line["problem"] for line in lines if line["event"].startswith("engine_")] == [None]
    assert "burglar.png" not in log.read_text()


def _until_ready(client: httpx2.Client, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 240.0
    while time.monotonic() < end:
        assert process.poll() is None, "it ended"
        try:
            if client.get("/ready").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("it was not ready in time")
