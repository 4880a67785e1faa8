"""How many images of each category and severity there are, drawn as SVG that can be read on light and on dark pages."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from eyeward.data.statistics import Statistics

_CELL_WIDTH, _CELL_HEIGHT, _GAP = 128, 30, 2
_LETTER = 7.2
"""Width of a letter of the labels, and a little more than that."""
_LONGEST_LABEL = 44
_TOP, _EDGE = 46, 14
_STYLE = """
    .back { fill: #ffffff } text { fill: #1d2125; font: 13px system-ui, sans-serif } .soft { fill: #5b646c }
    .cell { fill: #1769aa } .none { fill: #eef0f1 }
    @media (prefers-color-scheme: dark) { .back { fill: #15181b } text { fill: #e4e7e9 } .soft { fill: #a3adb5 }
      .cell { fill: #6bb2ee } .none { fill: #20252a } }
"""
_STRONGEST = 0.5
"""Opacity of the fullest cell; its number stays readable."""


def category_picture(found: Statistics) -> str:
    """Return a table whose cells are the darker the more samples are in them; augmented ones do not count."""
    levels = found.levels
    labels = {category: _shortened(category) for category in found.cells}
    left = _EDGE + round(_LETTER * max((len(label) for label in labels.values()), default=0)) + 10
    width = left + (len(levels) + 1) * _CELL_WIDTH + _EDGE
    height = _TOP + len(labels) * _CELL_HEIGHT + _EDGE
    most = max((count for row in found.cells.values() for count in row.values()), default=1)
    title = "Samples by category and severity"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img">',
        f"<title>{title}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="back" width="{width}" height="{height}" rx="6"/>',
        *_head([level.replace("_", " ") for level in levels], left),
    ]
    for number, (category, row) in enumerate(found.cells.items()):
        counts = [row.get(level, 0) for level in levels]
        lines += _row(labels[category], counts, most, left, _TOP + number * _CELL_HEIGHT)
    return "\n".join([*lines, "</svg>", ""])


def _head(names: list[str], left: int) -> Iterator[str]:
    for number, name in enumerate([*names, "all"]):
        x = left + number * _CELL_WIDTH + _CELL_WIDTH // 2
        yield f'<text class="soft" x="{x}" y="{_TOP - 14}" text-anchor="middle">{_text(name)}</text>'


def _row(label: str, counts: list[int], most: int, left: int, y: int) -> Iterator[str]:
    middle = y + _CELL_HEIGHT // 2 + 5
    yield f'<text x="{left - 10}" y="{middle}" text-anchor="end">{_text(label)}</text>'
    for number, count in enumerate(counts):
        x = left + number * _CELL_WIDTH
        opacity = _STRONGEST * (count / most) ** 0.5 if count else 1.0
        yield (
            f'<rect class="{"cell" if count else "none"}" x="{x}" y="{y}" width="{_CELL_WIDTH - _GAP}" '
            f'height="{_CELL_HEIGHT - _GAP}" rx="3" fill-opacity="{opacity:.2f}"/>'
        )
        yield f'<text x="{x + _CELL_WIDTH // 2}" y="{middle}" text-anchor="middle">{_number(count)}</text>'
    x = left + len(counts) * _CELL_WIDTH + _CELL_WIDTH // 2
    yield f'<text class="soft" x="{x}" y="{middle}" text-anchor="middle">{_number(sum(counts))}</text>'


def _number(count: int) -> str:
    return f"{count:,}" if count else "–"


def _shortened(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"


def _text(words: str) -> str:
    """Return foreign text as markup that shows it; what cannot be seen is shown as a box."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in words))
