"""A model whose probabilities are known: bright pictures are unsafe, and what it says is one of a few whole answers."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from io import BytesIO

from PIL import Image

_PIECE = re.compile(r"[A-Za-z][a-z]{0,2}|[^A-Za-z]")
JUNK = "Sure"
"""A token that belongs to no answer."""
JUNK_MASS = 0.02
CATEGORIES = {"O1": 0.1, "O2": 0.6, "O6": 0.25, "O9": 0.05}
"""Weights of categories in an Unsafe answer, by id; others have none."""


def decoded(url: str) -> Image.Image:
    """Return the picture in a data URL."""
    return Image.open(BytesIO(base64.b64decode(url.partition(",")[2])))


def brightness_of(picture: Image.Image) -> float:
    """Return the mean level of a picture, from 0 to 1."""
    grey = picture.convert("L")
    levels = grey.histogram()
    return sum(level * count for level, count in enumerate(levels)) / (255 * sum(levels))


class FakeTokens:
    """Cuts words into pieces of three letters, so that labels have several tokens and some share their first.

    The number of a token is its spelling.
    """

    def ids(self, text: str) -> list[int]:
        """Cut text."""
        return [self.id(piece) for piece in pieces(text)]

    def id(self, piece: str) -> int:
        """Return the number of a token."""
        return int.from_bytes(piece.encode(), "big")

    def text(self, ids: list[int]) -> str:
        """Join tokens."""
        return b"".join(number.to_bytes(8, "big").lstrip(b"\0") for number in ids).decode()


@lru_cache(maxsize=4096)
def pieces(text: str) -> list[str]:
    """Cut text into the spelling of its tokens."""
    return _PIECE.findall(text)


class FakeModel:
    """Gives each next token the mass of the answers that go on with it."""

    def __init__(self, indent: int | None = None) -> None:
        self._indent = indent
        self.rationale = "Bright, so it is."

    def answers(self, p_unsafe: float, labels: Mapping[str, str], explain: bool) -> dict[str, float]:
        """Return whole answers with their probability; `labels` are full category labels by id, `NA` among them."""
        safe, unsafe = "Safe", "Unsafe"
        p_unsafe = min(max(p_unsafe, 1e-6), 1 - 1e-6)
        total = sum(weight for id, weight in CATEGORIES.items() if id in labels)
        found = {self._answer(safe, labels["NA"], explain): (1 - p_unsafe) * 0.7}
        found[self._answer(safe, labels["O6"], explain)] = (1 - p_unsafe) * 0.3
        for id, weight in CATEGORIES.items():
            if id in labels:
                found[self._answer(unsafe, labels[id], explain)] = p_unsafe * weight / total
        return found

    def _answer(self, rating: str, category: str, explain: bool) -> str:
        answer = {"rating": rating, "category": category}
        return json.dumps({**answer, "rationale": self.rationale} if explain else answer, indent=self._indent)

    def next_tokens(
        self, answers: Mapping[str, float], so_far: str, allowed: Callable[[str], bool]
    ) -> tuple[dict[str, float], str | None]:
        """Return probabilities of next tokens, and the one that is written: the likeliest that a constraint allows."""
        count = len(pieces(so_far))
        masses: dict[str, float] = {}
        legal: dict[str, float] = {}
        for answer, weight in answers.items():
            if answer.startswith(so_far) and len(answer) > len(so_far):
                token = pieces(answer)[count]
                masses[token] = masses.get(token, 0.0) + weight
                if allowed(answer):
                    legal[token] = legal.get(token, 0.0) + weight
        total = math.fsum(masses.values())
        if not total:
            return {}, None
        shares = {token: (1 - JUNK_MASS) * mass / total for token, mass in masses.items() if mass > 0}
        written = max(legal, key=lambda token: legal[token]) if legal else None
        return {**shares, JUNK: JUNK_MASS}, written
