"""Metrics and comparisons as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eyeward.cli.screen import visible

if TYPE_CHECKING:
    from eyeward.evaluate.calibrating import Calibrated
    from eyeward.evaluate.metrics import Estimate
    from eyeward.evaluate.paired import Comparison, Difference
    from eyeward.evaluate.summary import Metrics


def print_metrics(console: Console, metrics: Metrics) -> None:
    """Print all metrics of all guards, the trivial ones at the right."""
    _title(console, f"{metrics.questions:,} questions, {metrics.images:,} images; 95 % intervals")
    columns = [(guard.guard, guard.tables.overall, True) for guard in metrics.guards]
    columns += [(name, tables.overall, False) for name, tables in metrics.trivial.items()]
    console.print(_estimates(columns))


def print_covered(console: Console, metrics: Metrics) -> None:
    """Print the metrics of each guard on what it covers, where that is not everything."""
    for guard in metrics.guards:
        covered = guard.covered
        if covered is None or not (covered.left_out or covered.read_as_answers):
            continue
        _title(console, visible(f"{guard.guard} on what it covers: {covered.in_words(metrics.questions)}"))
        if covered.questions:
            columns = [(guard.guard, covered.tables.overall, True)]
            columns += [(name, estimates, False) for name, estimates in covered.trivial.items()]
            console.print(_estimates(columns))


def _estimates(columns: Sequence[tuple[str, Mapping[str, Estimate], bool]]) -> Table:
    """Lay out a row a metric; in full with interval and optimistic number."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("metric")
    for name, _, _ in columns:
        table.add_column(Text(visible(name)), justify="right")
    for name in columns[0][1]:
        cells = [_cell(estimates[name], full) for _, estimates, full in columns]
        if any(cell.plain != "–" for cell in cells):
            table.add_row(name.replace("_", " "), *cells)
    return table


def _title(console: Console, title: str) -> None:
    console.print(Text(title, style="bold"), soft_wrap=True)


def _cell(estimate: Estimate, full: bool) -> Text:
    if estimate.value is None:
        return Text("–", style="dim")
    text = Text(f"{estimate.value:.3f}")
    if full and estimate.low is not None and estimate.high is not None:
        text.append(f" ({estimate.low:.3f}–{estimate.high:.3f})", style="dim")
    if full and estimate.answered_only is not None and round(estimate.answered_only - estimate.value, 3):
        text.append(f" answered {estimate.answered_only:.3f}", style="dim")
    return text


def print_comparisons(console: Console, comparisons: Sequence[Comparison]) -> None:
    """Print a table for each pair of guards."""
    for found in comparisons:
        left_out = found.only_first + found.only_second
        missing = f", {left_out:,} left out that only one was asked" if left_out else ""
        _title(console, visible(f"{found.first} minus {found.second}: {found.questions:,} questions{missing}"))
        table = Table(box=box.SIMPLE, pad_edge=False)
        table.add_column("metric")
        table.add_column("difference", justify="right")
        for name, difference in found.differences.items():
            if difference.value is not None:
                table.add_row(name.replace("_", " "), _difference(difference))
        test = found.mcnemar
        table.add_row(
            "McNemar", f"{test.first_better} to {test.second_better}, p {test.exact_p:.4f} (mid-p {test.mid_p:.4f})"
        )
        console.print(table)


def _difference(difference: Difference) -> Text:
    text = Text(f"{difference.value:+.3f}")
    if difference.low is not None and difference.high is not None:
        text.append(f" ({difference.low:+.3f} to {difference.high:+.3f})", style="dim")
        text.append(" *" if difference.excludes_zero else "")
    return text


def print_calibrated(console: Console, found: Calibrated) -> None:
    """Print what a calibration changed and what is promised."""
    _title(console, f"Measured on {found.measured_on:,} questions, fitted on {found.fitted_on:,} others")
    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in ("", "before", "after"):
        table.add_column(heading, justify="right" if heading else "left")
    table.add_row("brier", f"{found.before.brier:.4f}", f"{found.after.brier:.4f}")
    table.add_row("calibration error", f"{found.before.calibration_error:.4f}", f"{found.after.calibration_error:.4f}")
    console.print(table)
    promise, band = found.promise, found.review_band
    sure = f"with {promise.confidence:.1%} confidence, for images and policies like these"
    if promise.specificity is None:
        kept = f"At least {promise.recall:.1%} of unsafe images are rated Unsafe"
    else:
        kept = (
            f"At most {1 - promise.recall:.1%} of unsafe images are rated Safe and at most "
            f"{1 - promise.specificity:.1%} of safe ones Unsafe"
        )
    where = f"threshold {found.threshold:g}" if band is None else f"review band {band[0]:g} to {band[1]:g}"
    seen = f"{promise.missed} of {promise.unsafe} unsafe images were missed here"
    if promise.safe is not None:
        seen += f", {promise.flagged} of {promise.safe} safe ones rated Unsafe"
    console.print(Text(f"{kept}, {sure}: {where}; {seen}."), soft_wrap=True)
