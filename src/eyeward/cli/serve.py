"""`eyeward serve`: verdicts over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from eyeward.cli.policy_options import POLICY_HELP
from eyeward.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from eyeward.serve.pages.review.options import AuditSample

MEGABYTE = 1 << 20


class Retain(StrEnum):
    """What is kept of requests."""

    none = "none"


class TextRule(StrEnum):
    """What is done with text that is sent for moderation."""

    refuse = "refuse"
    ignore = "ignore"


def serve(
    model: Annotated[str, typer.Option(help="A guard, as for `eyeward assess`.")] = "mini",
    host: Annotated[str, typer.Option(help="Where to listen; without --keys on this machine only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8080,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keys, hashed; see `eyeward keys`. Read again when it changes.")
    ] = None,
    policy: Annotated[str, typer.Option(help=f"The policy of requests that name none. {POLICY_HELP}")] = "default",
    policies: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep policies that are sent in this folder, all versions.")
    ] = None,
    known_hashes: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A list of SHA-256, MD5 or PDQ (as pdq:HASH); such images are Unsafe at once. May be given again.",
        ),
    ] = None,
    fetch_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="Fetch images from addresses at this host by https ('*.example.org', '*' for all). May be given "
            "again. Default: no address is fetched.",
        ),
    ] = None,
    deadline: Annotated[float, typer.Option(metavar="SECONDS", help="Time of a request.")] = 30.0,
    queue: Annotated[int, typer.Option(metavar="N", min=1, help="Images that may wait; more are refused (429).")] = 256,
    batch: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Images judged together; default: as the engine likes.")
    ] = None,
    body_mb: Annotated[float, typer.Option(metavar="MB", help="Length of a body, in units of 2**20 bytes.")] = 32.0,
    image_mb: Annotated[float, typer.Option(metavar="MB", help="Length of an image.")] = 20.0,
    image_megapixels: Annotated[float, typer.Option(metavar="MP", help="Pixels of an image, in millions.")] = 80.0,
    text: Annotated[
        TextRule,
        typer.Option(help="Text beside images in /v1/moderations: refuse the request, or leave the text out."),
    ] = TextRule.refuse,
    text_moderator: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Have text in /v1/moderations judged there, by a service that speaks the same schema."
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(metavar="P", help="Rate Unsafe from this p_unsafe on; default: the guard's own.")
    ] = None,
    review_band: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LO HI", help="Rate Review where p_unsafe lies between these, ends included."),
    ] = None,
    device: Annotated[str, typer.Option(help="Where the weights run: auto, cpu, cuda, cuda:1, …")] = "auto",
    max_tiles: Annotated[
        int | None,
        typer.Option(metavar="N", help="Cut large images into at most N tiles: quicker, and blind to small things."),
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option(metavar="GB", help="About what one pass may need beside the weights, in gigabytes; default: 2."),
    ] = None,
    reuse_port: Annotated[
        bool, typer.Option("--reuse-port", help="Share the port with further processes that are started so.")
    ] = False,
    retain: Annotated[Retain, typer.Option(help="What is kept of requests: nothing.")] = Retain.none,
    counters: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Append counts of verdicts to this log, a line a window, for `eyeward monitor`."
        ),
    ] = None,
    counter_hours: Annotated[float, typer.Option(metavar="HOURS", help="Length of a window of counts.")] = 24.0,
    runs: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR", help="Show the reports of annotations and evaluations in this folder. May be given again."
        ),
    ] = None,
    review: Annotated[
        str | None,
        typer.Option(
            metavar="STORE",
            envvar="EYEWARD_REVIEW",
            help="Show the review page; labels are kept in this file (SQLite) or at postgresql://…; see "
            "`eyeward review`.",
        ),
    ] = None,
    review_cap: Annotated[
        int, typer.Option(metavar="N", min=0, help="Reveals and answers of a person a day, at most.")
    ] = 300,
    audit_sample: Annotated[
        list[str] | None,
        typer.Option(
            metavar="QUEUE=RUN,FILE.csv",
            help="The run and the sample that a queue was made from, so that its labels can be fetched from the page "
            "as an audit wants them. May be given again.",
        ),
    ] = None,
    no_pages: Annotated[bool, typer.Option("--no-pages", help="Answer programs only; leave out the pages.")] = False,
) -> None:
    """Judge images over HTTP, until told to stop (Ctrl-C, SIGTERM).

    The pages for a browser are at /, the page of the API is /docs. Lines of JSON on standard error say what happens;
    /ready says whether the guard judges right. Exit codes: 0 when it was told to stop, 2 for wrong usage.
    """
    if not deadline > 0.0 or not min(body_mb, image_mb, image_megapixels) > 0.0:
        raise UsageError("The deadline and the limits of bodies and images are numbers above zero.")
    service = _service()
    from eyeward.images import Limits
    from eyeward.serve.pages.review.options import ReviewOptions
    from eyeward.serve.pages.site import PageOptions
    from eyeward.serve.queue import QueueLimits
    from eyeward.serve.settings import ServeSettings, Text

    shown_review = None if review is None else ReviewOptions(review, review_cap, _audit_samples(audit_sample or ()))
    body = round(body_mb * MEGABYTE)
    plain = ServeSettings()
    settings = ServeSettings(
        deadline=deadline,
        body_bytes=body,
        bytes_in_flight=max(body, plain.bytes_in_flight),
        questions=min(queue, plain.questions),
        text=Text(text.value),
        image=Limits(max_bytes=round(image_mb * MEGABYTE), max_pixels=round(image_megapixels * 1_000_000)),
        queue=QueueLimits(waiting=queue, probe_limit=min(10.0, deadline), stall_seconds=2 * deadline),
    )
    service.serve(
        service.ServeOptions(
            model=model,
            host=host,
            port=port,
            keys=keys,
            policy=policy,
            policies=policies,
            known_hashes=tuple(known_hashes or ()),
            fetch_hosts=tuple(fetch_host or ()),
            text_moderator=text_moderator,
            threshold=threshold,
            review_band=review_band,
            device=device,
            max_tiles=max_tiles,
            memory_gb=memory,
            reuse_port=reuse_port,
            retain=retain.value,
            counters=counters,
            counter_hours=counter_hours,
            settings=settings,
            together=batch,
            pages=None if no_pages else PageOptions(runs=tuple(runs or ()), review=shown_review),
        )
    )


def _service() -> ModuleType:
    """Return the module that serves.

    Raises:
        MissingExtra: when its packages are not installed.
    """
    try:
        return import_module("eyeward.serve.run")
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("eyeward"):
            raise
        raise MissingExtra("serve", "The service") from missing


def _audit_samples(given: Sequence[str]) -> dict[str, AuditSample]:
    """Read which queue was made from which sample of which run.

    Raises:
        UsageError: when it cannot be read.
    """
    from eyeward.serve.pages.review.options import AuditSample

    found = {}
    for text in given:
        queue, is_named, rest = text.partition("=")
        run, has_sample, sample = rest.rpartition(",")
        if not (queue and is_named and run and has_sample and sample):
            raise UsageError(f"--audit-sample is written QUEUE=RUN,FILE.csv, not {text!r}.")
        found[queue] = AuditSample(Path(run), Path(sample))
    return found
