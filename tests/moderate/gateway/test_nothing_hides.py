"""Whatever an image server answers, and wherever in it an unsafe picture is hidden: it does not leave."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from eyeward.moderate.gateway.answer import items_of, known_fields
from eyeward.moderate.gateway.desk import Desk
from eyeward.moderate.gateway.panel import Panel
from eyeward.moderate.gateway.refusal import Json, Refusal
from eyeward.moderate.gateway.settings import GatewaySettings
from eyeward.moderate.gateway.sse import ServerEvent
from eyeward.moderate.gateway.stream import moderated_events
from eyeward.moderate.gateway.upstream import its_error
from eyeward.policy import Policy
from tests.evaluate.worlds import guard
from tests.moderate.gateway.servers import encoded


def noise(lowest: int) -> str:
    """Return a picture that is no short text."""
    levels = np.random.default_rng(lowest).integers(lowest, lowest + 50, (16, 16, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "PNG")
    return encoded(buffer.getvalue())


SAFE, UNSAFE = noise(0), noise(200)
MARK = UNSAFE[300:340]
"""A piece of the unsafe picture that stands nowhere else."""
ADDRESS = "https://pictures.example.org/unsafe.png"

texts = st.one_of(
    st.sampled_from([SAFE, UNSAFE, f"data:image/png;base64,{UNSAFE}", ADDRESS, f"see {ADDRESS}", f"{UNSAFE} {UNSAFE}"]),
    st.text(max_size=8),
)
names = st.sampled_from(
    (
        "b64_json",
        "url",
        "data",
        "revised_prompt",
        "images",
        "created",
        "usage",
        "error",
        "message",
        "code",
        "type",
        "size",
    )
)
values = st.recursive(
    st.one_of(texts, st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4)),
    max_leaves=8,
)
entries = st.dictionaries(names, values, max_size=4)
answers = st.builds(
    lambda data, others: {**others, "data": data}, st.lists(st.one_of(entries, values), max_size=3), entries
)
kinds = st.sampled_from(
    ["image_generation.partial_image", "image_generation.completed", "image_edit.completed", "error", "", "other"]
)
events = st.builds(lambda kind, content: (kind, {"type": kind, **content}), kinds, entries)
choices = st.builds(
    lambda on_unsafe, partials: {"upstream": "http://127.0.0.1:9", "on_unsafe": on_unsafe, "partials": partials},
    st.sampled_from(["error", "placeholder", "blur"]),
    st.sampled_from(["drop", "judge"]),
)


def desk_of(chosen: dict[str, str]) -> Desk:
    desk = Desk(Panel.of(guard()), Policy.load("default"), GatewaySettings.model_validate(chosen))
    desk.start()
    return desk


def clean(found: object) -> bool:
    said = json.dumps(found)
    return MARK not in said and "unsafe.png" not in said


@settings(max_examples=120)
@given(answers, choices)
def test_in_an_answer(answer: Json, chosen: dict[str, str]) -> None:
    desk = desk_of(chosen)

    async def leave() -> object:
        items = await items_of(answer, 16, desk.limits, desk.fetch)
        return {**known_fields(answer), "data": await desk.moderated(items)}

    try:
        assert clean(asyncio.run(leave()))
    except Refusal as refusal:
        assert clean(refusal.body())
    finally:
        desk.close()


@settings(max_examples=120)
@given(st.lists(events, max_size=5), choices)
def test_in_a_stream(found: list[tuple[str, Json]], chosen: dict[str, str]) -> None:
    desk = desk_of(chosen)

    async def incoming() -> AsyncIterator[ServerEvent]:
        for kind, content in found:
            yield ServerEvent(kind, json.dumps(content))

    async def leave() -> list[Json]:
        return [event async for event in moderated_events(incoming(), desk, GatewaySettings.model_validate(chosen))]

    try:
        left = asyncio.run(leave())
        assert left  # never a silence
        assert clean(left)
    except Refusal as refusal:
        assert clean(refusal.body())
    finally:
        desk.close()


@given(values)
def test_in_an_error(content: object) -> None:
    assert clean(its_error(content).body())
