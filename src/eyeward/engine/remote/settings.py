"""Where a server is and how it may be used."""

from __future__ import annotations

import os
from typing import Self
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from eyeward.engine.remote.encoding import ImageFormat
from eyeward.errors import UsageError

KEY_VARIABLE = "EYEWARD_API_KEY"
"""The environment variable that holds the key of a server. Keys of other products are never sent anywhere."""


def _key() -> SecretStr | None:
    key = os.environ.get(KEY_VARIABLE)
    return SecretStr(key) if key else None


class RemoteSettings(BaseModel):
    """One server, one model. Every number has a bound, so that nothing waits or grows without end."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    address: str
    """Root of the OpenAI-compatible routes, such as `http://host:8000/v1`."""
    model: str = ""
    """What the server calls the model; empty for the only one it serves."""
    key: SecretStr | None = Field(default_factory=_key)
    """Sent as a bearer token; never shown, logged or put into a message. By default from the environment."""
    concurrency: int = Field(default=32, ge=1, le=1024)
    """Items under way at once; an item has one to three requests under way."""
    item_seconds: float = Field(default=300.0, gt=0.0)
    """Deadline of an item: all its requests, their repetitions and the waits between them."""
    request_seconds: float = Field(default=120.0, gt=0.0)
    """Longest silence of the server in one request; a longer one is repeated."""
    connect_seconds: float = Field(default=10.0, gt=0.0)
    attempts: int = Field(default=6, ge=1, le=20)
    """Times that one request is sent before it is given up."""
    first_wait: float = Field(default=0.5, ge=0.0)
    """Upper end of the random wait before the second attempt, in seconds; it doubles with each."""
    longest_wait: float = Field(default=30.0, ge=0.0)
    largest_side: int = Field(default=2304, ge=16)
    """Images are shrunk until no side is longer, in pixels: what the model uses, or more."""
    shorter_side: int | None = Field(default=None, ge=16)
    """Images are shrunk until their shorter side is no longer: for models that cut out the middle. None: as it is."""
    most_pixels: int | None = Field(default=None, ge=256)
    """Images are shrunk until they have no more pixels: for models that bound the area. None: any number."""
    image_format: ImageFormat = ImageFormat.png
    most_answer_bytes: int = Field(default=4_000_000, ge=1000)
    """A longer response is broken off."""

    @field_validator("address")
    @classmethod
    def _is_an_address(cls, address: str) -> str:
        return address.rstrip("/")

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read `http://host:8000/v1#model`.

        Raises:
            UsageError: when this is no address, or one with a password in it.
        """
        try:
            parts = urlsplit(name)
            parts.port  # noqa: B018 - raises ValueError for a port that is none
        except ValueError as error:
            raise UsageError(f"{name!r} is not the address of a server: {error}.") from None
        if parts.username or parts.password:
            raise UsageError(f"Leave the password out of the address of a server; put the key into {KEY_VARIABLE}.")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise UsageError(f"{name!r} is not the address of a server; write it like http://host:8000/v1#model.")
        address = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') or '/v1'}"
        return cls(address=address, model=unquote(parts.fragment))

    @property
    def sent_images(self) -> str:
        """How images are sent, for people and fingerprints: in another format or size they may be judged otherwise."""
        bounds = ("largest_side", "shorter_side", "most_pixels")
        return ", ".join([self.image_format, *(f"{name} {getattr(self, name)}" for name in bounds)])

    @property
    def root(self) -> str:
        """The address without the `/v1` of the OpenAI routes: where a server's own routes are."""
        return self.address.removesuffix("/v1")
