"""Starts the service: a guard is loaded and checked, keys and lists are read, a server listens."""

from __future__ import annotations

import ipaddress
import math
import signal
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Literal

import uvicorn

from eyeward.engine.remote.address import is_address
from eyeward.errors import UsageError
from eyeward.guard.loading import load_subject, packaged_guards
from eyeward.guard.self_check import Subject, settle
from eyeward.images.fetch import Fetcher, FetchLimits, FetchRules
from eyeward.images.known import KnownHashes
from eyeward.serve.app import make_app
from eyeward.serve.canary import known_answers
from eyeward.serve.keys import Keys
from eyeward.serve.logs import log, write_to
from eyeward.serve.policies import PolicyBook
from eyeward.serve.service import Service
from eyeward.serve.settings import ServeSettings

KEEP_ALIVE_SECONDS = 30
REMOTE_ATTEMPTS = 2
REMOTE_CONNECT_SECONDS = 3.0


@dataclass(frozen=True)
class ServeOptions:
    """Everything that a service is started with."""

    model: str = "mini"
    host: str = "127.0.0.1"
    port: int = 8080
    keys: Path | None = None
    policy: str = "default"
    """The policy of requests that name none."""
    policies: Path | None = None
    """Folder of policies that are sent; None: none are kept."""
    known_hashes: tuple[Path, ...] = ()
    fetch_hosts: tuple[str, ...] = ()
    """Hosts whose addresses are fetched; none: addresses are refused."""
    threshold: float | None = None
    review_band: tuple[float, float] | None = None
    device: str = "auto"
    max_tiles: int | None = None
    memory_gb: float | None = None
    retain: Literal["none"] = "none"
    """Nothing of a request is kept. There is no other value yet."""
    settings: ServeSettings = field(default_factory=ServeSettings)
    together: int | None = None
    """Questions judged together; None: as many as the engine likes."""

    def check(self) -> None:
        """Refuse what would be dangerous.

        Raises:
            UsageError: when a service without keys would answer others than this machine.
        """
        if self.keys is None and not is_loopback(self.host):
            raise UsageError(
                f"Without keys a service answers on this machine only. Give --keys FILE to listen on {self.host}, or "
                "--host 127.0.0.1; `eyeward keys new` makes a key."
            )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load_served(options: ServeOptions) -> Subject:
    """Load a guard and check it. One behind a server is given no more time than requests have.

    Raises:
        EyewardError: when it cannot be loaded, or fails its self check.
    """
    if is_address(options.model):
        from eyeward.engine.remote.settings import RemoteSettings
        from eyeward.guard.remote_loading import load_remote

        seconds = options.settings.deadline
        bounded = {
            "item_seconds": seconds,
            "request_seconds": seconds,
            "connect_seconds": min(REMOTE_CONNECT_SECONDS, seconds),
            "attempts": REMOTE_ATTEMPTS,
        }
        subject = load_remote(None, RemoteSettings.parse(options.model).model_copy(update=bounded), packaged_guards())
    else:
        subject = load_subject(
            options.model, device=options.device, max_tiles=options.max_tiles, memory_gb=options.memory_gb
        )
    try:
        settle(subject, "refuse")
    except BaseException:
        subject.close()
        raise
    return subject


def make_service(options: ServeOptions, subject: Subject) -> Service:
    """Put a service together around a guard that was loaded.

    Raises:
        EyewardError: when a file cannot be read or an option makes no sense.
    """
    guard = subject.guard
    if options.threshold is not None:
        guard = guard.with_threshold(options.threshold)
    if options.review_band is not None:
        guard = guard.with_review_band(*options.review_band)
    together = options.together or guard.engine.capabilities.prompts_at_once
    settings = replace(options.settings, queue=replace(options.settings.queue, together=together))
    limits = FetchLimits(max_bytes=settings.image.max_bytes, seconds=min(20.0, settings.deadline))
    return Service(
        guard,
        known_answers(subject, guard),
        keys=Keys(options.keys, lambda sentence: log("keys_unread", problem=sentence)),
        book=PolicyBook(options.policies, options.policy),
        settings=settings,
        fetcher=Fetcher(FetchRules(hosts=frozenset(options.fetch_hosts)), limits),
        known=KnownHashes.read(options.known_hashes) if options.known_hashes else None,
    )


def serve(options: ServeOptions) -> None:
    """Serve until told to stop; what was taken in by then is answered.

    Raises:
        EyewardError: when it cannot begin.
    """
    options.check()
    write_to()
    subject = load_served(options)
    try:
        service = make_service(options, subject)
    except BaseException:
        subject.close()
        raise
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and service.keys.wanted:
        signal.signal(hangup, lambda number, frame: service.keys.reload())
    model = service.guard.model
    log("starting", model=model.name, revision=model.revision, engine=model.engine, host=options.host, port=options.port)
    config = uvicorn.Config(
        make_app(service),
        host=options.host,
        port=options.port,
        log_config=None,
        access_log=False,
        lifespan="on",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(options.settings.deadline + 1),
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _nothing)  # the server hands a signal on once it has stopped; that is no failure
    uvicorn.Server(config).run()


def _nothing(number: int, frame: FrameType | None) -> None:
    """Take a signal that was obeyed already."""
