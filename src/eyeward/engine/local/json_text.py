"""The inside of a JSON string, byte by byte, so that no token can break it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_QUOTE, _BACKSLASH = 0x22, 0x5C
_HIGH = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_COMPLETE = re.compile(
    rb"\\[\"\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|" + _HIGH + rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_PARTIAL = re.compile(
    rb"\\|\\u(?:[0-9a-fA-F]{0,1}|[dD][0-7]|[0-9a-ce-fA-CE-F][0-9a-fA-F]|[dD][0-7][0-9a-fA-F]"
    rb"|[0-9a-ce-fA-CE-F][0-9a-fA-F]{2}|[dD][89abAB][0-9a-fA-F]?)|"
    + _HIGH
    + rb"(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?"
)


@dataclass(frozen=True, slots=True)
class JsonText:
    """How far an answer has come: forced text still to be written, then free text, then the closing quote and the tail.

    Forced text before and after is matched byte by byte, so that a token may span the borders.
    """

    head: bytes
    """What has to come before the free text."""
    tail: bytes
    """What has to come after the closing quote; that quote is not in it."""
    written: bytes = b""
    """The free text so far, escapes as written."""
    pending: bytes = b""
    """The end of `written` that is not a whole character or escape yet."""
    closed: bool = False

    def after(self, token: bytes) -> JsonText | None:
        """Return the state after a token, or None where it would break the answer."""
        head, pending, written = self.head, self.pending, bytearray(self.written)
        closed, tail = self.closed, self.tail
        for place, byte in enumerate(token):
            if closed:
                rest = token[place:]
                if not tail.startswith(rest):
                    return None
                tail = tail[len(rest) :]
                break
            if head:
                if head[0] != byte:
                    return None
                head = head[1:]
            elif not pending and byte == _QUOTE:
                closed = True
            else:
                following = _follow(pending, byte)
                if following is None:
                    return None
                pending = following
                written.append(byte)
        if not token:
            return None
        return JsonText(head, tail, bytes(written), pending, closed)

    @property
    def raw(self) -> str:
        """The free text as it stands in the answer; what is not a whole character is left out."""
        whole = self.written[: len(self.written) - len(self.pending)]
        return whole.decode("utf-8")

    @property
    def text(self) -> str:
        """The free text with its escapes undone."""
        return str(json.loads(f'"{self.raw}"'))


def _follow(pending: bytes, byte: int) -> bytes | None:
    """Return the unfinished character or escape after one more byte, or None where that byte cannot follow."""
    both = pending + bytes([byte])
    if both[0] == _BACKSLASH:
        if _COMPLETE.fullmatch(both):
            return b""
        return both if _PARTIAL.fullmatch(both) else None
    if not pending and byte < 0x20:
        return None
    try:
        both.decode("utf-8")
    except UnicodeDecodeError as error:
        return both if error.reason == "unexpected end of data" else None
    return b""
