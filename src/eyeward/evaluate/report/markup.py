"""Pieces of HTML. Text comes in from outside, so nothing becomes markup unless it was made here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NewType

Html = NewType("Html", str)
"""Text that is markup already."""

_STYLE = """
:root { color-scheme: light dark; --back: #fdfdfc; --ink: #1d2125; --soft: #667079; --line: #d5d9dc; --fill: #eef0f1;
  --c0: #1769aa; --c1: #c2570c; --c2: #2e7d4f; --c3: #8d3fa8; --c4: #9a6b00; --c5: #b3264a; --ok: #2e7d4f;
  --review: #c79200; --unparsable: #c2570c; --failed: #b3264a; --heat: 23, 105, 170; }
@media (prefers-color-scheme: dark) { :root { --back: #15181b; --ink: #e4e7e9; --soft: #98a2aa; --line: #363c42;
  --fill: #20252a; --c0: #6bb2ee; --c1: #f2935a; --c2: #6cc490; --c3: #cf92e3; --c4: #dfb34f; --c5: #f07f9b;
  --ok: #6cc490; --review: #dfb34f; --unparsable: #f2935a; --failed: #f07f9b; --heat: 107, 178, 238; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 68rem; background: var(--back); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: .5rem 0; } h2 { font-size: 1.25rem; margin: 2.5rem 0 .25rem; } h3 { font-size: 1rem; }
p, figcaption { color: var(--soft); margin: .25rem 0 .75rem; max-width: 46rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem .25rem 0; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap;
  vertical-align: top; }
th:first-child, td:first-child { text-align: left; } thead th { color: var(--soft); font-weight: 600; }
td small { color: var(--soft); display: block; font-size: .78rem; } .trivial { color: var(--soft); }
.heat td { text-align: center; padding: .25rem .5rem; min-width: 2.6rem; } .heat th { padding: .25rem .5rem; }
figure { margin: 1rem 0; } svg { width: 100%; height: auto; display: block; }
.charts { display: grid; gap: 1rem 2rem; grid-template-columns: repeat(auto-fit, minmax(min(19rem, 100%), 1fr)); }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .5rem 0; padding: 0; list-style: none; }
.legend i { display: inline-block; width: 1.4rem; height: .25rem; margin-right: .4rem; vertical-align: middle; }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(15rem, 100%), 1fr)); }
.card { border: 1px solid var(--line); border-radius: .4rem; padding: .6rem; background: var(--fill); margin: 0; }
.card img { width: 100%; aspect-ratio: 4 / 3; object-fit: cover; border-radius: .25rem; display: block; }
.card p { margin: .35rem 0 0; font-size: .85rem; } .card b { color: var(--ink); }
text { fill: var(--soft); font: 11px system-ui, sans-serif; } .axis { stroke: var(--line); fill: none; }
.guide { stroke: var(--soft); stroke-dasharray: 2 4; fill: none; } .series { fill: none; stroke-width: 2; }
"""

PALETTE = 6
"""Colours of the style sheet; guards beyond them share."""


def text(value: object) -> Html:
    """Return text as markup that shows it, whatever it holds; what cannot be seen is shown as a box."""
    seen = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in str(value))
    return Html(escape(seen, quote=True))


def joined(parts: Iterable[Html]) -> Html:
    """Put pieces of markup one after the other."""
    return Html("".join(parts))


def element(tag: str, *content: Html, **attributes: str) -> Html:
    """Return an element; a trailing underscore of an attribute's name is dropped, others become hyphens."""
    given = "".join(f' {name.rstrip("_").replace("_", "-")}="{text(value)}"' for name, value in attributes.items())
    return Html(f"<{tag}{given}>" if tag == "img" else f"<{tag}{given}>{''.join(content)}</{tag}>")


def paragraph(words: str) -> Html:
    """Return a paragraph of plain text."""
    return element("p", text(words))


def table(head: Sequence[Html], rows: Iterable[Sequence[Html]], class_: str = "") -> Html:
    """Return a table that scrolls by itself on a narrow screen; the first cell of each row names it."""
    first = element("tr", *(element("th", cell, scope="col") for cell in head))
    body = (element("tr", element("th", row[0], scope="row"), *map(_cell, row[1:])) for row in rows)
    inside = element("table", element("thead", first), element("tbody", *body), class_=class_)
    return element("div", inside, class_="scroll")


def _cell(content: Html) -> Html:
    return content if content.startswith("<td") else element("td", content)


def legend(names: Sequence[str]) -> Html:
    """Name the colours of guards."""
    items = (
        element("li", element("i", style=f"background: var(--c{number % PALETTE})"), text(name))
        for number, name in enumerate(names)
    )
    return element("ul", *items, class_="legend")


def section(title: str, *content: Html) -> Html:
    """Return a part of the page under a heading."""
    return element("section", element("h2", text(title)), *content)


def page(title: str, *content: Html) -> Html:
    """Return a whole page. Its policy forbids scripts, and everything that would be loaded from elsewhere."""
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<title>{text(title)}</title><style>{_STYLE}</style>"
    )
    body = element("body", element("main", element("h1", text(title)), *content))
    return Html(f'<!doctype html>\n<html lang="en"><head>{head}</head>{body}</html>\n')
