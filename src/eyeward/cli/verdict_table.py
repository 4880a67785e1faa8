"""Verdicts for people: a table whose rows appear as they come, at any width of a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from eyeward.cli.screen import one_line, visible
from eyeward.verdict import Rating, Review, ReviewReason, Verdict

COLOURS = {Rating.Safe.value: "green", Rating.Unsafe.value: "red", Rating.Review.value: "yellow", "error": "magenta"}
"""Of ratings, and of what stands in their place."""

_BAR = 8
_RATING, _PROBABILITY, _GAP = 6, _BAR + 5, 2
_NARROW = 72
"""Cells below which a verdict is written in lines and not in columns."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"


class VerdictTable:
    """Prints a heading with the first row; widths are chosen once, before there are any rows."""

    def __init__(self, console: Console, longest_path: int | None = None) -> None:
        """Lay out the table; `longest_path` is in cells, None where nobody can know it."""
        self._console = console
        self._smooth = console.encoding.lower().startswith("utf")
        self._image = min(max(longest_path or 36, 5), max(16, int(console.width * 0.38)))
        self._narrow = console.width < _NARROW
        self._empty = True

    def add(self, verdict: Verdict) -> None:
        """Print one verdict."""
        if self._empty and not self._narrow:
            self._row(Text("image"), Text("rating"), Text("p unsafe"), Text("category and reason"))
        self._empty = False
        image = self._name(visible(verdict.image or "-"))
        word = rating_word(verdict)
        rating = Text(word, style=COLOURS[word])
        probability = self._bar(verdict.p_unsafe, COLOURS[word])
        reasons = list(_reasons(verdict))
        if not self._narrow:
            self._row(image, rating, probability, Group(*reasons))
            return
        self._console.print(image, overflow="fold")
        self._console.print(Padding(Text("  ").join([rating, probability]), (0, 0, 0, 2)))
        self._console.print(Padding(Group(*reasons), (0, 0, 0, 2)))

    def finish(self, summary: Text) -> None:
        """Print the last line."""
        self._console.print(summary, soft_wrap=True)

    def _name(self, path: str) -> Text:
        """Break a path that is too long for its column before the name of the file."""
        folder, slash, name = path.rpartition("/")
        broken = not self._narrow and cell_len(path) > self._image and slash
        return Text(f"{folder}/\n{name}" if broken else path)

    def _row(self, *cells: RenderableType) -> None:
        row = Table.grid(padding=(0, _GAP, 0, 0))
        for width in (self._image, _RATING, _PROBABILITY):
            row.add_column(width=width, overflow="fold")
        row.add_column(overflow="fold")
        row.add_row(*cells)
        self._console.print(row)

    def _bar(self, probability: float | None, colour: str) -> Text:
        if probability is None:
            return Text("-")
        if self._smooth:
            full, part = divmod(round(probability * _BAR * 8), 8)
            bar = "█" * full + (_EIGHTHS[part] if part else "")
        else:
            bar = "#" * round(probability * _BAR)
        return Text.assemble((bar.ljust(_BAR), colour), f" {probability:.2f}")


def rating_word(verdict: Verdict) -> str:
    """Return the rating, or `error` where there is none."""
    return "error" if verdict.rating is None else verdict.rating.value


def _reasons(verdict: Verdict) -> Iterator[Text]:
    """Give everything that explains a verdict, a paragraph each. All of it may hold foreign text."""
    if verdict.error is not None:
        yield Text(f"{verdict.error.type}: {one_line(verdict.error.message)}")
    if verdict.category is not None:
        yield Text(one_line(verdict.category))
    if verdict.review is not None:
        yield Text(_why_review(verdict.review), style=COLOURS[Rating.Review.value])
    if verdict.rationale:
        yield Text(one_line(verdict.rationale))
    if verdict.notes:
        yield Text(one_line(f"({', '.join(verdict.notes)})"), style="dim")


def _why_review(review: Review) -> str:
    if review.reason is ReviewReason.band:
        band = "" if review.band is None else f" {review.band[0]:g} to {review.band[1]:g}"
        return f"for review: p unsafe lies in the band{band}"
    if review.reason is ReviewReason.frames:
        return "for review: not all frames were judged"
    if review.scope_distance is None:
        return "for review: the policy holds words that this guard has never met"
    return f"for review: unlike the images that this guard knows (distance {review.scope_distance:.2f})"


def path_width(path: str) -> int:
    """Return how many cells a path takes in the table."""
    return cell_len(visible(path))
