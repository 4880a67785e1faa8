"""Images as they are sent: base64, `data:` addresses, other addresses."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from eyeward.images.reading import printable
from eyeward.serve.refusals import BadRequest

_DATA = re.compile(r"data:[\w.+/;=-]{0,200}?;base64,", re.IGNORECASE | re.ASCII)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}:", re.ASCII)
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """An image that was sent: its bytes, or the address where they are."""

    name: str | None
    """What the verdict calls it; chosen by who sent it."""
    data: bytes | None = None
    url: str | None = None


def shown_name(name: str | None) -> str | None:
    """Return a name that may stand in a verdict."""
    return None if not name else printable(name[:_LONGEST_NAME])


def from_base64(text: str, place: str, name: str | None = None) -> Upload:
    """Read base64.

    Raises:
        BadRequest: when it is none.
    """
    try:
        return Upload(name, data=base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise BadRequest(f"{place} is no base64; send the bytes of the image in plain base64.") from None


def from_address(text: str, place: str, name: str | None = None) -> Upload:
    """Read a `data:` address, or keep any other.

    Raises:
        BadRequest: when it is a `data:` address of another kind.
    """
    head = _DATA.match(text[:256])
    if head is not None:
        return from_base64(text[head.end() :], place, name)
    if text[:5].lower() == "data:":
        raise BadRequest(f"{place} is a data: address that is not in base64; send it as data:image/png;base64,….")
    return Upload(name, url=text)


def from_either(text: str, place: str) -> Upload:
    """Read what may be an address or base64."""
    return from_address(text, place) if _ADDRESS.match(text[:32]) else from_base64(text, place)
