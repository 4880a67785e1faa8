"""Starts the service: a guard is loaded and checked, keys and lists are read, a server listens."""

from __future__ import annotations

import gc
import ipaddress
import logging
import math
import signal
import socket
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Literal

import uvicorn
from starlette.types import ASGIApp

from eyeward.errors import UsageError
from eyeward.guard.self_check import Subject, settle
from eyeward.images.fetch import Fetcher, FetchLimits, FetchRules
from eyeward.images.known import KnownHashes
from eyeward.serve.app import make_app
from eyeward.serve.canary import known_answers
from eyeward.serve.engine_thread import EngineThread
from eyeward.serve.keys import Keys
from eyeward.serve.loading import load_within
from eyeward.serve.logs import log, write_to
from eyeward.serve.pages.site import PageOptions
from eyeward.serve.policies import PolicyBook
from eyeward.serve.service import Service
from eyeward.serve.settings import ServeSettings
from eyeward.serve.texts import TextModerator

KEEP_ALIVE_SECONDS = 30
SWITCH_SECONDS = 0.0005
"""How long a thread that judges keeps the interpreter from the one that answers. The event loop asks for it after each
read and write; at Python's own 5 ms, a few hundred callers a second wait for each other."""


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
    text_moderator: str | None = None
    """Address of the service that judges texts of `/v1/moderations`; None: texts are refused."""
    threshold: float | None = None
    review_band: tuple[float, float] | None = None
    device: str = "auto"
    max_tiles: int | None = None
    memory_gb: float | None = None
    reuse_port: bool = False
    """Share the port with other processes that do so too; the kernel spreads connections over them."""
    retain: Literal["none"] = "none"
    """Nothing of a request is kept. There is no other value yet."""
    counters: Path | None = None
    """Where verdicts are counted, a line a window, for `eyeward monitor`; None: nowhere."""
    counter_hours: float = 24.0
    settings: ServeSettings = field(default_factory=ServeSettings)
    together: int | None = None
    """Questions judged together; None: as many as the engine likes."""
    pages: PageOptions | None = field(default_factory=PageOptions)
    """None: no pages for a browser but that of the API."""

    def check(self) -> None:
        """Refuse what would be dangerous.

        Raises:
            UsageError: when a service without keys would answer others than this machine, or pages cannot be shown.
        """
        if not self.counter_hours > 0:
            raise UsageError(f"A window of counts is longer than {self.counter_hours:g} hours; name more.")
        if self.keys is None and not is_loopback(self.host):
            raise UsageError(
                f"Without keys a service answers on this machine only. Give --keys FILE to listen on {self.host}, or "
                "--host 127.0.0.1; `eyeward keys new` makes a key."
            )
        if self.pages is not None:
            self.pages.check()


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
    subject = load_within(
        options.model,
        options.settings.deadline,
        device=options.device,
        max_tiles=options.max_tiles,
        memory_gb=options.memory_gb,
    )
    try:
        settle(subject, "refuse")
    except BaseException:
        subject.close()
        raise
    return subject


@dataclass(frozen=True)
class Files:
    """What a service reads before it loads a guard, which takes longer."""

    keys: Keys
    book: PolicyBook
    fetcher: Fetcher
    known: KnownHashes | None
    texts: TextModerator | None

    @classmethod
    def read(cls, options: ServeOptions) -> Files:
        """Read keys, policies and lists.

        Raises:
            EyewardError: when one of them cannot be read or makes no sense.
        """
        settings = options.settings
        limits = FetchLimits(max_bytes=settings.image.max_bytes, seconds=min(20.0, settings.deadline))
        return cls(
            keys=Keys(options.keys, lambda sentence: log("keys_unread", problem=sentence)),
            book=PolicyBook(options.policies, options.policy),
            fetcher=Fetcher(FetchRules(hosts=frozenset(options.fetch_hosts)), limits),
            known=KnownHashes.read(options.known_hashes) if options.known_hashes else None,
            texts=TextModerator(options.text_moderator, settings.deadline) if options.text_moderator else None,
        )


def make_service(options: ServeOptions, files: Files, subject: Subject, thread: EngineThread | None = None) -> Service:
    """Put a service together around a guard that was loaded, by a thread of its own if that is given.

    Raises:
        UsageError: when threshold or review band cannot be, or counts cannot be written.
    """
    guard = subject.guard
    if options.threshold is not None:
        guard = guard.with_threshold(options.threshold)
    if options.review_band is not None:
        guard = guard.with_review_band(*options.review_band)
    together = options.together or guard.engine.capabilities.prompts_at_once
    settings = replace(options.settings, queue=replace(options.settings.queue, together=together))
    counters = None
    if options.counters is not None:
        from eyeward.serve.counters import Counters

        counters = Counters(options.counters, guard.model, files.book, options.counter_hours)
    return Service(
        guard,
        known_answers(subject, guard),
        keys=files.keys,
        book=files.book,
        settings=settings,
        fetcher=files.fetcher,
        known=files.known,
        texts=files.texts,
        counters=counters,
        thread=thread,
    )


def serve(options: ServeOptions) -> None:
    """Serve until told to stop; what was taken in by then is answered.

    Raises:
        EyewardError: when it cannot begin.
    """
    options.check()
    write_to()
    files = Files.read(options)
    opened = bound_socket(options)
    try:
        service = _loaded(options, files)
    except BaseException:
        opened.close()
        raise
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and service.keys.wanted:
        signal.signal(hangup, lambda number, frame: service.keys.reload())
    model = service.guard.model
    place = opened.getsockname()
    log("starting", model=model.name, revision=model.revision, engine=model.engine, host=place[0], port=place[1])
    server = server_of(make_app(service, options.pages), options.settings.deadline)
    logging.captureWarnings(True)  # what Pillow says of a strange file is no line of this log
    logging.getLogger("py.warnings").setLevel(logging.ERROR)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _nothing)  # the server hands a signal on once it has stopped; that is no failure
    answer_quickly()
    server.run([opened])


def server_of(app: ASGIApp, deadline: float) -> uvicorn.Server:
    """Return what listens; stopping, it waits for as long as a request may take."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(deadline + 1),
    )
    return uvicorn.Server(config)


def answer_quickly() -> None:
    """Have this process answer quickly though it judges in other threads; to be called when all is loaded."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()  # what is loaded stays; to look through it again and again would stop all threads each time


def _loaded(options: ServeOptions, files: Files) -> Service:
    thread = EngineThread()
    subject = thread.do(lambda: load_served(options))
    try:
        return make_service(options, files, subject, thread)
    except BaseException:
        subject.close()
        raise


def bound_socket(options: ServeOptions) -> socket.socket:
    """Take the port; nobody is listened to yet.

    Raises:
        UsageError: when it cannot be had.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's algorithm on: the body of an answer then waits 40 ms for the client.
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if options.reuse_port:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        opened.bind((options.host, options.port))
    except (OSError, AttributeError) as problem:
        opened.close()
        why = getattr(problem, "strerror", None) or problem
        where = f"{options.host}, port {options.port}"
        raise UsageError(f"Nothing can listen on {where}: {why}.") from problem
    return opened


def _nothing(number: int, frame: FrameType | None) -> None:
    """Take a signal that was obeyed already."""
