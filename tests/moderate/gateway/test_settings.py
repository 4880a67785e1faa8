"""What a gateway is told, and what is refused before it starts."""

from __future__ import annotations

import pytest

from eyeward.errors import UsageError
from eyeward.moderate.gateway.settings import GatewaySettings, check_exposure
from eyeward.moderate.ruling import Action


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("https://images.example.org/openai/v1/", "https://images.example.org/openai/v1"),
    ],
)
def test_the_address_of_the_image_server(given: str, read: str) -> None:
    assert GatewaySettings(upstream=given).upstream == read


@pytest.mark.parametrize(
    "given", ["images", "ftp://a/v1", "http://", "http://me:secret@a/v1", "http://a/v1?x=1", "http://a:b"]
)
def test_an_address_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="address"):
        GatewaySettings(upstream=given)


def test_review_is_treated_like_unsafe_unless_said_otherwise() -> None:
    assert GatewaySettings(upstream="http://a").ruling.on_review is Action.refuse
    told = GatewaySettings.model_validate({"upstream": "http://a", "on_unsafe": "blur", "on_review": "report"})
    assert (told.ruling.on_unsafe, told.ruling.on_review) == (Action.blur, Action.report)


def test_other_machines_are_served_only_with_a_key() -> None:
    open_to_all = GatewaySettings(upstream="http://a")
    check_exposure("127.0.0.1", open_to_all)
    with pytest.raises(UsageError, match="--key-env"):
        check_exposure("0.0.0.0", open_to_all)
    check_exposure("0.0.0.0", GatewaySettings.model_validate({"upstream": "http://a", "key": "ours"}))


def test_an_empty_key_is_no_key() -> None:
    with pytest.raises(UsageError, match="empty"):
        GatewaySettings.model_validate({"upstream": "http://a", "key": ""})


def test_keys_are_not_shown() -> None:
    assert "ours" not in repr(GatewaySettings.model_validate({"upstream": "http://a", "key": "ours"}))
