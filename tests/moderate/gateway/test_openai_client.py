"""The official client of OpenAI works against the gateway as it is."""

from __future__ import annotations

import base64
import io

import pytest

from tests.annotate.world import png
from tests.moderate.gateway.servers import ImageServer, Reply, events, images, served
from tests.moderate.gateway.test_stream import completed, partial

openai = pytest.importorskip("openai", reason="the package openai is not installed; the extra dev brings it")

SAFE, UNSAFE = png(10), png(250)


def test_images_are_generated_and_edited() -> None:
    with ImageServer(images(SAFE)) as server, served(server.address) as gateway:
        client = openai.OpenAI(base_url=gateway, api_key="mine")
        made = client.images.generate(model="any", prompt="a cat", n=1)
        edited = client.images.edit(model="any", image=("a.png", io.BytesIO(SAFE)), prompt="a hat")
    for found in (made, edited):
        assert base64.b64decode(found.data[0].b64_json) == SAFE
        assert found.data[0].eyeward["rating"] == "Safe"
    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer mine"] * 2


def test_what_is_unsafe_is_an_error_that_is_not_tried_again() -> None:
    with ImageServer(images(UNSAFE)) as server, served(server.address) as gateway:
        client = openai.OpenAI(base_url=gateway, api_key="mine")
        with pytest.raises(openai.BadRequestError) as caught:
            client.images.generate(model="any", prompt="a cat")
    assert (caught.value.code, len(server.asked)) == ("moderation_blocked", 1)


def test_what_could_not_be_judged_is_not_generated_again() -> None:
    with ImageServer(images(b"no image")) as server, served(server.address) as gateway:
        client = openai.OpenAI(base_url=gateway, api_key="mine")
        with pytest.raises(openai.InternalServerError):
            client.images.generate(model="any", prompt="a cat")
    assert len(server.asked) == 1


@pytest.mark.parametrize("image", [SAFE, UNSAFE])
def test_streams(image: bytes) -> None:
    answer: Reply = events(partial(SAFE), completed(image), b"data: [DONE]\n\n")
    with ImageServer(answer) as server, served(server.address, partials="judge") as gateway:
        client = openai.OpenAI(base_url=gateway, api_key="mine")
        found = []
        try:
            for event in client.images.generate(model="any", prompt="a cat", stream=True, partial_images=1):
                found.append((event.type, base64.b64decode(event.b64_json)))
        except openai.APIError as problem:
            assert image == UNSAFE
            assert "Unsafe" in problem.message
    assert found[0] == ("image_generation.partial_image", SAFE)
    assert found[1:] == ([("image_generation.completed", SAFE)] if image == SAFE else [])
    assert len(server.asked) == 1
