"""The address of a server is read, and no key is ever in it or shown."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from eyeward.engine.remote.settings import KEY_VARIABLE, RemoteSettings
from eyeward.errors import UsageError


@pytest.mark.parametrize(
    ("name", "address", "model", "root"),
    [
        ("http://host:8000/v1#guard", "http://host:8000/v1", "guard", "http://host:8000"),
        ("http://host:8000", "http://host:8000/v1", "", "http://host:8000"),
        ("https://host/api/v1/#a/b%20c", "https://host/api/v1", "a/b c", "https://host/api"),
        ("http://[::1]:9/v1#m", "http://[::1]:9/v1", "m", "http://[::1]:9"),
        ("https://host/openai", "https://host/openai", "", "https://host/openai"),
    ],
)
def test_an_address_is_read(name: str, address: str, model: str, root: str) -> None:
    settings = RemoteSettings.parse(name)
    assert (settings.address, settings.model, settings.root) == (address, model, root)


@pytest.mark.parametrize(
    "name", ["http://", "ftp://host/v1", "http://host:x/v1", "http://host/v1?a=b", "http://h:99999"]
)
def test_what_is_no_address_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="address"):
        RemoteSettings.parse(name)


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match=KEY_VARIABLE) as refused:
        RemoteSettings.parse("http://me:secret-word@host/v1")
    assert "secret-word" not in str(refused.value)


def test_the_key_comes_from_one_variable_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "other")
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    assert RemoteSettings.parse("http://host").key is None
    monkeypatch.setenv(KEY_VARIABLE, "secret-word")
    settings = RemoteSettings.parse("http://host")
    assert settings.key is not None
    assert "secret-word" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_numbers_have_bounds() -> None:
    with pytest.raises(ValidationError):
        RemoteSettings(address="http://host/v1", concurrency=0)
