"""`eyeward annotate`: judge a dataset of any size, every image exactly once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from eyeward.annotate.sources import IMAGES_PER_SHARD, Kind
from eyeward.cli.annotate_progress import reporting
from eyeward.cli.policy_options import POLICY_HELP
from eyeward.cli.screen import Screen, counted, one_line, visible

SOME_UNREAD = 3
INTERRUPTED = 130


def annotate(
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE…",
            show_default=False,
            help="A folder of images, a .txt with one path a line, tar shards (WebDataset, img2dataset), Parquet with "
            "images; also patterns and ranges: 'data/{00000..00123}.tar', 's3://bucket/*.parquet'.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run; one that was stopped goes on.")],
    model: Annotated[str, typer.Option(help="A guard, as for `eyeward assess`.")] = "mini",
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
    rank: Annotated[int, typer.Option(metavar="R", help="Which part this process does, from 0.")] = 0,
    world_size: Annotated[int, typer.Option(metavar="N", help="How many parts there are.")] = 1,
    kind: Annotated[Kind | None, typer.Option(help="What SOURCE is, where its name does not tell.")] = None,
    image_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of Parquet files that holds the images.")
    ] = None,
    fetch_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="Fetch images from addresses in Parquet at this host by https ('*.example.org', '*' for all). May be "
            "given again.",
        ),
    ] = None,
    images_per_shard: Annotated[
        int, typer.Option(metavar="N", min=1, help="Length of shards of loose files.")
    ] = IMAGES_PER_SHARD,
    phash: Annotated[
        bool, typer.Option("--phash", help="Fill the column of perceptual hashes; costs a decoding.")
    ] = False,
    known_hashes: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="A list of SHA-256 or MD5; such images are Unsafe at once. May be given again."
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
    max_tiles: Annotated[
        int | None,
        typer.Option(metavar="N", help="Cut large images into at most N tiles: quicker, and blind to small things."),
    ] = None,
) -> None:
    """Judge every image of a dataset under every policy; write NAME.safety.parquet for each shard NAME.

    An image that cannot be read is a row with its error. Starting again, after whatever happened, continues; several
    processes may work at one folder at once.

    Exit codes:
    0 when every shard is done, broken images or not;
    2 for wrong usage;
    3 when shards could not be read: start again to try them again;
    4 when the output could not be written;
    130 when it was interrupted: start again to go on.
    """
    import eyeward
    from eyeward.annotate.cache import VerdictCache
    from eyeward.annotate.explain import Explain
    from eyeward.annotate.run import annotate as run
    from eyeward.annotate.sources import open_source
    from eyeward.images.fetch import Fetcher, FetchRules
    from eyeward.images.known import KnownHashes
    from eyeward.policy import Policy

    policies = [Policy.load(name) for name in policy or ["default"]]
    explained = Explain.parse(explain)
    known = KnownHashes.read(known_hashes) if known_hashes else None
    fetcher = Fetcher(FetchRules(hosts=frozenset(fetch_host))) if fetch_host else None
    opened = open_source(source, kind, images_per_shard, image_column, fetcher=fetcher)
    screen = Screen()
    with screen.bar(f"Loading {one_line(model)}"):
        guard = (
            eyeward.load_guard(model, device=device)
            if max_tiles is None
            else eyeward.load_guard(model, device=device, max_tiles=max_tiles)
        )
    if not guard.trained_to_judge:
        screen.say(f"{visible(guard.model.name)!r} is a base to train guards from: its ratings are guesses.")
    for asked in policies:
        missed = guard.coverage(asked).not_covered
        if missed:
            screen.say(
                f"The guard cannot judge {', '.join(missed)} of policy {asked.name!r}: what would be Safe is Review."
            )
    try:
        with ExitStack() as stack:
            kept = None if cache is None else stack.enter_context(VerdictCache(cache))
            stack.enter_context(_terminated_as_interrupted())
            watch = stack.enter_context(reporting(screen, log_json))
            progress = run(
                opened,
                out,
                guard,
                policies,
                explain=explained,
                sample=sample,
                phash=phash,
                known=known,
                cache=kept,
                rank=rank,
                world_size=world_size,
                retry_failed=retry_failed,
                redo_changed=redo_changed,
                watch=watch,
            )
    except KeyboardInterrupt:
        screen.say(f"Interrupted. What is finished lies in {out}; the same command goes on.")
        raise typer.Exit(INTERRUPTED) from None
    if progress.unread:
        for name, why in list(progress.unread.items())[:5]:
            screen.say(f"{visible(name)}: {visible(why)}")
        screen.say(f"{counted(len(progress.unread), 'shard')} could not be read; start again to try once more.")
        raise typer.Exit(SOME_UNREAD)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Take a request to end, as schedulers send it, for an interrupt: the shard under way is dropped cleanly."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
