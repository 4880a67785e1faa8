"""`eyeward annotate`: judge a dataset of any size, every image exactly once, here or by several workers."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eyeward.annotate.sources import Kind
from eyeward.cli.annotate_progress import reporting
from eyeward.cli.policy_options import POLICY_HELP
from eyeward.cli.screen import Screen, counted, one_line, visible
from eyeward.engine.remote.address import is_address
from eyeward.errors import UsageError

if TYPE_CHECKING:
    from eyeward.guard import Guard

SOME_UNREAD = 3
INTERRUPTED = 130
LOCAL, RAY = "local", "ray"
"""Engines; the third is the address of a server."""


def annotate(
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE…",
            show_default=False,
            help="A folder of images or videos, a .txt with one path a line, tar shards of both (WebDataset, …), "
            "Parquet, Arrow or Lance with images; also patterns, ranges and addresses: 'data/{00000..00123}.tar', "
            "'s3://bucket/*.parquet', hf://datasets/OWNER/NAME.",
        ),
    ],
    out: Annotated[
        str, typer.Option(metavar="DIR|s3://…", help="Where the run lies or is to lie; one that was stopped goes on.")
    ],
    model: Annotated[
        str | None,
        typer.Option(help="A guard, as for `eyeward assess`. Default: mini, or what the server of --engine serves."),
    ] = None,
    policy: Annotated[
        list[str] | None, typer.Option(help=f"{POLICY_HELP} May be given again. Default: default.")
    ] = None,
    explain: Annotated[
        str,
        typer.Option(
            metavar="never|unsafe|above P|all",
            help="Write rationales: for Unsafe and Review, from a probability on ('above 0.3'), or for all.",
        ),
    ] = "never",
    sample: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Judge N images only, drawn evenly from all shards.")
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="local|ray|URL",
            help="Where the guard runs: here, on a Ray cluster (extra ray), or behind a server (http://host/v1#name).",
        ),
    ] = LOCAL,
    vllm: Annotated[
        bool,
        typer.Option("--vllm", help="Have vLLM run the weights, here or in each worker (extra vllm; docs/vllm.md)."),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Judge in N processes that share the processors and GPUs. With --engine ray: actors, by default one "
            "for each GPU, or for each machine.",
        ),
    ] = None,
    rank: Annotated[int, typer.Option(metavar="R", help="Which part this process does, from 0.")] = 0,
    world_size: Annotated[int, typer.Option(metavar="N", help="How many parts there are.")] = 1,
    kind: Annotated[
        Kind | None,
        typer.Option(help="What SOURCE is, where its name does not tell; of tar shards video judges videos, too."),
    ] = None,
    image_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of tables that holds the images.")
    ] = None,
    fetch_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="Fetch images from addresses in Parquet at this host by https ('*.example.org', '*' for all). May be "
            "given again.",
        ),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(metavar="N", min=2, help="Videos: judge N frames, evenly spread. Default: 8."),
    ] = None,
    every: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Videos: judge a frame every so many seconds.")
    ] = None,
    images_per_shard: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Length of shards of loose files. Default: 1000 images, 100 videos."),
    ] = None,
    phash: Annotated[
        bool, typer.Option("--phash", help="Fill the column of perceptual hashes; costs a decoding.")
    ] = False,
    statistics: Annotated[
        bool,
        typer.Option(
            "--statistics",
            help="Add columns with brightness, contrast, colour, detail, shape and size of each image, which `eyeward "
            "monitor` compares; costs a decoding.",
        ),
    ] = False,
    known_hashes: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A list of SHA-256, MD5 or PDQ (as pdq:HASH); such images are Unsafe at once. May be given again.",
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep verdicts in this file, and take them from there in other runs."),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Judge shards again with failures that may have passed.")
    ] = False,
    redo_changed: Annotated[
        bool, typer.Option("--redo-changed", help="Judge shards again whose input has changed.")
    ] = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="Progress as lines of JSON on standard output.")] = False,
    device: Annotated[str, typer.Option(help="Where the weights run: auto, cpu, cuda, cuda:1, …")] = "auto",
    dtype: Annotated[
        str, typer.Option(help="What the weights are in: auto, float32, bfloat16, float16. A run keeps to one.")
    ] = "auto",
    max_tiles: Annotated[
        int | None,
        typer.Option(metavar="N", help="Cut large images into at most N tiles: quicker, and blind to small things."),
    ] = None,
) -> None:
    """Judge every image of a dataset under every policy; write NAME.safety.parquet for each shard NAME.

    An image that cannot be read is a row with its error; a video has one row, that of its worst frame. Starting again,
    after whatever happened, continues; several processes may work at one folder at once.

    Exit codes:
    0 when every shard is done, broken images or not;
    2 for wrong usage;
    3 when shards could not be read: start again to try them again;
    4 when the output could not be written;
    130 when it was interrupted: start again to go on.
    """
    from eyeward.annotate.cache import VerdictCache
    from eyeward.annotate.explain import Explain
    from eyeward.annotate.run import annotate as run
    from eyeward.annotate.sources import open_source
    from eyeward.annotate.sources.video import Sampling
    from eyeward.annotate.worker import Job, remarks
    from eyeward.images.fetch import Fetcher, FetchRules
    from eyeward.images.known import KnownHashes
    from eyeward.policy import Policy

    policies = [Policy.load(name) for name in policy or ["default"]]
    explained = Explain.parse(explain)
    known = KnownHashes.read(known_hashes) if known_hashes else None
    fetcher = Fetcher(FetchRules(hosts=frozenset(fetch_host))) if fetch_host else None
    sampling = None if frames is None and every is None else Sampling(frames, every)
    opened = open_source(source, kind, images_per_shard, image_column, fetcher=fetcher, sampling=sampling)
    names = [*source, out, *map(str, [*(known_hashes or []), *([cache] if cache else [])])]
    if model is not None and Path(model).is_dir():
        names.append(model)
    job = Job(
        guard=_loading(model, engine, device, dtype, max_tiles, vllm),
        source=replace(opened, shards=()),
        out=out,
        policies=tuple(policies),
        explain=explained,
        sample=sample,
        phash=phash,
        statistics=statistics,
        known_hashes=tuple(known_hashes or ()),
        cache=cache,
        retry_failed=retry_failed,
        redo_changed=redo_changed,
        start_folder=None if all(map(_is_whole, names)) else Path.cwd(),
    )
    screen = Screen()
    try:
        with _terminated_as_interrupted(), ExitStack() as stack:
            if engine == RAY:
                from eyeward.annotate.on_ray import annotate_on_ray

                watch = stack.enter_context(reporting(screen, log_json))
                progress = annotate_on_ray(job, opened.shards, workers, rank=rank, world_size=world_size, watch=watch)
            elif workers is not None and workers > 1:
                from eyeward.annotate.on_processes import annotate_on_processes

                progress = annotate_on_processes(
                    job,
                    opened.shards,
                    workers,
                    rank=rank,
                    world_size=world_size,
                    one_gpu_each=device == "auto" and engine == LOCAL,
                    watch=stack.enter_context(reporting(screen, log_json)),
                )
            else:
                with screen.bar(f"Loading {one_line(_named(model, engine))}"):
                    guard = job.guard()
                for remark in remarks(guard, policies):
                    screen.say(visible(remark))
                progress = run(
                    opened,
                    out,
                    guard,
                    policies,
                    explain=explained,
                    sample=sample,
                    phash=phash,
                    statistics=statistics,
                    known=known,
                    cache=None if cache is None else stack.enter_context(VerdictCache(cache)),
                    rank=rank,
                    world_size=world_size,
                    retry_failed=retry_failed,
                    redo_changed=redo_changed,
                    watch=stack.enter_context(reporting(screen, log_json)),
                )
    except KeyboardInterrupt:
        screen.say(f"Interrupted. What is finished lies in {out}; the same command goes on.")
        raise typer.Exit(INTERRUPTED) from None
    if progress.unread:
        for name, why in list(progress.unread.items())[:5]:
            screen.say(f"{visible(name)}: {visible(why)}")
        screen.say(f"{counted(len(progress.unread), 'shard')} could not be read; start again to try once more.")
        raise typer.Exit(SOME_UNREAD)


def _loading(
    model: str | None, engine: str, device: str, dtype: str, max_tiles: int | None, vllm: bool
) -> Callable[[], Guard]:
    """Return what loads the guard, in this process or in another one.

    Raises:
        UsageError: for an engine that there is not, or two.
    """
    import eyeward

    if engine not in (LOCAL, RAY) and not is_address(engine):
        raise UsageError(f"There is no engine {engine!r}; use local, ray, or the address of a server (http://…).")
    if vllm and (is_address(engine) or is_address(model or "")):
        raise UsageError("The weights run behind a server, which may be vLLM or not; leave --vllm out.")
    options: dict[str, Any] = {"device": device}
    if dtype != "auto":
        options["dtype"] = dtype
    if max_tiles is not None:
        options["max_tiles"] = max_tiles
    if vllm:
        options["engine"] = "vllm"
    if is_address(engine) and model is not None:
        options["engine"] = engine
    return partial(eyeward.load_guard, _named(model, engine), **options)


def _named(model: str | None, engine: str) -> str:
    return model or (engine if is_address(engine) else "mini")


def _is_whole(name: str) -> bool:
    """Whether a path or address means the same wherever one is."""
    return "://" in name or Path(name).is_absolute()


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Take a request to end, as schedulers send it, for an interrupt: the shard under way is dropped cleanly."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
