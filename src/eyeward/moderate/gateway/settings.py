"""What a gateway stands before, and what it does with what it finds."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from eyeward.errors import UsageError
from eyeward.images.fetch import Fetcher, FetchLimits, FetchRules
from eyeward.images.limits import Limits
from eyeward.moderate.ruling import Action, Ruling

LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))
EVERYWHERE = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))


class Answer(StrEnum):
    """What a client gets in the place of an image that is not Safe."""

    error = "error"
    """An error for the whole request, with the verdicts, and no image at all."""
    placeholder = "placeholder"
    """A black picture, marked as one."""
    blur = "blur"
    """A few spots of colour, marked as such."""
    report = "report"
    """The image itself, with its verdict: to try a policy before it decides."""


_ACTIONS = {
    Answer.error: Action.refuse,
    Answer.placeholder: Action.blank,
    Answer.blur: Action.blur,
    Answer.report: Action.report,
}


class Partials(StrEnum):
    """What becomes of the half-finished images of a stream."""

    drop = "drop"
    """They stay here; the finished image leaves when it was judged."""
    judge = "judge"
    """Each is judged like an image; one that is not Safe stays here."""


class GatewaySettings(BaseModel):
    """Every number has a bound, so that nothing waits or grows without end."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    upstream: str
    """Root of the OpenAI-compatible routes of the image server, such as `http://127.0.0.1:8000/v1`."""
    upstream_key: SecretStr | None = None
    """Sent to it as a bearer token; without it, the client's own is."""
    key: SecretStr | None = None
    """What clients must show, and what is then not sent on; without it, whoever reaches the gateway is served."""
    on_unsafe: Answer = Answer.error
    on_review: Answer | None = None
    """None: as on_unsafe."""
    partials: Partials = Partials.drop
    explain: bool = False
    fetch_hosts: frozenset[str] = frozenset()
    """Hosts whose images are fetched, by https, when the image server answers with addresses; its own always."""
    deadline: float = Field(default=180.0, gt=0.0)
    """Seconds for one request, generation and judging together."""
    most_under_way: int = Field(default=64, ge=1)
    most_request_bytes: int = Field(default=64 << 20, ge=1000)
    most_answer_bytes: int = Field(default=64 << 20, ge=1000)
    most_images: int = Field(default=16, ge=1)
    """Images in one answer."""

    @field_validator("upstream")
    @classmethod
    def _is_an_address(cls, upstream: str) -> str:
        try:
            parts = urlsplit(upstream)
            parts.port  # noqa: B018 - raises ValueError for a port that is none
        except ValueError as problem:
            raise UsageError(f"{upstream!r} is not the address of a server: {problem}.") from None
        plain = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
        if not plain or parts.username or parts.password:
            raise UsageError(
                f"{upstream!r} is not the address of an image server; write it like http://127.0.0.1:8000/v1, "
                "without a user name or a key in it."
            )
        return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') or '/v1'}"

    @model_validator(mode="after")
    def _keeps_its_key(self) -> Self:
        if self.key is not None and not self.key.get_secret_value():
            raise UsageError("The key for clients is empty; put one into its environment variable.")
        return self

    @property
    def ruling(self) -> Ruling:
        """What is done with images that are not Safe."""
        return Ruling(_ACTIONS[self.on_unsafe], _ACTIONS[self.on_review or self.on_unsafe])

    @property
    def upstream_host(self) -> str:
        """The name of the image server."""
        return (urlsplit(self.upstream).hostname or "").lower()

    def fetcher(self, host: str, limits: Limits) -> Fetcher:
        """Return what fetches an image from a host.

        The image server is asked for images anyway, wherever it stands, so its own addresses may be private ones. All
        others must be listed, and public.
        """
        cost = FetchLimits(max_bytes=limits.max_bytes, seconds=min(30.0, self.deadline))
        if host != self.upstream_host:
            return Fetcher(FetchRules(hosts=self.fetch_hosts), cost)
        parts = urlsplit(self.upstream)
        ports = frozenset() if parts.port is None else frozenset((parts.port,))
        rules = FetchRules(
            hosts=frozenset((host,)), schemes=frozenset((parts.scheme,)), ports=ports, also_allowed=EVERYWHERE
        )
        return Fetcher(rules, cost)


def check_exposure(host: str, settings: GatewaySettings) -> None:
    """Refuse to serve a network without a key.

    Raises:
        UsageError: when the address to listen at is not this machine's own and clients need no key.
    """
    if host not in LOOPBACK and settings.key is None:
        raise UsageError(
            f"{host} can be reached from other machines; give --key-env NAME, the environment variable with the key "
            "that clients must show, or listen at 127.0.0.1."
        )
