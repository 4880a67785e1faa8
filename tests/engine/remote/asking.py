"""Questions for the fake server, and what is to come back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image

from eyeward.engine.protocol import ImageSegment, Prompt, RawAnswer, TextSegment
from eyeward.engine.rating import RatingRule
from eyeward.engine.remote.continuing import LocalText
from eyeward.engine.remote.encoding import ImageFormat, data_url
from eyeward.engine.remote.engine import RemoteEngine
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.guard.forms import CATEGORY, COMPACT, RATING, AnswerWording
from eyeward.policy import Policy
from tests.engine.remote.fake_model import FakeTokens
from tests.engine.remote.fake_server import FakeServer

RULE = RatingRule(slot=RATING, positive="Unsafe", negative="Safe", category_slot=CATEGORY)
LABELS = Policy.load("default").labels


def picture(level: int) -> Image.Image:
    """Return a picture whose brightness, level / 255, is its probability of Unsafe."""
    return Image.new("RGB", (16, 16), (level, level, level))


def sent(level: int) -> str:
    """Return what the server gets to see of a picture."""
    return data_url(picture(level), 2304, ImageFormat.png)


def prompt(level: int, explain: bool = False, wording: AnswerWording = COMPACT, **changes: Any) -> Prompt:
    """Ask about a picture."""
    facts: dict[str, Any] = {"rating_rule": wording.rule(RULE), "images": (picture(level),), **changes}
    return Prompt(
        segments=(TextSegment("A policy.\n"), ImageSegment(0), TextSegment("")),
        form=wording.form(LABELS),
        shared_prefix=1,
        explain=explain,
        **facts,
    )


def quick(server: FakeServer, **changes: Any) -> RemoteSettings:
    """Return settings that lose no time."""
    quick: dict[str, Any] = {
        "concurrency": 8,
        "first_wait": 0.005,
        "longest_wait": 0.02,
        "attempts": 3,
        "request_seconds": 30.0,
        "item_seconds": 60.0,
    }
    return RemoteSettings.parse(server.address).model_copy(update={**quick, **changes})


@contextmanager
def connected(server: FakeServer, local: LocalText | None = None, **changes: Any) -> Iterator[RemoteEngine]:
    """Give an engine on a server."""
    engine = RemoteEngine(quick(server, **changes), local)
    try:
        yield engine
    finally:
        engine.close()


def local_text() -> LocalText:
    """Stand in for a folder with the tokenizer and the chat template of the fake model."""
    tokens = FakeTokens()

    def render(parts: Any) -> str:
        return "user\n" + "".join("<image>" if part is None else part for part in parts) + "\nassistant\n"

    return LocalText(lambda text: tuple(tokens.ids(text)), lambda ids: tokens.text(list(ids)), render)


def p_unsafe(answer: RawAnswer, word: str = "Unsafe") -> float:
    """Return the probability of Unsafe."""
    assert answer.error is None, answer.error
    return math.exp(answer.scores_of(RATING)[word])
