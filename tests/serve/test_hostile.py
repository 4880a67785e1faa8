"""Hostile uploads and addresses: no crash, no Safe where nothing was decoded, nothing fetched from where nobody may."""

from __future__ import annotations

import pytest

from eyeward.images import decode
from eyeward.images.fetch import Fetcher, FetchRules
from eyeward.serve.service import Service
from eyeward.verdict import Failure
from tests.serve.hostile import hostile_files
from tests.serve.world import PROBES, Engine, coded, guard, service, serving

ADDRESSES = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.169.254",
    "168.63.129.16",
    "172.16.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::1]",
    "[2001::1]",
    "[2001:db8::1]",
    "[2002:7f00:1::]",
    "[fc00::1]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[2606:4700::5efe:7f00:1]",
    "2130706433",
    "0x7f.1",
    "127.1",
    "localhost",
]


def test_hostile_files_are_errors_or_what_they_decode_to() -> None:
    files = hostile_files(480)
    errors = 0
    with serving(service()) as client:
        for start in range(0, len(files), 16):
            part = files[start : start + 16]
            answer = client.post("/v1/assess", json={"images": [{"base64": coded(data)} for data in part]})
            assert answer.status_code == 200, answer.text
            for data, verdict in zip(part, answer.json()["verdicts"], strict=True):
                failed = isinstance(decode(data), Failure)
                assert (verdict["rating"] is None) is failed
                assert (verdict["status"] == "error") is failed
                errors += failed
    assert 100 < errors < 480, "some of each"


def test_hostile_files_are_always_the_same_and_seldom_twice() -> None:
    assert hostile_files(60) == hostile_files(60)
    assert len(set(hostile_files(200))) > 160


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_that_is_not_public_is_fetched_even_when_every_host_may(address: str) -> None:
    fetcher = Fetcher(FetchRules(hosts=frozenset("*"), schemes=frozenset(("http", "https"))))
    of = Service(guard(Engine()), PROBES, fetcher=fetcher)
    with serving(of) as client:
        for scheme in ("http", "https"):
            answer = client.post("/v1/assess", json={"images": [{"url": f"{scheme}://{address}/a.png"}]})
            (verdict,) = answer.json()["verdicts"]
            assert verdict["rating"] is None
            assert verdict["error"]["type"] in ("fetch_refused", "fetch_failed")
            if not address[0].isalpha() and "x" not in address:
                assert verdict["error"]["type"] == "fetch_refused", verdict["error"]["message"]


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.org/a", "gopher://x/", "https://u:p@example.org/", "x:y", "//x"]
)
def test_what_is_no_web_address_is_never_fetched(url: str) -> None:
    fetcher = Fetcher(FetchRules(hosts=frozenset("*")))
    with serving(Service(guard(Engine()), PROBES, fetcher=fetcher)) as client:
        (verdict,) = client.post("/v1/assess", json={"images": [{"url": url}]}).json()["verdicts"]
        assert verdict["error"]["type"] == "fetch_refused"
