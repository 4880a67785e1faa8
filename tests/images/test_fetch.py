from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network

import httpx2
import pytest

from eyeward.errors import ErrorType, UsageError
from eyeward.images.fetch import Fetched, Fetcher, FetchLimits, FetchRules, system_addresses
from eyeward.verdict import Failure
from tests.images.test_addresses import REFUSED

LOOPBACK = (ip_network("127.0.0.0/8"),)
PICTURE = bytes(range(256)) * 40


@dataclass
class Server:
    """A server on the loopback interface that does as its paths say."""

    port: int
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Host header and path of each request."""

    def url(self, path: str, host: str = "images.example.org") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.seen.append((self.headers["Host"], self.path))
            with suppress(ConnectionError):
                ANSWERS[self.path.split("/")[1]](self)

        def log_message(self, *arguments: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    seen = Server(http.server_address[1])
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield seen
    http.shutdown()
    thread.join()
    http.server_close()


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content_Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def without_length(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(PICTURE)


def drip(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    for _ in range(600):
        handler.wfile.write(b"x")
        time.sleep(0.1)


def drip_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(600):
        handler.wfile.write(f"X-{number}: y\r\n".encode())
        time.sleep(0.1)


def redirect(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, 302, b"", Location=handler.path.removeprefix("/to/").replace("%20", " "))


def chain(handler: BaseHTTPRequestHandler) -> None:
    left = int(handler.path.split("/")[2])
    answer(handler, 307, b"", Location=f"/chain/{left - 1}" if left else "/picture")


ANSWERS: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {
    "picture": lambda handler: answer(handler, 200, PICTURE, Content_Type="text/html"),
    "gone": lambda handler: answer(handler, 404, b"no"),
    "broken": lambda handler: answer(handler, 500, b"no"),
    "empty": lambda handler: answer(handler, 200, b""),
    "short": lambda handler: answer(handler, 200, b"abc", Content_Length="10"),
    "huge": lambda handler: answer(handler, 200, b"", Content_Length="999999999999"),
    "endless": without_length,
    "gzip": lambda handler: answer(handler, 200, PICTURE, Content_Encoding="gzip"),
    "drip": drip,
    "drip-headers": drip_headers,
    "nowhere": lambda handler: answer(handler, 302, b""),
    "to": redirect,
    "chain": chain,
}


def fetcher(
    server: Server,
    *,
    hosts: Sequence[str] = ("images.example.org",),
    at: Sequence[str] = ("127.0.0.1",),
    limits: FetchLimits | None = None,
) -> Fetcher:
    """Make a fetcher for which every host is on the loopback interface, which it is allowed to dial."""
    rules = FetchRules(
        hosts=frozenset(hosts),
        schemes=frozenset(("http", "https")),
        ports=frozenset((server.port,)),
        also_allowed=LOOPBACK,
    )
    return Fetcher(rules, limits or FetchLimits(seconds=30.0, max_bytes=100_000), lambda host, port: at)


def failure(got: Fetched | Failure) -> Failure:
    assert isinstance(got, Failure), got
    return got


class NeverDials(Fetcher):
    """Ends the test when a connection is about to be made."""

    def _client(self) -> httpx2.AsyncClient:
        raise AssertionError("it dialled")


def test_an_image_is_fetched_whatever_the_server_calls_it(server: Server) -> None:
    got = fetcher(server).fetch_now(server.url("/picture/a.png"))
    assert got == Fetched(PICTURE, server.url("/picture/a.png"))
    assert server.seen == [(f"images.example.org:{server.port}", "/picture/a.png")]


def test_fetching_is_off_by_default() -> None:
    refused = failure(NeverDials(FetchRules()).fetch_now("https://example.org/a.png"))
    assert refused.type is ErrorType.fetch_refused
    assert "fetching is off" in refused.message


@pytest.mark.parametrize(("address", "word"), REFUSED)
def test_a_host_at_an_address_that_is_not_public_is_never_dialled(address: str, word: str) -> None:
    guarded = NeverDials(FetchRules(hosts=frozenset("*")), resolve=lambda host, port: [address])
    refused = failure(guarded.fetch_now("https://example.org/a.png"))
    assert refused.type is ErrorType.fetch_refused
    assert word in refused.message


def test_one_bad_address_among_good_ones_is_enough_to_refuse() -> None:
    answers = iter([["93.184.216.34", "10.0.0.1"], ["::1", "93.184.216.34"]])
    guarded = NeverDials(FetchRules(hosts=frozenset("*")), resolve=lambda host, port: next(answers))
    for _ in range(2):
        assert failure(guarded.fetch_now("https://example.org/a.png")).type is ErrorType.fetch_refused


@pytest.mark.parametrize(
    "literal",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "[::1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
    ],
)
def test_addresses_in_every_spelling_are_seen_through_by_the_real_resolver(literal: str) -> None:
    refused = failure(NeverDials(FetchRules(hosts=frozenset("*"))).fetch_now(f"https://{literal}/latest/meta-data"))
    assert refused.type in (ErrorType.fetch_refused, ErrorType.fetch_failed)  # a resolver may not know old spellings
    assert "dialled" not in refused.message


def test_the_checked_address_is_the_one_that_is_dialled(server: Server) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"], ["10.0.0.1"]])
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    rules = FetchRules(frozenset("*"), frozenset(("http",)), frozenset((server.port,)), LOOPBACK)
    got = Fetcher(rules, resolve=rebinding).fetch_now(server.url("/picture"))
    assert isinstance(got, Fetched)
    assert asked == ["images.example.org"]


def test_a_name_that_answers_differently_after_a_redirect_is_checked_again(server: Server) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    rules = FetchRules(frozenset("*"), frozenset(("http",)), frozenset((server.port,)), LOOPBACK)
    refused = failure(Fetcher(rules, resolve=lambda h, p: next(answers)).fetch_now(server.url("/to//picture")))
    assert refused.type is ErrorType.fetch_refused
    assert "10.0.0.1, a private address" in refused.message
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "location",
    [
        "http://evil.example.net/a.png",
        "http://169.254.169.254/latest/meta-data",
        "https://images.example.org.evil.net/a.png",
        "http://images.example.org@evil.example.net/",
        "http://images.example.org:22/",
        "file:///etc/passwd",
        "gopher://images.example.org/",
        "ftp://images.example.org/a.png",
        "//evil.example.net/a.png",
    ],
)
def test_a_redirect_is_held_to_the_same_rules(server: Server, location: str) -> None:
    refused = failure(fetcher(server).fetch_now(server.url(f"/to/{location}")))
    assert refused.type is ErrorType.fetch_refused, refused
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("ftp://images.example.org/a", "only http and https"),
        ("file:///etc/passwd", "only http and https"),
        ("images.example.org/a.png", "only http and https"),
        ("https://other.example.org/a", "not among those"),
        ("https://images.example.org.evil.net/a", "not among those"),
        ("https://evil.net/images.example.org", "not among those"),
        ("https://evil.net#images.example.org", "not among those"),
        ("https://user:secret@images.example.org/a", "user name"),
        ("https://images.example.org:6379/a", "port 6379"),
        ("https:///a", "not among those"),
        ("https://images.example.org\\@evil.net/a", "backslashes"),
        ("https://images.example.org/\r\nX: y", "control"),
        ("https://images.example.org/a b", "blanks"),
        ("https://" + "a" * 9000, "too long"),
        ("https://[::1", "no address"),
        ("", "only http and https"),
    ],
)
def test_an_address_outside_of_the_rules_is_refused_before_any_lookup(url: str, word: str) -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise AssertionError("it was looked up")

    rules = FetchRules(frozenset(("images.example.org",)), frozenset(("http", "https")))
    refused = failure(Fetcher(rules, resolve=resolve).fetch_now(url))
    assert refused.type is ErrorType.fetch_refused, refused
    assert word in refused.message


@pytest.mark.parametrize(
    ("hosts", "host", "allowed"),
    [
        (["*.example.org"], "images.example.org", True),
        (["*.example.org"], "a.b.example.org", True),
        (["*.example.org"], "example.org", False),
        (["*.example.org"], "badexample.org", False),
        (["example.org"], "example.org", True),
        (["example.org"], "images.example.org", False),
        (["*"], "anything.net", True),
        ([], "example.org", False),
    ],
)
def test_hosts_are_allowed_by_name_or_by_what_they_stand_below(hosts: list[str], host: str, allowed: bool) -> None:
    assert FetchRules(frozenset(hosts)).allow(host) is allowed


def test_upper_case_and_a_final_dot_are_the_same_host(server: Server) -> None:
    got = fetcher(server).fetch_now(server.url("/picture", "IMAGES.Example.org."))
    assert isinstance(got, Fetched)


@pytest.mark.parametrize("host", ["https://example.org", "Example.org", "example.org/", "a*.org", "*."])
def test_a_rule_that_cannot_be_meant_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match="is no host"):
        FetchRules(frozenset((host,)))
    with pytest.raises(UsageError, match="cannot be fetched by file"):
        FetchRules(schemes=frozenset(("file",)))


@pytest.mark.parametrize(
    ("path", "type", "word"),
    [
        ("/gone", ErrorType.fetch_failed, "status 404"),
        ("/broken", ErrorType.fetch_failed, "status 500"),
        ("/empty", ErrorType.fetch_failed, "nothing"),
        ("/short", ErrorType.fetch_failed, "cannot be fetched"),
        ("/huge", ErrorType.too_large, "100,000 bytes"),
        ("/endless", ErrorType.too_large, "100,000 bytes"),
        ("/gzip", ErrorType.fetch_refused, "compressed"),
        ("/nowhere", ErrorType.fetch_failed, "redirects to nowhere"),
    ],
)
def test_what_goes_wrong_at_the_server_is_named(server: Server, path: str, type: ErrorType, word: str) -> None:
    failed = failure(fetcher(server).fetch_now(server.url(path)))
    assert failed.type is type, failed
    assert word in failed.message


@pytest.mark.parametrize("path", ["/drip", "/drip-headers"])
def test_a_server_that_drips_is_left_at_the_deadline(server: Server, path: str) -> None:
    start = time.monotonic()
    failed = failure(fetcher(server, limits=FetchLimits(seconds=0.4)).fetch_now(server.url(path)))
    assert failed.type is ErrorType.fetch_failed
    assert "longer than 0.4 seconds" in failed.message
    assert time.monotonic() - start < 30.0


def test_a_silent_name_server_is_left_at_the_deadline() -> None:
    released = threading.Event()

    def silent(host: str, port: int) -> Sequence[str]:
        released.wait(60.0)
        return []

    start = time.monotonic()
    failed = failure(Fetcher(FetchRules(frozenset("*")), FetchLimits(seconds=0.2), silent).fetch_now("https://a.org/"))
    waiting = [thread for thread in threading.enumerate() if thread.name == "eyeward-lookup"]
    released.set()
    assert waiting and all(thread.daemon for thread in waiting)  # or Python would wait for it at its end
    assert "longer than 0.2 seconds" in failed.message
    assert time.monotonic() - start < 30.0


def test_a_host_that_does_not_exist_is_a_failure_with_its_reason() -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    failed = failure(Fetcher(FetchRules(frozenset("*")), resolve=unknown).fetch_now("https://a.example/"))
    assert failed == Failure(
        type=ErrorType.fetch_failed, message="https://a.example/ cannot be fetched: Name or service not known."
    )
    nothing = failure(Fetcher(FetchRules(frozenset("*")), resolve=lambda h, p: []).fetch_now("https://a.example/"))
    assert "has no address" in nothing.message


def test_the_resolver_of_the_system_gives_all_addresses_as_text() -> None:
    assert system_addresses("127.0.0.1", 80) == ["127.0.0.1"]
    assert system_addresses("::1", 443) == ["::1"]
    refused = failure(NeverDials(FetchRules(hosts=frozenset("*"))).fetch_now("https://127.0.0.1/"))
    assert "127.0.0.1, a loopback address" in refused.message


def test_an_address_without_a_host_is_refused_though_every_host_is_allowed() -> None:
    guarded = NeverDials(FetchRules(hosts=frozenset("*")), resolve=lambda h, p: ["1.1.1.1"])
    refused = failure(guarded.fetch_now("https:///a"))
    assert refused.type is ErrorType.fetch_refused


def test_no_more_than_three_addresses_of_a_host_are_dialled(server: Server) -> None:
    dead = ["127.0.0.7", "127.0.0.8", "127.0.0.9"]
    assert isinstance(fetcher(server, at=[*dead[:2], "127.0.0.1"]).fetch_now(server.url("/picture")), Fetched)
    failed = failure(fetcher(server, at=[*dead, "127.0.0.1"]).fetch_now(server.url("/picture")))
    assert failed.type is ErrorType.fetch_failed


def test_a_long_address_is_cut_short_in_messages() -> None:
    refused = failure(Fetcher(FetchRules()).fetch_now("https://example.org/" + "a" * 5000))
    assert len(refused.message) < 400 and "…" in refused.message


def test_redirects_are_followed_up_to_the_limit(server: Server) -> None:
    got = fetcher(server).fetch_now(server.url("/chain/4"))
    assert got == Fetched(PICTURE, server.url("/picture"))
    refused = failure(fetcher(server).fetch_now(server.url("/chain/5")))
    assert refused.type is ErrorType.fetch_refused
    assert "more than 5 times" in refused.message


def test_the_next_address_is_tried_when_the_first_does_not_answer(server: Server) -> None:
    got = fetcher(server, at=["127.0.0.9", "127.0.0.1"]).fetch_now(server.url("/picture"))
    assert isinstance(got, Fetched)


def test_tls_is_checked_against_the_name_and_not_against_the_address() -> None:
    sent: list[httpx2.Request] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(404)

    class Recorded(Fetcher):
        def _client(self) -> httpx2.AsyncClient:
            return httpx2.AsyncClient(transport=httpx2.MockTransport(respond))

    Recorded(FetchRules(frozenset("*")), resolve=lambda h, p: ["2606:4700::1111"]).fetch_now("https://a.org/x?y=1")
    (request,) = sent
    assert request.url.host == "2606:4700::1111"
    assert request.headers["Host"] == "a.org"
    assert request.extensions["sni_hostname"] == "a.org"
    assert request.url.query == b"y=1"


def test_proxies_of_the_environment_are_not_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert isinstance(fetcher(server).fetch_now(server.url("/picture")), Fetched)


def test_secrets_behind_the_question_mark_stand_in_no_message(server: Server) -> None:
    failed = failure(fetcher(server).fetch_now(server.url("/gone?token=hunter2")))
    assert "hunter2" not in failed.message


def test_many_are_fetched_side_by_side(server: Server) -> None:
    one = fetcher(server)

    async def several() -> list[Fetched | Failure]:
        return await asyncio.gather(*(one.fetch(server.url(f"/picture/{number}")) for number in range(10)))

    assert all(isinstance(got, Fetched) for got in asyncio.run(several()))
