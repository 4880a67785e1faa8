"""The image server behind the gateway."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING

from eyeward.moderate.gateway.refusal import Json, Refusal, plain
from eyeward.moderate.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    import httpx2

_SENT_ON = frozenset(
    ("accept", "content-type", "idempotency-key", "openai-organization", "openai-project", "user-agent", "x-request-id")
)
_MOST_ERROR_BYTES = 64 << 10
_CONNECT_SECONDS = 10.0


class Upstream:
    """Asks the image server. Follows no redirect, takes no compressed answer, and repeats nothing."""

    def __init__(self, settings: GatewaySettings) -> None:
        """Open no connection yet."""
        import httpx2

        self._settings = settings
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(settings.deadline, connect=min(_CONNECT_SECONDS, settings.deadline), pool=None),
            limits=httpx2.Limits(max_connections=settings.most_under_way + 1),
            follow_redirects=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def send(self, route: str, query: str, headers: Mapping[str, str], body: bytes) -> httpx2.Response:
        """Return an answer whose status is 200 and whose body is not read yet; close it.

        Raises:
            Refusal: when there is no such answer.
        """
        import httpx2

        request = self._client.build_request(
            "POST",
            f"{self._settings.upstream}{route}" + (f"?{query}" if query else ""),
            headers=self._headers(headers),
            content=body,
        )
        try:
            response = await self._client.send(request, stream=True)
        except httpx2.TimeoutException:
            raise Refusal(504, "deadline", "The image server did not answer in time.") from None
        except (httpx2.HTTPError, OSError) as problem:
            message = f"The image server cannot be reached: {type(problem).__name__}."
            raise Refusal(502, "upstream_unavailable", message) from None
        if response.status_code == 200:
            if response.headers.get("Content-Encoding", "identity").strip().lower() == "identity":
                return response
            await response.aclose()
            raise Refusal(502, "upstream_answer", "The image server compressed its answer, which was not asked for.")
        try:
            raise await self._refused(response)
        finally:
            await response.aclose()

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        sent = {name: value for name, value in headers.items() if name.lower() in _SENT_ON}
        sent["Accept-Encoding"] = "identity"
        if self._settings.upstream_key is not None:
            sent["Authorization"] = f"Bearer {self._settings.upstream_key.get_secret_value()}"
        elif self._settings.key is None and "authorization" in headers:
            sent["Authorization"] = headers["authorization"]
        return sent

    async def _refused(self, response: httpx2.Response) -> Refusal:
        """Return an error of the image server: its words, and nothing else of it."""
        status = response.status_code
        if status < 400:
            return Refusal(502, "upstream_answer", f"The image server answered with status {status}, not with images.")
        try:
            content: object = json.loads(await read(response, _MOST_ERROR_BYTES))
        except (Refusal, ValueError, RecursionError):
            content = None
        later = response.headers.get("Retry-After", "")
        return its_error(content, status, {"Retry-After": later} if later.isdecimal() else {})


def its_error(content: object, status: int = 502, headers: Mapping[str, str] | None = None) -> Refusal:
    """Return an error that the image server spells out: its words, and nothing else of it."""
    said = content.get("error", content) if isinstance(content, dict) else None
    words = said if isinstance(said, dict) else {"message": said}
    return Refusal(
        status,
        _word(words.get("code")) or "upstream_error",
        _word(words.get("message")) or f"The image server answered with an error, status {status}.",
        _word(words.get("type")) or "upstream_error",
        headers=headers,
    )


def _word(value: object) -> str:
    return plain(value) if isinstance(value, str) else ""


async def read(response: httpx2.Response, most: int) -> bytes:
    """Return the body of an answer.

    Raises:
        Refusal: when it is larger than `most` bytes, or breaks off.
    """
    async with aclosing(pieces(response, most)) as body:
        return b"".join([piece async for piece in body])


def parsed(body: bytes | str) -> Json:
    """Return a JSON object.

    Raises:
        Refusal: when it is none.
    """
    try:
        content: object = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Refusal(502, "upstream_answer", "The image server answered with something that is no JSON object.")
    return content


async def pieces(response: httpx2.Response, most: int) -> AsyncGenerator[bytes]:
    """Yield the body of a stream.

    Raises:
        Refusal: when it is larger than `most` bytes in all, or breaks off.
    """
    import httpx2

    total = 0
    try:
        async for piece in response.aiter_raw():
            total += len(piece)
            if total > most:
                raise Refusal(502, "upstream_answer", f"The image server answered with more than {most:,} bytes.")
            yield piece
    except httpx2.TimeoutException:
        raise Refusal(504, "deadline", "The image server did not finish its answer in time.") from None
    except (httpx2.HTTPError, httpx2.StreamError, OSError):
        raise Refusal(502, "upstream_answer", "The answer of the image server broke off.") from None
