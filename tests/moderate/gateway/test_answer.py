"""What an image server answers, taken apart."""

from __future__ import annotations

import asyncio
import base64

import pytest

from eyeward.errors import ErrorType
from eyeward.images import Limits
from eyeward.moderate.gateway.answer import decoded, item_of, known_fields
from eyeward.verdict import Failure

SMALL = Limits(max_bytes=30)


async def nothing(address: str, host: str) -> Failure:
    return Failure(type=ErrorType.fetch_refused, message=f"{host} was asked for.")


@pytest.mark.parametrize("size", [0, 1, 29, 30])
def test_base64_is_decoded_up_to_the_limit(size: int) -> None:
    data = bytes(range(size))
    assert decoded(base64.b64encode(data).decode(), SMALL) == data
    assert decoded(f"data:image/PNG;base64,{base64.b64encode(data).decode()}", SMALL) == data


def test_what_is_too_large_is_not_even_decoded() -> None:
    found = decoded("A" * 100_000, SMALL)
    assert isinstance(found, Failure)
    assert found.type is ErrorType.too_large


@pytest.mark.parametrize("text", ["A", "AAAA=AAA", "AA AA", "data:text/html;base64,AAAA", "data:image/png,AAAA", "é"])
def test_what_is_no_base64_is_unreadable(text: str) -> None:
    found = decoded(text, SMALL)
    assert isinstance(found, Failure)
    assert found.type is ErrorType.unreadable


def test_bytes_come_before_an_address_and_an_address_before_nothing() -> None:
    both = asyncio.run(item_of({"b64_json": "AAAA", "url": "https://a.example.org/x"}, SMALL, nothing))
    assert both.image == b"\0\0\0"
    address = asyncio.run(item_of({"url": "https://A.example.org/x"}, SMALL, nothing))
    assert isinstance(address.image, Failure)
    assert address.image.message == "a.example.org was asked for."


def test_known_fields_are_short_words_and_numbers() -> None:
    content = {
        "created": 5,
        "created_at": True,
        "size": "1x1",
        "quality": ["high"],
        "background": "x" * 100,
        "output_format": "https://a.example.org/x",
        "usage": {"a": 1, "b": {"c": 2.5, "d": "x"}, "e" * 50: 1, "f": [1], "g": 1e300},
        "other": 1,
    }
    assert known_fields(content) == {
        "created": 5,
        "size": "1x1",
        "background": "x" * 40,
        "output_format": "[left out]",
        "usage": {"a": 1, "b": {"c": 2.5}},
    }
