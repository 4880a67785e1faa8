"""Streams of an image server: judged event by event; only events that are known leave, and never a silence."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial

from eyeward.moderate.gateway.answer import item_of, known_fields
from eyeward.moderate.gateway.desk import Desk
from eyeward.moderate.gateway.refusal import Json, Refusal
from eyeward.moderate.gateway.settings import GatewaySettings, Partials
from eyeward.moderate.gateway.sse import DONE, ServerEvent
from eyeward.moderate.gateway.upstream import its_error, parsed
from eyeward.serve.threads import beside

_STEMS = ("image_generation", "image_edit")
_PARTIAL = frozenset(f"{stem}.partial_image" for stem in _STEMS)
_COMPLETED = frozenset(f"{stem}.completed" for stem in _STEMS)


async def moderated_events(
    events: AsyncIterator[ServerEvent], desk: Desk, settings: GatewaySettings
) -> AsyncGenerator[Json]:
    """Yield the events that may leave, as JSON; finished images with their verdicts.

    Raises:
        Refusal: when an image may not leave, when the image server says that something went wrong, and when its stream
            ends without a finished image.
    """
    completed = 0
    async for event in events:
        if event.data.startswith(DONE):
            break
        content = await beside(len(event.data), partial(parsed, event.data))
        said = content.get("type")
        kind = said if isinstance(said, str) else event.name
        if event.name == "error" or content.get("error"):
            raise its_error(content)
        if kind in _PARTIAL:
            if settings.partials is Partials.judge:
                entry = await desk.partial(await item_of(content, desk.limits, desk.fetch))
                if entry is not None:
                    yield {"type": kind, **known_fields(content), **entry}
        elif kind in _COMPLETED:
            completed += 1
            if completed > settings.most_images:
                raise Refusal(502, "upstream_answer", f"The image server sent more than {settings.most_images} images.")
            (finished,) = await desk.moderated([await item_of(content, desk.limits, desk.fetch)])
            yield {"type": kind, **known_fields(content), **finished}
    if not completed:
        raise Refusal(502, "upstream_answer", "The stream of the image server ended without a finished image.")
