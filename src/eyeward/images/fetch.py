"""Images from the network: off by default, from listed hosts only, and never from an address that is not public.

A name is resolved once for each request, every address that it has is checked, and one of the checked ones is dialled,
so that a name cannot answer differently the second time (DNS rebinding). A redirect is a request like the first. What
comes back is bytes; what they are is for `decode` to say, whatever the server calls them.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from eyeward.errors import ErrorType, ImageError, UsageError
from eyeward.images.addresses import Address, problem_with_address, read_address
from eyeward.images.reading import printable
from eyeward.verdict import Failure

if TYPE_CHECKING:
    import httpx2

Resolve = Callable[[str, int], Sequence[str]]
"""From a host and a port to all addresses of the host, as text; raises OSError where there are none."""

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_LONGEST_URL = 8192
_MOST_DIALLED = 3
"""Addresses of one host that are tried before it is given up."""
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class FetchRules:
    """What may be fetched. Nothing, as it stands; hosts switch it on."""

    hosts: frozenset[str] = frozenset()
    """Names in lower case; `*.example.org` stands for every name below `example.org`, `*` for every name."""
    schemes: frozenset[str] = frozenset(("https",))
    ports: frozenset[int] = frozenset()
    """Ports besides the scheme's own."""
    also_allowed: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that are dialled although they are not public; for a closed network that you know."""

    def __post_init__(self) -> None:
        """Refuse rules that cannot be meant.

        Raises:
            UsageError: for a scheme that is not HTTP, a host with more than a name in it.
        """
        unknown = self.schemes - _PORTS.keys()
        if unknown:
            raise UsageError(f"Images cannot be fetched by {', '.join(sorted(unknown))}; allow https, or http.")
        for host in self.hosts:
            name = host.removeprefix("*.")
            if host != "*" and (not name or host != host.lower() or any(c in name for c in "*/:@ ")):
                raise UsageError(f"{host!r} is no host; write its name in lower case, such as 'images.example.org'.")

    def allow(self, host: str) -> bool:
        """Return whether a host is listed."""
        if "*" in self.hosts or host in self.hosts:
            return True
        above = host.split(".")[1:]
        return any(f"*.{'.'.join(above[start:])}" in self.hosts for start in range(len(above)))


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What one image may cost, redirects included."""

    max_bytes: int = 64 * 1024 * 1024
    seconds: float = 20.0
    """From the first lookup to the last byte."""
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class Fetched:
    """The bytes of an image and the address that they came from in the end."""

    data: bytes
    url: str


