"""`eyeward assess`: judge images against a policy."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer
from rich.text import Text

from eyeward.cli.paths import ImagePaths
from eyeward.cli.policy_options import POLICY_HELP, NonViolating, Only, Sensitive, chosen_policy
from eyeward.cli.screen import Screen, counted, one_line, visible
from eyeward.cli.verdict_json import VerdictJson
from eyeward.cli.verdict_table import COLOURS, VerdictTable, path_width, rating_word
from eyeward.errors import UsageError
from eyeward.verdict import Rating, Verdict

if TYPE_CHECKING:
    from eyeward.guard import Coverage, Guard, Request
    from eyeward.policy import Policy

UNSAFE_FOUND = 1
SOME_FAILED = 3


class Limits(TypedDict, total=False):
    """What was said about how the weights run in this process; what was not is left to the guard."""

    max_tiles: int
    memory_gb: float


class Format(StrEnum):
    """How verdicts are written."""

    table = "table"
    json = "json"
    jsonl = "jsonl"


@dataclass
class Tally:
    """Counts verdicts by rating; those without one as `error`."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        """Count one."""
        self.counts[rating_word(verdict)] += 1

    @property
    def failed(self) -> int:
        """Images without a rating."""
        return self.counts["error"]

    def exit_code(self, fail_on_unsafe: bool) -> int:
        """Return 1 before 3: who forgives broken files must not thereby let an unsafe one pass."""
        if fail_on_unsafe and self.counts[Rating.Unsafe] + self.counts[Rating.Review]:
            return UNSAFE_FOUND
        return SOME_FAILED if self.failed else 0


@dataclass(frozen=True)
class Survey:
    """What is known of the images before they are judged."""

    count: int | None = None
    longest: int | None = None
    """Cells of the longest path."""


def assess(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH…",
            show_default=False,
            help="Image files, folders (with all folders below), patterns ('photos/**/*.jpg'), or - for paths on "
            "standard input, one a line.",
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            help="A guard that ships (see `eyeward models list`), a folder, a Hub id, or the address of a server with "
            "the model it serves: http://host:8000/v1#model."
        ),
    ] = "mini",
    policy: Annotated[str, typer.Option(help=POLICY_HELP)] = "default",
    non_violating: NonViolating = None,
    sensitive: Sensitive = None,
    only: Only = None,
    no_explain: Annotated[bool, typer.Option("--no-explain", help="Write no rationale; faster.")] = False,
    threshold: Annotated[
        float | None, typer.Option(metavar="P", help="Rate Unsafe from this p_unsafe on; default: the guard's own.")
    ] = None,
    review_band: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LO HI", help="Rate Review where p_unsafe lies between these, ends included."),
    ] = None,
    format: Annotated[
        Format, typer.Option(help="A table for people, one JSON array, or a line of JSON for each image.")
    ] = Format.table,
    fail_on_unsafe: Annotated[
        bool, typer.Option("--fail-on-unsafe", help="Exit with 1 when an image is Unsafe or for Review.")
    ] = False,
    device: Annotated[str, typer.Option(help="Where the weights run: auto, cpu, cuda, cuda:1, …")] = "auto",
    max_tiles: Annotated[
        int | None,
        typer.Option(metavar="N", help="Cut large images into at most N tiles: quicker, and blind to small things."),
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option(metavar="GB", help="About what one pass may need beside the weights, in gigabytes; default: 2."),
    ] = None,
    null_separated: Annotated[
        bool, typer.Option("-0", "--null", help="Paths on standard input end with NUL, as `find -print0` writes them.")
    ] = False,
) -> None:
    """Judge images against a policy.

    Exit codes: 0 when every image was judged;
    1 with --fail-on-unsafe when one is Unsafe or Review, failures or not;
    2 for wrong usage, nothing was judged;
    3 when some images failed: they have no rating and are never Safe;
    4 when the output could not be written.
    """
    chosen = chosen_policy(policy, non_violating, sensitive, only)
    _check_probabilities(threshold, review_band)
    images = ImagePaths(paths, sys.stdin.buffer, null_separated)
    limits = Limits()
    if max_tiles is not None:
        limits["max_tiles"] = max_tiles
    if memory is not None:
        limits["memory_gb"] = memory

    screen = Screen()
    with screen.bar(f"Loading {one_line(model)}"):
        guard = _load(model, device, limits, threshold, review_band)
        coverage = guard.coverage(chosen)
    if not guard.trained_to_judge:
        screen.say(_only_guesses(guard))
    if coverage.not_covered:
        screen.say(_cannot_read(coverage, guard, chosen))

    survey = _survey(images) if images.countable and (screen.watched or format is Format.table) else Survey()
    output = (
        VerdictTable(screen.out, survey.longest)
        if format is Format.table
        else VerdictJson(screen.out, as_array=format is Format.json)
    )
    tally, started = Tally(), time.perf_counter()
    with screen.bar("Judging", survey.count) as advance:
        for verdict in guard.assess_requests(_requests(images, chosen, not no_explain)):
            output.add(verdict)
            tally.add(verdict)
            advance()
    output.finish(_summary(tally, time.perf_counter() - started, guard, chosen))
    if tally.failed and format is not Format.table:
        screen.say(f"{counted(tally.failed, 'image')} could not be judged; their status is 'error'.")
    if images.left_out:
        screen.say(_left_out(images.left_out))
    code = tally.exit_code(fail_on_unsafe)
    if code:
        raise typer.Exit(code)


def _check_probabilities(threshold: float | None, band: tuple[float, float] | None) -> None:
    """Refuse before anything is loaded; not-a-number fails every comparison."""
    if threshold is not None and not 0.0 <= threshold <= 1.0:
        raise UsageError(f"--threshold is a probability between 0 and 1, not {threshold:g}.")
    if band is not None and not 0.0 <= band[0] <= band[1] <= 1.0:
        raise UsageError(
            f"--review-band is two probabilities between 0 and 1, the lower first, not {band[0]:g} {band[1]:g}."
        )


def _load(model: str, device: str, limits: Limits, threshold: float | None, band: tuple[float, float] | None) -> Guard:
    import eyeward

    guard = eyeward.load_guard(model, device=device, **limits)
    if threshold is not None:
        guard = guard.with_threshold(threshold)
    return guard if band is None else guard.with_review_band(*band)


def _requests(images: ImagePaths, policy: Policy, explain: bool) -> Iterator[Request]:
    from eyeward.guard import Request

    for path in images:
        # A verdict is Unicode: bytes of a name that are none are shown as escapes.
        key = path.encode("utf-8", "backslashreplace").decode("utf-8")
        yield Request(path, policy, explain, key)


def _survey(images: ImagePaths) -> Survey:
    count = longest = 0
    for path in images:
        count, longest = count + 1, max(longest, path_width(path))
    return Survey(count, longest)


def _only_guesses(guard: Guard) -> str:
    name = visible(guard.model.name)
    return (
        f"{name!r} was never taught to judge images by a policy; its ratings may be mere guesses. Measure it with "
        "`eyeward evaluate` before you rely on any."
    )


def _cannot_read(coverage: Coverage, guard: Guard, policy: Policy) -> str:
    categories = ", ".join(coverage.not_covered)
    words = list(dict.fromkeys(word for unknown in coverage.unknown_words.values() for word in unknown))
    listed = ", ".join(repr(word) for word in words[:8]) + (f" and {len(words) - 8} more" if len(words) > 8 else "")
    why = f": it has never met {listed}" if words else ""
    who = f"The guard {guard.model.name!r} cannot judge {categories} of policy {policy.name!r}"
    which = "on images" if words else "that would be Safe"
    return visible(f"{who}{why}. Its verdicts {which} are Review.")


def _summary(tally: Tally, seconds: float, guard: Guard, policy: Policy) -> Text:
    words = [rating.value for rating in Rating] + (["error"] if tally.failed else [])
    counts = Text(", ").join(Text(f"{tally.counts[word]} {word}", style=COLOURS[word]) for word in words)
    asked = visible(f"{guard.model.name}, policy {policy.name} v{policy.version} {policy.hash[:12]}")
    return Text.assemble(f"{counted(tally.counts.total(), 'image')}: ", counts, f" in {seconds:.1f} s ({asked})")


def _left_out(by_extension: Counter[str]) -> str:
    kinds = ", ".join(f"{number} {extension or 'without'}" for extension, number in by_extension.most_common(8))
    more = ", …" if len(by_extension) > 8 else ""
    count = counted(by_extension.total(), "file")
    return visible(f"Left out of folders, by extension: {count} ({kinds}{more}). A file that is named is always tried.")
