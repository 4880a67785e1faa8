"""`eyeward assess`: judge images against a policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from eyeward.cli.image_paths import ImagePaths, image_paths
from eyeward.cli.verdict_output import Format, VerdictWriter
from eyeward.errors import UsageError
from eyeward.policy import Policy
from eyeward.verdict import Rating, Verdict

UNSAFE_FOUND = 1
SOME_FAILED = 3
LONG_WORK = 8
"""Images from which a progress bar is shown."""


def assess(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Images, folders, globs; '-' reads paths from standard input.")
    ],
    model: Annotated[str, typer.Option(help="A guard that ships inside, a folder, or a Hub id.")] = "mini",
    policy: Annotated[str, typer.Option(help="A pack (see `eyeward policy list`) or a YAML file.")] = "default",
    non_violating: Annotated[str, typer.Option(metavar="O6,…", help="Allow everything in these categories.")] = "",
    sensitive: Annotated[str, typer.Option(metavar="O2,…", help="Forbid everything in these categories.")] = "",
    only: Annotated[str, typer.Option(metavar="O1,…", help="Keep these categories alone.")] = "",
    explain: Annotated[bool, typer.Option("--explain/--no-explain", help="Write a reason for each verdict.")] = True,
    threshold: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="p_unsafe from which an image is Unsafe.")
    ] = None,
    review_band: Annotated[
        tuple[float, float] | None, typer.Option(metavar="LO HI", help="p_unsafe for which the verdict is Review.")
    ] = None,
    format: Annotated[Format, typer.Option(help="How verdicts are written.")] = Format.table,
    fail_on_unsafe: Annotated[
        bool, typer.Option("--fail-on-unsafe", help="Exit with 1 when an image is Unsafe or for Review.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, …")] = "auto",
) -> None:
    """Judge images against a policy.

    Exit code 0; 1 with --fail-on-unsafe and an image that is Unsafe or for Review; else 3 when images could not be
    judged; 2 for wrong usage.
    """
    images = image_paths(paths)
    chosen = edited(Policy.load(policy), non_violating, sensitive, only)
    from eyeward.guard import load_guard

    guard = load_guard(model, device=device)
    if threshold is not None:
        guard = guard.with_threshold(threshold)
    if review_band is not None:
        guard = guard.with_review_band(*review_band)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    coverage = guard.coverage(chosen)
    if coverage.not_covered:
        words = sorted({word for words in coverage.unknown_words.values() for word in words})
        unknown = f": it has never met {', '.join(map(repr, words[:8]))}" if words else ""
        named = ", ".join(coverage.not_covered)
        errors.print(f"{guard.model.name} cannot read {named} of this policy{unknown}. Every verdict is Review.")
    if images.left_out:
        errors.print(f"{images.left_out} files in folders are not called like images and were left out.")
    writer = VerdictWriter(format)
    writer.write_all(_with_progress(guard.assess_many(images.paths, chosen, explain), images, errors))
    if format is Format.table:
        errors.print(writer.summary())
    if fail_on_unsafe and (writer.counts[Rating.Unsafe] or writer.counts[Rating.Review]):
        raise typer.Exit(UNSAFE_FOUND)
    if writer.counts["error"]:
        raise typer.Exit(SOME_FAILED)


def edited(policy: Policy, non_violating: str, sensitive: str, only: str) -> Policy:
    """Apply the changes that a command line asks for.

    Raises:
        PolicyError: when an id is not in the policy.
        UsageError: when a category is to be allowed and forbidden at once.
    """
    allowed, forbidden, kept = (_ids(text) for text in (non_violating, sensitive, only))
    both = [id for id in allowed if id in forbidden]
    if both:
        raise UsageError(f"{both[0]} stands under --non-violating and under --sensitive; choose one.")
    if kept:
        policy = policy.only(*kept)
    if allowed:
        policy = policy.non_violating(*allowed)
    return policy.sensitive(*forbidden) if forbidden else policy


def _ids(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _with_progress(verdicts: Iterable[Verdict], images: ImagePaths, errors: Console) -> Iterator[Verdict]:
    """Show a bar on standard error while verdicts come, if it is a terminal and there is much to do."""
    if not errors.is_terminal or (images.count is not None and images.count < LONG_WORK):
        yield from verdicts
        return
    columns = SpinnerColumn(), TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=errors, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task("judging", total=images.count)
        for verdict in verdicts:
            progress.advance(task)
            yield verdict
