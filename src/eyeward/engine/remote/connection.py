"""Requests to one server: reused connections, repeated where that may help, and every failure named."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING

from eyeward.engine.remote.settings import KEY_VARIABLE, RemoteSettings
from eyeward.engine.remote.waiting import RETRIED_STATUS, back_off, retry_after
from eyeward.errors import ErrorType, EyewardError
from eyeward.verdict import Failure

if TYPE_CHECKING:
    import httpx2

Json = dict[str, object]
_SHOWN = 300


class RequestFailed(EyewardError):
    """An item that the server did not answer; turned into the error of its answer, never let out of the engine."""

    def __init__(self, type: ErrorType, message: str) -> None:
        self.type = type
        super().__init__(message)

    @property
    def failure(self) -> Failure:
        """What stands in the verdict."""
        return Failure(type=self.type, message=str(self))


class Refused(RequestFailed):
    """A request that the server understood and does not want: its words may say which field it does not know."""

    def __init__(self, status: int, words: str, message: str) -> None:
        self.status = status
        self.words = words
        super().__init__(ErrorType.internal, message)


class Unreadable(RequestFailed):
    """A response that came and makes no sense; asked for once more."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorType.unparsable_answer, message)


class Connection:
    """One asynchronous client. Lives on the event loop that it was made on."""

    def __init__(self, settings: RemoteSettings, chance: random.Random | None = None) -> None:
        import httpx2

        self._settings = settings
        self._chance = chance or random.Random()
        key = settings.key.get_secret_value() if settings.key else None
        self._secret = key
        self._client = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(settings.request_seconds, connect=settings.connect_seconds, pool=None),
            limits=httpx2.Limits(
                max_connections=3 * settings.concurrency, max_keepalive_connections=3 * settings.concurrency
            ),
            follow_redirects=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def get(self, url: str) -> Json | None:
        """Return the JSON object at an address; None where there is none, or not for this key. One attempt.

        Raises:
            RequestFailed: when no server answers, or it does not know the key.
        """
        import httpx2

        try:
            status, _, body = await self._send("GET", url, None)
        except httpx2.TransportError as error:
            raise self._unavailable(_words(error)) from None
        if status == 401:
            self._check_key(status)
        return _object(body) if status == 200 else None

    async def post(self, url: str, body: Mapping[str, object]) -> Json:
        """Send a JSON object and return the one that comes back, after as many attempts as the settings allow.

        Raises:
            Refused: for a status that another attempt would not change.
            Unreadable: for a response that is no JSON object, or too long.
            RequestFailed: when all attempts have failed.
        """
        import httpx2

        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        said = ""
        for attempt in range(1, self._settings.attempts + 1):
            asked: float | None = None
            try:
                status, header, answer = await self._send("POST", url, content)
            except (httpx2.TransportError, httpx2.DecodingError) as error:
                said = _words(error)
            else:
                if status == 200:
                    return self._read(answer)
                if status not in RETRIED_STATUS:
                    raise self._refused(status, answer)
                said = f"status {status}"
                asked = retry_after(header)
                if asked is not None and asked > self._settings.item_seconds:
                    raise self._unavailable(f"{said}, come back in {asked:,.0f} seconds")
            if attempt < self._settings.attempts:
                wait = back_off(attempt, self._settings.first_wait, self._settings.longest_wait, self._chance)
                await asyncio.sleep(wait if asked is None else asked + wait)
        times = "once" if self._settings.attempts == 1 else f"{self._settings.attempts} times"
        raise self._unavailable(f"asked {times}, at last: {said}")

    async def _send(self, method: str, url: str, content: bytes | None) -> tuple[int, str | None, bytes]:
        headers = {"Content-Type": "application/json"} if content is not None else {}
        async with self._client.stream(method, url, content=content, headers=headers) as response:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > self._settings.most_answer_bytes:
                    raise Unreadable(
                        f"The server's response is longer than {self._settings.most_answer_bytes:,} bytes."
                    )
            return response.status_code, response.headers.get("Retry-After"), bytes(body)

    def _read(self, body: bytes) -> Json:
        content = _object(body)
        if content is None:
            raise Unreadable(f"The server's response is no JSON object: {self.clean(_text(body))!r}.")
        return content

    def _refused(self, status: int, body: bytes) -> RequestFailed:
        self._check_key(status)
        words = self.clean(_reason(body))
        hint = {
            404: "Check the address and the name of the model.",
            413: "Lower largest_side, so that smaller images are sent.",
        }.get(status, "Check that it serves this model, with images, and reads prompts of this length.")
        return Refused(
            status, words, f"The server refused the request with status {status}: {words or 'no reason'}. {hint}"
        )

    def _check_key(self, status: int) -> None:
        if status in (401, 403):
            raise RequestFailed(
                ErrorType.engine_unavailable,
                f"The server refuses the key (status {status}); put the right one into {KEY_VARIABLE}.",
            )

    def _unavailable(self, said: str) -> RequestFailed:
        return RequestFailed(
            ErrorType.engine_unavailable,
            f"The server at {self._settings.address} does not answer ({self.clean(said)}). Check that it runs and is "
            "not overloaded; a lower concurrency or more attempts may help.",
        )

    def clean(self, text: str) -> str:
        """Cut a text from the server short, and take the key out of it."""
        text = text.replace(self._secret, "…") if self._secret else text
        text = " ".join(text.split())
        return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _object(body: bytes) -> Json | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _text(body: bytes) -> str:
    return body[: 4 * _SHOWN].decode("utf-8", "replace")


def _reason(body: bytes) -> str:
    """Find the sentence in an error response, whatever the server's schema."""
    content = _object(body)
    found: object = content
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and key in found:
            found = found[key]
    return found if isinstance(found, str) else _text(body)


def _words(error: httpx2.TransportError | httpx2.DecodingError) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
