"""OpenAI's own client, unchanged, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from eyeward.serve.keys import Keys
from tests.serve.listening import listening
from tests.serve.test_keys import entry, write
from tests.serve.world import BRIGHT, DARK, Engine, data_url, png, service

WEAPONS = "O6: Weapons or Substance Abuse"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Engine]]:
    engine = Engine()
    keys = write(tmp_path_factory.mktemp("keys") / "keys.yaml", entry("web", "ew_web"))
    of = service(engine, keys=Keys(Path(keys)))
    with listening(of) as address:
        yield f"{address}/v1", engine


@pytest.fixture
def client(address: tuple[str, Engine]) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=address[0], api_key="ew_web", max_retries=0) as client:
        yield client


def moderated(client: openai.OpenAI, *levels: int) -> openai.types.ModerationCreateResponse:
    images: list[openai.types.ModerationMultiModalInputParam] = [
        {"type": "image_url", "image_url": {"url": data_url(png(level))}} for level in levels
    ]
    return client.moderations.create(
        model="omni-moderation-latest",
        input=images,
    )


def test_images_are_moderated_in_their_categories_and_in_ours(client: openai.OpenAI) -> None:
    (result,) = moderated(client, BRIGHT).results
    assert result.flagged
    assert result.categories.illicit
    assert not result.categories.violence
    assert result.category_scores.hate == pytest.approx(0.25 * BRIGHT / 255)
    assert result.category_applied_input_types.sexual == ["image"]
    assert result.category_applied_input_types.sexual_minors == []
    assert result.categories.to_dict()[WEAPONS] is True
    (result,) = moderated(client, DARK, DARK).results
    assert not result.flagged


def test_text_is_a_bad_request_and_another_key_none(client: openai.OpenAI, address: tuple[str, Engine]) -> None:
    with pytest.raises(openai.BadRequestError, match="text is not judged here"):
        client.moderations.create(input="a word")
    with (
        openai.OpenAI(base_url=address[0], api_key="other", max_retries=0) as other,
        pytest.raises(openai.AuthenticationError, match="wants a key"),
    ):
        moderated(other, DARK)


def test_an_engine_that_is_down_is_an_error_of_the_server(client: openai.OpenAI, address: tuple[str, Engine]) -> None:
    address[1].trouble = "crash"
    try:
        with pytest.raises(openai.InternalServerError) as refused:
            moderated(client, DARK)
        assert refused.value.status_code == 503
    finally:
        address[1].trouble = ""


def test_the_guard_is_listed_among_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["fake"]
