"""`eyeward gateway`: stand before an image server and judge what it makes."""

from __future__ import annotations

import json
import logging
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eyeward.cli.policy_options import POLICY_HELP, NonViolating, Only, Sensitive, chosen_policy
from eyeward.cli.screen import Screen, one_line, visible
from eyeward.errors import MissingExtra, UsageError
from eyeward.moderate.gateway.settings import Answer, GatewaySettings, Partials, check_exposure

if TYPE_CHECKING:
    from pydantic import SecretStr
    from starlette.applications import Starlette

    from eyeward.guard import Request


def gateway(
    upstream: Annotated[
        str,
        typer.Option(
            metavar="URL",
            show_default=False,
            help="The image server, by the root of its OpenAI-compatible routes: http://127.0.0.1:8000/v1.",
        ),
    ],
    model: Annotated[str, typer.Option(help="A guard, as for `eyeward assess`.")] = "mini",
    policy: Annotated[str, typer.Option(help=POLICY_HELP)] = "default",
    non_violating: NonViolating = None,
    sensitive: Sensitive = None,
    only: Only = None,
    on_unsafe: Annotated[
        Answer,
        typer.Option(
            help="What a client gets in the place of an image that is not Safe: an error for the whole request, a "
            "black or blurred picture, or the image with its verdict."
        ),
    ] = Answer.error,
    on_review: Annotated[
        Answer | None, typer.Option(help="The same for images on which the guard abstains; default: as --on-unsafe.")
    ] = None,
    partials: Annotated[
        Partials, typer.Option(help="Half-finished images of streams: keep them back, or judge each.")
    ] = Partials.drop,
    explain: Annotated[bool, typer.Option("--explain", help="Have rationales written; slower.")] = False,
    fetch_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="Fetch images at this host by https, where the image server answers with addresses ('*.example.org'); "
            "its own are always fetched. May be given again.",
        ),
    ] = None,
    known_hashes: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A list of SHA-256, MD5 or PDQ (as pdq:HASH); such images never leave. May be given again.",
        ),
    ] = None,
    deadline: Annotated[
        float, typer.Option(metavar="SECONDS", help="For one request, generation and judging together.")
    ] = 180.0,
    host: Annotated[str, typer.Option(help="Where to listen; other machines need --key-env.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8460,
    key_env: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Environment variable with the key that clients must show."),
    ] = None,
    upstream_key_env: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Environment variable with the key of the image server."),
    ] = None,
    device: Annotated[str, typer.Option(help="Where the weights run: auto, cpu, cuda, cuda:1, …")] = "auto",
) -> None:
    """Serve /v1/images/generations and /v1/images/edits of an image server, and judge every image before it leaves.

    An image that could not be judged does not leave. Exit code 2 for wrong usage.
    """
    from eyeward.images import Limits
    from eyeward.images.known import KnownHashes
    from eyeward.moderate.gateway.app import gateway_app
    from eyeward.moderate.gateway.panel import REMOTE_SECONDS, load_panel

    settings = GatewaySettings(
        upstream=upstream,
        upstream_key=_key("--upstream-key-env", upstream_key_env),
        key=_key("--key-env", key_env),
        on_unsafe=on_unsafe,
        on_review=on_review,
        partials=partials,
        explain=explain,
        fetch_hosts=frozenset(fetch_host or ()),
        deadline=_seconds(deadline),
    )
    check_exposure(host, settings)
    settings.fetcher("", Limits())  # hosts that are none are refused now, not at the first image
    known = KnownHashes.read(known_hashes) if known_hashes else None
    chosen = chosen_policy(policy, non_violating, sensitive, only)
    screen = Screen()
    with screen.bar(f"Loading {one_line(model)}"):
        panel, missed = load_panel(model, chosen, device, known, _report, min(REMOTE_SECONDS, settings.deadline))
    if missed:
        screen.say(f"The guard cannot judge {', '.join(missed)} of this policy: what would be Safe is Review.")
    app = gateway_app(settings, panel, chosen)
    screen.say(visible(f"Before {settings.upstream}: http://{host}:{port}/v1 (policy {chosen.name}, {model})."))
    _serve(app, host, port, settings.deadline)


def _key(option: str, variable: str | None) -> SecretStr | None:
    from pydantic import SecretStr

    if variable is None:
        return None
    value = os.environ.get(variable, "")
    if not value:
        raise UsageError(f"{option} names {variable!r}, and that environment variable is empty; put the key into it.")
    return SecretStr(value)


def _seconds(deadline: float) -> float:
    if not 0 < deadline < 86_400:
        raise UsageError(f"--deadline is a number of seconds above zero, not {deadline:g}.")
    return deadline


def _serve(app: Starlette, host: str, port: int, deadline: float) -> None:
    try:
        import uvicorn

        from eyeward.serve.run import answer_quickly
    except ModuleNotFoundError as missing:
        raise MissingExtra("serve", "The gateway") from missing
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    answer_quickly()
    stop = math.ceil(deadline + 1)  # what was asked for by then is made, judged and answered
    uvicorn.run(app, host=host, port=port, log_level="warning", ws="none", timeout_graceful_shutdown=stop)


def _report(request: Request, found: str) -> None:
    """Leave a line in the log of an image that is on a list: its hash, nothing of its content."""
    logging.getLogger("eyeward.gateway").warning(json.dumps({"event": "hash_match", "hash": found}))