class Fetcher:
    """Fetches images by the rules. Keeps no connection and no cookie, and asks no proxy."""

    def __init__(self, rules: FetchRules, limits: FetchLimits | None = None, resolve: Resolve | None = None) -> None:
        """Take the rules; `resolve` stands in for the system's resolver in tests."""
        self._rules = rules
        self._limits = limits or FetchLimits()
        self._resolve = resolve or system_addresses

    def fetch_now(self, url: str) -> Fetched | Failure:
        """Do as `fetch` does, for callers without an event loop."""
        return asyncio.run(self.fetch(url))

    async def fetch(self, url: str) -> Fetched | Failure:
        """Return the bytes at an address, or why there are none; nothing is raised."""
        import httpx2

        name = _shown(url)
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await self._follow(url)
        except ImageError as refused:
            return Failure(type=refused.type, message=refused.message)
        except TimeoutError:
            message = f"{name} took longer than {self._limits.seconds:g} seconds."
            return Failure(type=ErrorType.fetch_failed, message=message)
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as problem:
            said = " ".join(str(problem).split())[:_SHOWN] or type(problem).__name__
            return Failure(type=ErrorType.fetch_failed, message=f"{name} cannot be fetched: {said}.")
        except Exception as problem:
            message = f"{name} cannot be fetched: {type(problem).__name__}."
            return Failure(type=ErrorType.internal, message=message)

    async def _follow(self, url: str) -> Fetched:
        target = self._checked(url)
        for _ in range(self._limits.redirects + 1):
            answer = await self._request(target)
            if isinstance(answer, Fetched):
                return answer
            target = self._checked(answer)
        raise ImageError(ErrorType.fetch_refused, f"{_shown(url)} redirects more than {self._limits.redirects} times.")

    def _checked(self, text: str) -> httpx2.URL:
        """Return an address that the rules allow, as far as its text says."""
        import httpx2

        name = _shown(text)
        if len(text) > _LONGEST_URL or "\\" in text or any(c <= " " or c == "\x7f" for c in text):
            raise _refused(f"{name} is no address: it is too long or holds blanks, backslashes or control characters.")
        try:
            url = httpx2.URL(text)
            host = _host(url)
        except (httpx2.InvalidURL, ValueError, TypeError) as problem:
            raise _refused(f"{name} is no address: {problem}.") from None
        if not self._rules.hosts:
            raise _refused(f"{name} is not fetched: fetching is off; allow its host to switch it on.")
        if url.scheme not in self._rules.schemes:
            allowed = " and ".join(sorted(self._rules.schemes))
            raise _refused(f"{name} is not fetched: only {allowed} is allowed.")
        if url.userinfo:
            raise _refused(f"{name} is not fetched: it carries a user name or a password.")
        if not host or not self._rules.allow(host):
            raise _refused(f"{name} is not fetched: the host {host!r} is not among those that are allowed.")
        if url.port not in (None, _PORTS[url.scheme], *self._rules.ports):
            raise _refused(f"{name} is not fetched: the port {url.port} is not allowed.")
        return url

    async def _request(self, url: httpx2.URL) -> Fetched | str:
        """Return what is at an address, or the address that it redirects to."""
        import httpx2

        addresses = await self._addresses(url)
        async with self._client() as client:
            for place, address in enumerate(addresses):
                request = client.build_request(
                    "GET",
                    url.copy_with(host=str(address)),
                    headers={"Host": url.netloc.decode("ascii")},
                    extensions={"sni_hostname": _host(url)},
                )
                try:
                    response = await client.send(request, stream=True)
                except (httpx2.ConnectError, httpx2.ConnectTimeout):
                    if place + 1 == len(addresses):
                        raise
                    continue
                try:
                    return await self._read(url, response)
                finally:
                    await response.aclose()
        raise AssertionError("a host without an address was let through")

    async def _addresses(self, url: httpx2.URL) -> Sequence[Address]:
        """Return the addresses to dial, after all that the host has were checked."""
        host = _host(url)
        found = await _in_a_thread(lambda: self._resolve(host, url.port or _PORTS[url.scheme]))
        addresses = list(dict.fromkeys(read_address(text) for text in found))
        if not addresses:
            raise OSError(f"{host} has no address")
        for address in addresses:
            problem = problem_with_address(address)
            if problem is not None and not any(address in network for network in self._rules.also_allowed):
                raise _refused(f"{_shown(str(url))} is not fetched: {host} is at {address}, {problem}.")
        return addresses[:_MOST_DIALLED]

    async def _read(self, url: httpx2.URL, response: httpx2.Response) -> Fetched | str:
        name = _shown(str(url))
        if response.status_code in _REDIRECTS:
            location = response.headers.get("Location", "")
            if not location:
                raise ImageError(ErrorType.fetch_failed, f"{name} redirects to nowhere.")
            return _joined(url, location)
        if response.status_code != 200:
            raise ImageError(ErrorType.fetch_failed, f"{name} answers with status {response.status_code}.")
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise _refused(f"{name} answers with a compressed body, which was not asked for.")
        most = self._limits.max_bytes
        too_large = ImageError(ErrorType.too_large, f"{name} is larger than {most:,} bytes, the limit.")
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > most:
            raise too_large
        body = bytearray()
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > most:
                raise too_large
        if not body:
            raise ImageError(ErrorType.fetch_failed, f"{name} answers with nothing.")
        return Fetched(bytes(body), str(url))

    def _client(self) -> httpx2.AsyncClient:
        """Return a client for one request: connections are not shared, so no name ever speaks over another's."""
        import httpx2

        from eyeward import __version__

        return httpx2.AsyncClient(
            headers={"User-Agent": f"eyeward/{__version__}", "Accept": "image/*", "Accept-Encoding": "identity"},
            timeout=httpx2.Timeout(self._limits.seconds),
            verify=_certificates(),
            follow_redirects=False,
            trust_env=False,
        )


@cache
def _certificates() -> ssl.SSLContext:
    """Return what certificates are checked against; reading the system's takes longer than many a request."""
    import httpx2

    return httpx2.create_ssl_context(trust_env=False)


def system_addresses(host: str, port: int) -> Sequence[str]:
    """Return all addresses that the system's resolver knows for a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


async def _in_a_thread(look_up: Callable[[], Sequence[str]]) -> Sequence[str]:
    """Run a lookup in a thread that nobody waits for at the end, so that a silent name server holds nothing up."""
    future: Future[Sequence[str]] = Future()

    def run() -> None:
        with suppress(InvalidStateError):  # nobody waits any more
            try:
                found = look_up()
            except Exception as problem:
                future.set_exception(problem)
            else:
                future.set_result(found)

    threading.Thread(target=run, daemon=True, name="eyeward-lookup").start()
    return await asyncio.wrap_future(future)


def _host(url: httpx2.URL) -> str:
    return url.raw_host.decode("ascii").lower().removesuffix(".")


def _joined(url: httpx2.URL, location: str) -> str:
    try:
        return str(url.join(location))
    except Exception:
        raise _refused(f"{_shown(str(url))} redirects to {_shown(location)}, which is no address.") from None


def _refused(sentence: str) -> ImageError:
    return ImageError(ErrorType.fetch_refused, sentence)


def _shown(url: str) -> str:
    """Return an address for a message: cut short, printable, without what may be a secret behind the question mark."""
    bare = url.partition("?")[0].partition("#")[0]
    return printable(bare if len(bare) <= _SHOWN else bare[:_SHOWN] + "…")
