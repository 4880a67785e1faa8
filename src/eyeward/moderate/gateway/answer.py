"""What an image server answers, taken apart: images to be judged, and the words that may stand beside them.

Only what is known is taken over. A field that nobody knows may hold an image.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from eyeward.errors import ErrorType
from eyeward.images.limits import Limits
from eyeward.moderate.gateway.refusal import Json, Refusal, plain
from eyeward.serve.threads import beside
from eyeward.verdict import Failure

_WORDS = frozenset(("background", "output_format", "quality", "size"))
_NUMBERS = frozenset(("created", "created_at", "partial_image_index"))
_LONGEST_WORD, _LONGEST_PROMPT, _MOST_USAGE = 40, 8000, 40
_DATA_ADDRESS = re.compile(r"data:image/[a-z0-9.+-]+;base64,", re.IGNORECASE)

Fetch = Callable[[str, str], Awaitable[bytes | Failure]]
"""From an address and the name of its host to an image."""


@dataclass(frozen=True)
class Item:
    """One image of an answer."""

    image: bytes | Failure
    words: Json
    """What may stand beside it."""


def known_fields(content: Mapping[str, object]) -> Json:
    """Return the words and numbers of an answer or an event that are known."""
    found: Json = {}
    for name, value in content.items():
        if name in _NUMBERS and _is_number(value):
            found[name] = value
        elif name in _WORDS and isinstance(value, str):
            found[name] = plain(value, _LONGEST_WORD)
        elif name == "usage" and isinstance(value, dict):
            found[name] = _counts(value)
    return found


async def items_of(content: Mapping[str, object], most: int, limits: Limits, fetch: Fetch) -> list[Item]:
    """Return the images of an answer.

    Raises:
        Refusal: when there is none, or more than `most`.
    """
    data = content.get("data")
    if not isinstance(data, list) or not data:
        raise Refusal(502, "upstream_answer", "The image server answered without an image, and without an error.")
    if len(data) > most:
        raise Refusal(502, "upstream_answer", f"The image server answered with more than {most} images.")
    return [await item_of(entry, limits, fetch) for entry in data]


async def item_of(entry: object, limits: Limits, fetch: Fetch) -> Item:
    """Return one image; why there is none, where there is none."""
    if not isinstance(entry, dict):
        return Item(_unreadable("The image server listed something that is no image."), {})
    words: Json = {}
    if isinstance(entry.get("revised_prompt"), str):
        words["revised_prompt"] = plain(entry["revised_prompt"], _LONGEST_PROMPT)
    return Item(await _image(entry, limits, fetch), words)


async def _image(entry: Mapping[str, Any], limits: Limits, fetch: Fetch) -> bytes | Failure:
    encoded, address = entry.get("b64_json"), entry.get("url")
    if isinstance(encoded, str) and encoded:
        return await beside(len(encoded), lambda: decoded(encoded, limits))
    if not isinstance(address, str) or not address:
        return _unreadable("The image server listed an image with neither bytes nor an address.")
    if address[:5].lower() == "data:":
        return await beside(len(address), lambda: decoded(address, limits))
    try:
        host = (urlsplit(address).hostname or "").lower()
    except ValueError:
        return _unreadable("The image server named an address that is none.")
    return await fetch(address, host)


def decoded(text: str, limits: Limits) -> bytes | Failure:
    """Return the bytes of base64, with or without the head of a data address."""
    head = _DATA_ADDRESS.match(text[:100])
    encoded = text[head.end() :] if head else text
    if len(encoded) > 4 * (limits.max_bytes // 3 + 1):
        message = f"The image is larger than {limits.max_bytes:,} bytes, the limit."
        return Failure(type=ErrorType.too_large, message=message)
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return _unreadable("The image server sent an image that is no base64.")


def not_fetched(failure: Failure, host: str) -> Failure:
    """Return why an image was not fetched, without its address: with it the client could fetch it itself."""
    shown = plain(host, _LONGEST_WORD) or "no host"
    if failure.type is ErrorType.fetch_refused:
        message = f"The image server named an image at {shown}, which may not be fetched; --fetch-host allows a host."
    else:
        message = f"The image that the image server named at {shown} could not be fetched."
    return Failure(type=failure.type, message=message)


def _counts(usage: Mapping[str, object], depth: int = 3) -> Json:
    found: Json = {}
    for name, value in list(usage.items())[:_MOST_USAGE]:
        short = len(name) <= _LONGEST_WORD
        if short and _is_number(value):
            found[name] = value
        elif short and isinstance(value, dict) and depth:
            found[name] = _counts(value, depth - 1)
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _unreadable(message: str) -> Failure:
    return Failure(type=ErrorType.unreadable, message=message)
